-- Give people a value of one custom field, or clear it (NULL); returns those for whom it was
-- another, with that. Rows are locked in their order.
-- Not the ORM: one statement for any number of people, which knows what was there.
WITH person AS (
    SELECT id, fields -> %(key)s AS before
      FROM subscribers_subscriber
     WHERE workspace_id = %(workspace_id)s
       AND id = ANY(%(people)s)
     ORDER BY id
       FOR NO KEY UPDATE
)
UPDATE subscribers_subscriber AS subscriber
   SET fields = CASE WHEN %(value)s::jsonb IS NULL THEN subscriber.fields - %(key)s
                     ELSE subscriber.fields || jsonb_build_object(%(key)s::text, %(value)s::jsonb)
                 END,
       updated_at = %(now)s
  FROM person
 WHERE subscriber.id = person.id
   AND person.before IS DISTINCT FROM %(value)s::jsonb
RETURNING subscriber.id, person.before
