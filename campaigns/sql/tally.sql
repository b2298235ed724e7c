-- What each variant of a campaign has come to by a goal: how many people have got it, how many of
-- them have then done what is told under that name, and what the number `amount` among its
-- properties sums up to, and its squares (absurd ones are cut, lest they overflow).
-- Not the ORM: one lateral look per message, by the index of what one person did.
SELECT message.variant,
       count(*) FILTER (WHERE done.times > 0),
       count(*),
       coalesce(sum(done.amount), 0)::float8,
       coalesce(sum(done.amount * done.amount), 0)::float8
  FROM delivery_ledger AS message
 CROSS JOIN LATERAL (
       SELECT count(*) AS times,
              sum(CASE WHEN jsonb_typeof(event.properties -> %(amount)s) = 'number'
                       THEN least(greatest((event.properties ->> %(amount)s)::numeric, -1e9), 1e9)
                  END) AS amount
         FROM subscribers_event AS event
        WHERE event.subscriber_id = message.subscriber_id AND event.name = %(goal)s
          AND event.recorded_at >= message.finished_at
          AND event.occurred_at >= message.finished_at) AS done
 WHERE message.kind = 'campaign' AND message.source_id = %(campaign_id)s
   AND message.outcome = 'sent'
 GROUP BY message.variant
