-- Let the due messages of a source leave one after the other, `gap` apart, oldest first.
-- Not the ORM: it cannot number rows in an update.
WITH due AS (
    SELECT id, run_at
      FROM delivery_outbox
     WHERE kind = %(kind)s
       AND source_id = %(source_id)s
       AND run_at <= %(at)s
       AND lease_token IS NULL
       AND cancelled_at IS NULL
     ORDER BY id
     LIMIT %(limit)s
       FOR NO KEY UPDATE
), turn AS (
    SELECT id, row_number() OVER (ORDER BY run_at, id) + %(done)s AS number FROM due
)
UPDATE delivery_outbox AS message
   SET run_at = %(at)s::timestamptz + turn.number * %(gap)s::interval
  FROM turn
 WHERE message.id = turn.id
