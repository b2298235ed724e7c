-- Rollups that differ from what the log says up to the cursor of "rollups", and by how much.
-- Not the ORM: a full join of an aggregate, and all in one snapshot, in which the cursor and the
-- rollups agree because the consumer moves them together.
WITH log AS (
    SELECT event.workspace_id, source_kind, source_id, step_key, variant, kind, verdict,
           date_trunc('hour', occurred_at, 'UTC') AS hour,
           count(*) AS count,
           count(*) FILTER (WHERE properties -> 'first' = 'true') AS first_count
      FROM subscribers_event AS event
      JOIN subscribers_cursor AS cursor
        ON cursor.name = 'rollups' AND (event.xid, event.id) <= (cursor.xid, cursor.event_id)
     WHERE kind = ANY(%(kinds)s)
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
)
SELECT workspace_id, source_kind, source_id, step_key, variant, kind, verdict, hour,
       coalesce(log.count, 0), coalesce(log.first_count, 0),
       coalesce(rollup.count, 0), coalesce(rollup.first_count, 0)
  FROM log
  FULL JOIN analytics_rollup AS rollup
 USING (workspace_id, source_kind, source_id, step_key, variant, kind, verdict, hour)
 WHERE (log.count, log.first_count) IS DISTINCT FROM (rollup.count, rollup.first_count)
 ORDER BY workspace_id, source_kind, source_id, step_key, variant, kind, verdict, hour
