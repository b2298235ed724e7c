-- The messages that runs have got.
-- Not the ORM: arrays of composite keys. The day allows for clocks that disagree; the bound lets
-- the months before go unread.
SELECT run.id, message.id, message.step_key, message.variant
  FROM unnest(%(id)s::bigint[], %(sequence_id)s::bigint[], %(subscriber_id)s::bigint[],
              %(run)s::int[], %(started_at)s::timestamptz[])
    AS run (id, sequence_id, subscriber_id, run, started_at)
  JOIN delivery_ledger AS message
    ON message.subscriber_id = run.subscriber_id
   AND message.kind = 'sequence'
   AND message.source_id = run.sequence_id
   AND message.run = run.run
   AND message.finished_at > run.started_at - interval '1 day'
 WHERE message.outcome = 'sent'
 ORDER BY message.id
