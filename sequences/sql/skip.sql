-- Mark runs of a sequence that were due before an instant: until their next wait they send nothing.
-- Not the ORM: it cannot update the first so many.
WITH stale AS (
    SELECT id
      FROM sequences_enrollment
     WHERE sequence_id = %(sequence_id)s
       AND state = 'active'
       AND due_at < %(before)s
       AND NOT skips
     LIMIT %(limit)s
       FOR NO KEY UPDATE
)
UPDATE sequences_enrollment AS enrollment
   SET skips = true
  FROM stale
 WHERE enrollment.id = stale.id
