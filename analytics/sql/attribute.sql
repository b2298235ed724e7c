-- Which message takes credit for each conversion: the last one in its window that the person
-- clicked, or was sent, and whether that message has the same conversion already. A row for each
-- that is asked for, in that order; without a message, where none takes it.
-- Not the ORM: arrays and a lateral look back into one person's log. What a message did is recorded
-- soon after it happened, so the bound on `recorded_at` lets the older months go unread.
SELECT coalesce(message.source_kind, ''), coalesce(message.source_id, 0),
       coalesce(message.step_key, ''), coalesce(message.variant, ''), message.message_id,
       EXISTS (SELECT FROM subscribers_event AS before
                WHERE before.subscriber_id = told.subscriber_id
                  AND before.message_id = message.message_id
                  AND before.kind = %(reached)s
                  AND before.verdict = told.conversion) AS known
  FROM unnest(%(event_id)s::bigint[], %(subscriber_id)s::bigint[], %(until)s::timestamptz[],
              %(since)s::timestamptz[], %(conversion)s::text[], %(kind)s::text[])
       WITH ORDINALITY
    AS told (event_id, subscriber_id, until, since, conversion, kind, place)
  LEFT JOIN LATERAL (
       SELECT source_kind, source_id, step_key, variant, message_id
         FROM subscribers_event AS event
        WHERE event.subscriber_id = told.subscriber_id
          AND event.kind = told.kind
          AND event.verdict IN ('', 'human')
          AND event.occurred_at BETWEEN told.since AND told.until
          AND event.recorded_at >= told.since
        ORDER BY event.occurred_at DESC, event.id DESC
        LIMIT 1) AS message ON true
 ORDER BY told.place
