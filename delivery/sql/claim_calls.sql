-- Lease due webhook calls of one endpoint, the oldest of each person first: who has an earlier call
-- that still waits (and has not been tried often) is passed over, so that their order is kept.
-- Not the ORM: choosing, locking and leasing must be one statement, or two workers claim one row.
WITH due AS (
    SELECT call.id
      FROM delivery_webhookcall AS call
     WHERE call.endpoint_id = %(endpoint_id)s
       AND call.state = 'queued'
       AND call.due_at <= %(now)s
       AND (call.leased_until IS NULL OR call.leased_until < clock_timestamp())
       AND (call.subscriber_id IS NULL
            OR NOT EXISTS (SELECT FROM delivery_webhookcall AS earlier
                            WHERE earlier.endpoint_id = call.endpoint_id
                              AND earlier.subscriber_id = call.subscriber_id
                              AND earlier.state = 'queued'
                              AND earlier.id < call.id
                              AND earlier.attempt_count < %(patience)s))
     ORDER BY call.due_at, call.id
     LIMIT %(limit)s
       FOR UPDATE SKIP LOCKED
)
UPDATE delivery_webhookcall AS call
   SET leased_until = clock_timestamp() + %(lease)s, attempt_count = call.attempt_count + 1
  FROM due
 WHERE call.id = due.id
RETURNING call.id, call.uid, call.type, call.body, call.attempt_count
