-- Let the runs of a sequence that are due go on one after the other, `gap` apart, oldest first.
-- Not the ORM: it cannot number rows in an update.
WITH due AS (
    SELECT id, due_at
      FROM sequences_enrollment
     WHERE sequence_id = %(sequence_id)s
       AND state = 'active'
       AND due_at <= %(at)s
     ORDER BY due_at
     LIMIT %(limit)s
       FOR NO KEY UPDATE
), turn AS (
    SELECT id, row_number() OVER (ORDER BY due_at, id) + %(done)s AS number FROM due
)
UPDATE sequences_enrollment AS enrollment
   SET due_at = %(at)s::timestamptz + turn.number * %(gap)s::interval
  FROM turn
 WHERE enrollment.id = turn.id
