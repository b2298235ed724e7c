-- Write down where the runs that change their version go on. They are locked and live.
-- Due at once, if not overdue: what is left of a wait is found out when the engine looks.
-- Not the ORM: one statement with arrays, whatever the number of rows.
UPDATE sequences_enrollment AS enrollment
   SET version_id = %(version_id)s, position = moved.position, awaits = moved.awaits,
       due_at = least(enrollment.due_at, %(now)s), entered_step_at = moved.entered_step_at
  FROM unnest(%(id)s::bigint[], %(position)s::text[], %(awaits)s::text[],
              %(entered_step_at)s::timestamptz[])
    AS moved (id, position, awaits, entered_step_at)
 WHERE enrollment.id = moved.id
