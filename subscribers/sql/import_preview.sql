-- What an import would make of the gathered people: how many would be new, updated or unchanged, and
-- how many of them may not be mailed. The conditions are those of import_people.sql.
-- Not the ORM: one pass over a file's people, who are in no table of its own.
SELECT count(*) FILTER (WHERE person.id IS NULL),
       count(*) FILTER (WHERE changed),
       count(*) FILTER (WHERE person.id IS NOT NULL AND NOT changed),
       count(*) FILTER (WHERE suppression.reason IS NOT NULL),
       count(*) FILTER (WHERE place.state = %(unsubscribed)s)
  FROM import_preview AS staged
  LEFT JOIN subscribers_subscriber AS person
    ON person.workspace_id = %(workspace_id)s AND person.address_key = staged.address_key
  LEFT JOIN LATERAL subscribers_suppression_of(
            %(workspace_id)s, staged.address_key, %(pepper)s) AS suppression ON TRUE
  LEFT JOIN subscribers_subscription AS place
    ON place.subscriber_id = person.id AND place.list_id = %(list_id)s
 CROSS JOIN LATERAL (
       SELECT coalesce(staged.first_name NOT IN ('', person.first_name)
                       OR staged.last_name NOT IN ('', person.last_name)
                       OR staged.time_zone NOT IN ('', person.time_zone)
                       OR person.fields || staged.fields <> person.fields, FALSE) AS changed
       ) AS compared
