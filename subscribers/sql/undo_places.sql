-- Take people off the list where an import has put them, and make pending again whom it has
-- confirmed, unless their place has changed since. Returns each place with whether that was done.
-- The people are locked by the caller.
-- Not the ORM: the log says which places are the import's; one statement for thousands of people.
WITH given AS (
    SELECT DISTINCT ON (person.id) person.id, event.id AS event_id, event.kind, event.occurred_at
      FROM unnest(%(people)s::bigint[]) AS person (id)
      JOIN subscribers_event AS event ON event.subscriber_id = person.id
     WHERE event.id BETWEEN %(first)s AND %(last)s
       AND event.kind IN (%(pending_kind)s, %(confirmed_kind)s)
       AND event.properties ->> 'import' = %(import)s
     ORDER BY person.id, event.id DESC
), judged AS (
    SELECT given.id, person.email, place.id AS place_id,
           place.created_at = given.occurred_at AS made,
           place.state = CASE given.kind WHEN %(confirmed_kind)s THEN %(confirmed)s
                                         ELSE %(pending)s END
           AND coalesce(place.confirmed_at, given.occurred_at) = given.occurred_at AS same
      FROM given
      JOIN subscribers_subscriber AS person ON person.id = given.id
      JOIN subscribers_subscription AS place
        ON place.subscriber_id = given.id AND place.list_id = %(list_id)s
     ORDER BY place.id
       FOR UPDATE OF place
), taken AS (
    DELETE FROM subscribers_subscription
     WHERE id IN (SELECT place_id FROM judged WHERE made AND same)
), opened AS (
    UPDATE subscribers_subscription
       SET state = %(pending)s, confirmed_at = NULL, consent_source = '', consent_text = '',
           consent_ip = NULL, consented_at = NULL
     WHERE id IN (SELECT place_id FROM judged WHERE same AND NOT made)
), recorded AS (
    INSERT INTO subscribers_event
           (xid, workspace_id, subscriber_id, kind, occurred_at, source_kind, source_id, step_key,
            variant, verdict, properties)
    SELECT (SELECT subscribers_log_xid()), %(workspace_id)s, id, %(removed_kind)s, %(now)s,
           '', 0, '', '', '', %(properties)s::jsonb
      FROM judged
     WHERE same
     ORDER BY id
)
SELECT id, email, same FROM judged ORDER BY id
