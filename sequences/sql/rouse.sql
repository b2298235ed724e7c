-- Look again at once at these runs, if they are active once nobody else is at them.
-- Not the ORM: locked in order, and then looked at again.
WITH roused AS (
    SELECT id
      FROM sequences_enrollment
     WHERE id = ANY(%(ids)s)
       AND state = 'active'
     ORDER BY id
       FOR NO KEY UPDATE
)
UPDATE sequences_enrollment AS enrollment
   SET due_at = least(enrollment.due_at, %(now)s)
  FROM roused
 WHERE enrollment.id = roused.id
