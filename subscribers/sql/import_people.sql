-- Make the staged people, or merge them into those who are there: what a row says overwrites, what
-- it leaves empty stays. Records who was created or updated, with what changed, and counts them.
-- Not the ORM: one statement for 10,000 people, which are locked in the order of their keys.
WITH merged AS (
    INSERT INTO subscribers_subscriber AS person
           (workspace_id, uid, email, address_key, first_name, last_name, time_zone, fields,
            created_at, updated_at)
    SELECT %(workspace_id)s, uid, email, address_key, first_name, last_name, time_zone, fields,
           %(now)s, %(now)s
      FROM import_stage
     ORDER BY address_key
    ON CONFLICT (workspace_id, address_key) DO UPDATE
       SET first_name = coalesce(nullif(excluded.first_name, ''), person.first_name),
           last_name = coalesce(nullif(excluded.last_name, ''), person.last_name),
           time_zone = coalesce(nullif(excluded.time_zone, ''), person.time_zone),
           fields = person.fields || excluded.fields,
           updated_at = excluded.updated_at
     WHERE excluded.first_name NOT IN ('', person.first_name)
        OR excluded.last_name NOT IN ('', person.last_name)
        OR excluded.time_zone NOT IN ('', person.time_zone)
        OR person.fields || excluded.fields <> person.fields
    RETURNING id, first_name, last_name, time_zone, fields,
              xmax = 0 AS created  -- no row version was replaced
), changed AS (
    SELECT person.id, changed.members
      FROM merged AS person
     CROSS JOIN LATERAL (
           SELECT *
             FROM subscribers_subscriber  -- as it was: this statement does not see what it writes
            WHERE id = person.id
            LIMIT 1  -- keeps the planner from reading everybody to find 10,000
           ) AS was
     CROSS JOIN LATERAL (  -- no member of `fields` goes away
           SELECT jsonb_object_agg(key, jsonb_build_array(old, new)) AS members
             FROM (SELECT key, was.fields -> key, value FROM jsonb_each(person.fields)
                    UNION ALL
                   VALUES ('first_name', to_jsonb(was.first_name), to_jsonb(person.first_name)),
                          ('last_name', to_jsonb(was.last_name), to_jsonb(person.last_name)),
                          ('time_zone', to_jsonb(was.time_zone), to_jsonb(person.time_zone))
                  ) AS member (key, old, new)
            WHERE old IS DISTINCT FROM new
           ) AS changed
     WHERE NOT person.created
), recorded AS (
    INSERT INTO subscribers_event
           (xid, workspace_id, subscriber_id, kind, occurred_at, source_kind, source_id, step_key,
            variant, verdict, properties)
    SELECT (SELECT subscribers_log_xid()), %(workspace_id)s, id,
           CASE WHEN created THEN %(created)s ELSE %(updated)s END, %(now)s,
           '', 0, '', '', '',
           CASE WHEN created THEN %(properties)s::jsonb
                ELSE %(properties)s::jsonb
                     || jsonb_build_object('changed', coalesce(changed.members, '{}')) END
      FROM merged
      LEFT JOIN changed USING (id)
     ORDER BY id
)
SELECT count(*) FILTER (WHERE created), count(*) FILTER (WHERE NOT created) FROM merged
