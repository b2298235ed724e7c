-- Whom of these people an import has made known, and of whom it alone has ever said anything.
-- Not the ORM: the log is asked once about each of thousands of people.
SELECT person.id, person.email,
       NOT EXISTS (
           SELECT 1
             FROM subscribers_event AS other
            WHERE other.subscriber_id = person.id
              AND coalesce(other.properties ->> 'import', other.properties ->> 'undone_import', '')
                  <> %(import)s
              AND other.kind <> ALL(%(harmless)s)
           ) AS is_untouched
  FROM subscribers_subscriber AS person
 WHERE person.id = ANY(%(people)s)
   AND EXISTS (
       SELECT 1
         FROM subscribers_event AS event
        WHERE event.subscriber_id = person.id
          AND event.id BETWEEN %(first)s AND %(last)s
          AND event.kind = %(created)s
          AND event.properties ->> 'import' = %(import)s
       )
 ORDER BY person.id
