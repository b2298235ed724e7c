-- Give people back what an import has changed of them, unless it has been changed since. Returns
-- each value with whether it is back. The people are locked by the caller.
-- Not the ORM: the log says what was there; one statement for thousands of people.
WITH said AS (  -- what was there before the import's first word about it, and its last word
    SELECT event.subscriber_id, member.key,
           (array_agg(member.value -> 0 ORDER BY event.id))[1] AS old,
           (array_agg(member.value -> 1 ORDER BY event.id DESC))[1] AS new
      FROM unnest(%(people)s::bigint[]) AS person (id)
     CROSS JOIN LATERAL (
           SELECT id, subscriber_id, properties
             FROM subscribers_event
            WHERE subscriber_id = person.id
              AND id BETWEEN %(first)s AND %(last)s
              AND kind = %(updated)s
              AND properties ->> 'import' = %(import)s
           ) AS event
     CROSS JOIN LATERAL jsonb_each(event.properties -> 'changed') AS member
     GROUP BY event.subscriber_id, member.key
), judged AS (
    SELECT said.*, person.email,
           new IS NOT DISTINCT FROM
           CASE key WHEN 'first_name' THEN to_jsonb(person.first_name)
                    WHEN 'last_name' THEN to_jsonb(person.last_name)
                    WHEN 'time_zone' THEN to_jsonb(person.time_zone)
                    ELSE person.fields -> key END AS back
      FROM said
      JOIN subscribers_subscriber AS person ON person.id = said.subscriber_id
), gathered AS (
    SELECT subscriber_id,
           jsonb_object_agg(key, old) AS members,
           jsonb_object_agg(key, jsonb_build_array(new, old)) AS changes,
           coalesce(jsonb_object_agg(key, old) FILTER (WHERE old <> 'null' AND key NOT IN
               ('first_name', 'last_name', 'time_zone')), '{}') AS fields,
           coalesce(array_agg(key) FILTER (WHERE old = 'null'), '{}') AS gone
      FROM judged
     WHERE back
     GROUP BY subscriber_id
), restored AS (
    UPDATE subscribers_subscriber AS person
       SET first_name = coalesce(members ->> 'first_name', first_name),
           last_name = coalesce(members ->> 'last_name', last_name),
           time_zone = coalesce(members ->> 'time_zone', time_zone),
           fields = (person.fields || gathered.fields) - gathered.gone,
           updated_at = %(now)s
      FROM gathered
     WHERE person.id = gathered.subscriber_id
), recorded AS (
    INSERT INTO subscribers_event
           (xid, workspace_id, subscriber_id, kind, occurred_at, source_kind, source_id, step_key,
            variant, verdict, properties)
    SELECT (SELECT subscribers_log_xid()), %(workspace_id)s, subscriber_id, %(updated)s, %(now)s,
           '', 0, '', '', '', %(properties)s::jsonb || jsonb_build_object('changed', changes)
      FROM gathered
     ORDER BY subscriber_id
)
SELECT subscriber_id, email, key, back FROM judged ORDER BY subscriber_id, key
