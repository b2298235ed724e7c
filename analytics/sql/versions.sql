-- Of which version of a sequence messages are: that of their run when it came to their step, as the
-- log tells it. Ids of others are passed over.
-- Not the ORM: a lateral join of outbox and ledger with the log. The days allow for clocks that
-- disagree; the bounds let the other months go unread.
SELECT message.id, (came.properties ->> 'version_id')::bigint
  FROM (SELECT id, subscriber_id, source_id, step_key, run, queued_at
          FROM delivery_ledger
         WHERE id = ANY(%(ids)s) AND kind = 'sequence'
         UNION ALL
        SELECT id, subscriber_id, source_id, step_key, run, queued_at
          FROM delivery_outbox
         WHERE id = ANY(%(ids)s) AND kind = 'sequence') AS message
 CROSS JOIN LATERAL (
       SELECT event.properties
         FROM subscribers_event AS event
        WHERE event.subscriber_id = message.subscriber_id
          AND event.kind = 'enrollment.step'
          AND event.source_kind = 'sequence'
          AND event.source_id = message.source_id
          AND event.step_key = message.step_key
          AND (event.properties ->> 'run')::int = message.run
          AND event.recorded_at BETWEEN message.queued_at - interval '1 day'
                                    AND message.queued_at + interval '1 day'
        ORDER BY event.id
        LIMIT 1) AS came
 WHERE came.properties ? 'version_id'
