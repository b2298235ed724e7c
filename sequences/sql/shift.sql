-- Let the next runs of a sequence, by id, wait longer if they wait for time to pass; how many there
-- were, and the last of them.
-- Not the ORM: one statement that moves some and says how far it has come.
WITH inside AS (
    SELECT id
      FROM sequences_enrollment
     WHERE sequence_id = %(sequence_id)s
       AND state = 'active'
       AND id > %(reached)s
     ORDER BY id
     LIMIT %(limit)s
       FOR NO KEY UPDATE
), moved AS (
    UPDATE sequences_enrollment AS enrollment
       SET due_at = due_at + %(pause)s, entered_step_at = entered_step_at + %(pause)s
      FROM inside
     WHERE enrollment.id = inside.id
       AND enrollment.position = ANY(%(waits)s)
)
SELECT count(*), max(id) FROM inside
