-- The next people whom an import has touched, behind an event: where they end, and the ids of those
-- who have not been named before.
-- Not the ORM: it reads the log by its key, between the ids that the import's events lie within.
SELECT max(id),
       coalesce(array_agg(DISTINCT subscriber_id) FILTER (WHERE NOT EXISTS (
           SELECT 1
             FROM subscribers_event AS earlier
            WHERE earlier.subscriber_id = touched.subscriber_id
              AND earlier.id BETWEEN %(first)s AND %(after)s
              AND earlier.properties ->> 'import' = %(import)s
           )), '{}')
  FROM (SELECT id, subscriber_id
          FROM subscribers_event
         WHERE id > %(after)s
           AND id <= %(last)s
           AND workspace_id = %(workspace_id)s
           AND subscriber_id IS NOT NULL
           AND properties ->> 'import' = %(import)s
         ORDER BY id
         LIMIT %(limit)s
       ) AS touched
