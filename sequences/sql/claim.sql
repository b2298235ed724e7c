-- Lock due runs for one batch: an equal share of each live sequence that has any, oldest first, so
-- that a sequence with a million people never keeps a small one waiting.
-- Not the ORM: it has no LATERAL. (An outer ORDER BY … LIMIT would lock more than it returns.)
WITH ready AS MATERIALIZED (
    SELECT sequence.id
      FROM sequences_sequence AS sequence
     WHERE sequence.state = 'live'
       AND EXISTS (SELECT FROM sequences_enrollment AS enrollment
                    WHERE enrollment.sequence_id = sequence.id
                      AND enrollment.state = 'active'
                      AND enrollment.due_at <= %(now)s)
)
SELECT due.id, due.workspace_id, due.sequence_id, due.version_id, due.subscriber_id, due.run,
       due.position, due.entered_step_at, due.started_at, due.hops,
       due.skips
  FROM ready
 CROSS JOIN LATERAL (
       SELECT enrollment.*
         FROM sequences_enrollment AS enrollment
        WHERE enrollment.sequence_id = ready.id
          AND enrollment.state = 'active'
          AND enrollment.due_at <= %(now)s
        ORDER BY enrollment.due_at
        LIMIT (SELECT ceil(%(limit)s::numeric / greatest(count(*), 1)) FROM ready)
          FOR NO KEY UPDATE SKIP LOCKED) AS due
