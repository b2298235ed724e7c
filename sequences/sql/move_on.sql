-- Write down where the claimed runs stand now. They are locked and active, so this is the
-- compare-and-set of every move out of `active` that the engine makes.
-- Not the ORM: one statement with arrays, whatever the number of rows.
UPDATE sequences_enrollment AS enrollment
   SET state = moved.state, position = moved.position, awaits = moved.awaits,
       due_at = moved.due_at, entered_step_at = moved.entered_step_at, ended_at = moved.ended_at,
       reason = moved.reason, skips = false
  FROM unnest(%(id)s::bigint[], %(state)s::text[], %(position)s::text[], %(awaits)s::text[],
              %(due_at)s::timestamptz[], %(entered_step_at)s::timestamptz[],
              %(ended_at)s::timestamptz[], %(reason)s::text[])
    AS moved (id, state, position, awaits, due_at, entered_step_at, ended_at, reason)
 WHERE enrollment.id = moved.id
