-- Start runs for pairs of sequence and subscriber, where the sequence is open and lets them in.
-- Whoever is held out gets one that has ended, to be compared with the others.
-- Whoever is inside already, or may not come again, is passed over; concurrent calls agree by the
-- unique keys (one live run; run number).
-- Not the ORM: it has no INSERT … SELECT. The sequences are locked, so none starts a run while it
-- is being archived.
WITH asked AS (
    SELECT *
      FROM unnest(%(uid)s::uuid[], %(sequence_id)s::bigint[], %(subscriber_id)s::bigint[],
                  %(at)s::timestamptz[], %(entry)s::jsonb[], %(hops)s::smallint[],
                  %(goal_until)s::timestamptz[], %(compared)s::boolean[], %(held_out)s::boolean[])
        AS asked (uid, sequence_id, subscriber_id, at, entry, hops, goal_until, compared, held_out)
), open AS (
    SELECT id, workspace_id, live_version_id, re_entry, cooldown
      FROM sequences_sequence
     WHERE id = ANY(%(sequence_id)s)
       AND state IN ('live', 'paused')
     ORDER BY id
       FOR SHARE
)
INSERT INTO sequences_enrollment (workspace_id, uid, sequence_id, version_id, subscriber_id, run,
                                  state, position, awaits, due_at, entered_step_at, started_at,
                                  ended_at, reason, entry, hops, goal_until, compared)
SELECT open.workspace_id, asked.uid, open.id, open.live_version_id, subscriber.id,
       coalesce(earlier.run, 0) + 1, CASE WHEN asked.held_out THEN 'held_out' ELSE 'active' END,
       '', '', %(now)s, asked.at, asked.at, CASE WHEN asked.held_out THEN %(now)s END, '',
       asked.entry, asked.hops, asked.goal_until, asked.compared
  FROM asked
  JOIN open ON open.id = asked.sequence_id
  JOIN subscribers_subscriber AS subscriber
    ON subscriber.id = asked.subscriber_id
   AND subscriber.workspace_id = open.workspace_id
   AND subscriber.archived_at IS NULL
 CROSS JOIN LATERAL (
       SELECT max(run) AS run, max(ended_at) AS ended_at
         FROM sequences_enrollment
        WHERE sequence_id = open.id
          AND subscriber_id = asked.subscriber_id) AS earlier
 WHERE earlier.run IS NULL
    OR open.re_entry = 'always'
    OR (open.re_entry = 'cooldown' AND earlier.ended_at <= %(now)s - open.cooldown)
 ORDER BY open.id, subscriber.id
    ON CONFLICT DO NOTHING
RETURNING workspace_id, subscriber_id, sequence_id, run, version_id, compared, state = 'held_out'
