-- Look again at once at the runs that wait for one of these messages. Those that are due anyway are
-- taken along, because the engine may be at them: it has seen the message in the outbox, and what
-- it is about to write down is waited for here.
-- Not the ORM: arrays of composite keys, locked in order.
WITH woken AS (
    SELECT enrollment.id
      FROM unnest(%(sequence_id)s::bigint[], %(subscriber_id)s::bigint[], %(step_key)s::text[])
        AS message (sequence_id, subscriber_id, step_key)
      JOIN sequences_enrollment AS enrollment USING (sequence_id, subscriber_id)
     WHERE enrollment.state = 'active'
       AND (enrollment.awaits = message.step_key OR enrollment.due_at <= %(now)s)
     ORDER BY enrollment.id
       FOR NO KEY UPDATE OF enrollment
)
UPDATE sequences_enrollment AS enrollment
   SET due_at = least(enrollment.due_at, %(now)s)
  FROM woken
 WHERE enrollment.id = woken.id
