-- Note names of events, and properties of theirs, that are new: up to a thousand names, and two
-- hundred properties of one (a few more when they come in together). Of a property the first kind
-- stays. What is known is not written again.
-- Not the ORM: one statement that writes nothing as a rule.
INSERT INTO subscribers_eventname AS known (workspace_id, name, properties, first_seen_at)
SELECT %(workspace_id)s, seen.name, seen.properties, %(now)s
  FROM unnest(%(name)s::text[], %(properties)s::jsonb[]) AS seen (name, properties)
  LEFT JOIN subscribers_eventname AS noted
         ON noted.workspace_id = %(workspace_id)s AND noted.name = seen.name
 WHERE CASE WHEN noted.id IS NULL
            THEN (SELECT count(*) FROM subscribers_eventname WHERE workspace_id = %(workspace_id)s) < 1000
            ELSE NOT noted.properties ?& ARRAY(SELECT jsonb_object_keys(seen.properties))
                 AND (SELECT count(*) FROM jsonb_object_keys(noted.properties)) < 200
       END
 ORDER BY seen.name
ON CONFLICT (workspace_id, name) DO UPDATE SET properties = excluded.properties || known.properties
