-- Take out of the staged people what they may not change of those who are there: everything, or
-- with %(fill)s what those have. They are locked, in the order of their keys, until it is done.
-- Not the ORM: one statement for 10,000 people.
WITH there AS (
    SELECT person.address_key, person.first_name, person.last_name, person.time_zone, person.fields
      FROM import_stage AS staged
     CROSS JOIN LATERAL (
           SELECT *
             FROM subscribers_subscriber
            WHERE workspace_id = %(workspace_id)s AND address_key = staged.address_key
            LIMIT 1  -- keeps the planner from reading everybody to find 10,000
              FOR NO KEY UPDATE
           ) AS person
     ORDER BY staged.address_key
)
UPDATE import_stage AS staged
   SET first_name = CASE WHEN %(fill)s AND there.first_name = '' THEN staged.first_name ELSE '' END,
       last_name = CASE WHEN %(fill)s AND there.last_name = '' THEN staged.last_name ELSE '' END,
       time_zone = CASE WHEN %(fill)s AND there.time_zone = '' THEN staged.time_zone ELSE '' END,
       fields = CASE WHEN %(fill)s
                     THEN staged.fields - ARRAY(SELECT key
                                                  FROM jsonb_each(there.fields)
                                                 WHERE value NOT IN ('null', '""'))
                     ELSE '{}' END
  FROM there
 WHERE there.address_key = staged.address_key
