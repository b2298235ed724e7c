-- The messages of the claimed runs: when those still in the outbox may leave, and when the others
-- left (or did not), if since the run came to its position. A message in doubt counts as left when
-- it was marked.
-- Not the ORM: arrays of composite keys. The day allows for clocks that disagree; the bound lets
-- the months before go unread.
WITH claimed AS (
    SELECT *
      FROM unnest(%(id)s::bigint[], %(sequence_id)s::bigint[], %(subscriber_id)s::bigint[],
                  %(run)s::int[], %(entered_step_at)s::timestamptz[])
        AS claimed (id, sequence_id, subscriber_id, run, entered_step_at)
)
SELECT claimed.id, message.step_key, message.run_at AS may_leave_at,
       CASE WHEN message.doubt_at IS NOT NULL THEN message.wire_at END AS left_at
  FROM claimed
  JOIN delivery_outbox AS message
    ON message.kind = 'sequence'
   AND message.source_id = claimed.sequence_id
   AND message.subscriber_id = claimed.subscriber_id
   AND message.run = claimed.run
 UNION ALL
SELECT claimed.id, message.step_key, NULL, message.finished_at
  FROM claimed
  JOIN delivery_ledger AS message
    ON message.subscriber_id = claimed.subscriber_id
   AND message.kind = 'sequence'
   AND message.source_id = claimed.sequence_id
   AND message.run = claimed.run
   AND message.finished_at > claimed.entered_step_at - interval '1 day'
