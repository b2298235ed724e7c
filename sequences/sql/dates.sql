-- The next people of a workspace, by id, who live in one of these zones and have a date there that
-- begins so (from the letter `place` on). Whoever has no zone, or one that nobody knows, has ''.
-- Not the ORM: pairs of arrays.
SELECT subscriber.id, subscriber.time_zone, subscriber.fields ->> %(field)s
  FROM subscribers_subscriber AS subscriber
 WHERE subscriber.workspace_id = %(workspace_id)s
   AND subscriber.id > %(reached)s
   AND subscriber.archived_at IS NULL
   AND (CASE WHEN subscriber.time_zone = ANY(%(known)s) THEN subscriber.time_zone ELSE '' END,
        substr(subscriber.fields ->> %(field)s, %(place)s, 11 - %(place)s))
       IN (SELECT * FROM unnest(%(zone)s::text[], %(day)s::text[]))
 ORDER BY subscriber.id
 LIMIT %(limit)s
