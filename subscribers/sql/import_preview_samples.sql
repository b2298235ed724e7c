-- Some people whom an import would change, with what was and what would be.
-- Not the ORM: the gathered people are in no table of its own. Conditions as in import_people.sql.
SELECT person.email,
       (SELECT jsonb_object_agg(key, jsonb_build_array(old, new))
          FROM (SELECT key, person.fields -> key, value FROM jsonb_each(staged.fields)
                 UNION ALL
                VALUES ('first_name', to_jsonb(person.first_name), to_jsonb(staged.first_name)),
                       ('last_name', to_jsonb(person.last_name), to_jsonb(staged.last_name)),
                       ('time_zone', to_jsonb(person.time_zone), to_jsonb(staged.time_zone))
               ) AS member (key, old, new)
         WHERE old IS DISTINCT FROM new AND new <> '""')::text
  FROM import_preview AS staged
  JOIN subscribers_subscriber AS person
    ON person.workspace_id = %(workspace_id)s AND person.address_key = staged.address_key
 WHERE staged.first_name NOT IN ('', person.first_name)
    OR staged.last_name NOT IN ('', person.last_name)
    OR staged.time_zone NOT IN ('', person.time_zone)
    OR person.fields || staged.fields <> person.fields
 ORDER BY person.id
 LIMIT 10
