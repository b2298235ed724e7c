-- Rollups that differ from what the log says up to the cursor of "rollups", and by how much.
-- Not the ORM: a full join of an aggregate, and all in one snapshot, in which the cursor and the
-- rollups agree because the consumer moves them together.
WITH message AS (
    SELECT id, subscriber_id, source_id, step_key, run, queued_at
      FROM delivery_ledger
     WHERE kind = 'sequence'
     UNION ALL
    SELECT id, subscriber_id, source_id, step_key, run, queued_at
      FROM delivery_outbox
     WHERE kind = 'sequence'
), came AS (  -- versions.sql, for all messages at once
    SELECT DISTINCT ON (message.id) message.id, event.properties -> 'version_id' AS version_id
      FROM message
      JOIN subscribers_event AS event
        ON event.subscriber_id = message.subscriber_id
       AND event.kind = 'enrollment.step'
       AND event.source_kind = 'sequence'
       AND event.source_id = message.source_id
       AND event.step_key = message.step_key
       AND (event.properties ->> 'run')::int = message.run
       AND event.recorded_at BETWEEN message.queued_at - interval '1 day'
                                 AND message.queued_at + interval '1 day'
     ORDER BY message.id, event.id
), log AS (
    SELECT event.workspace_id, source_kind, source_id, step_key, variant, kind, verdict,
           date_trunc('hour', occurred_at, 'UTC') AS hour,
           coalesce(came.version_id, event.properties -> 'version_id', '0')::bigint AS version_id,
           count(*) AS count,
           count(*) FILTER (WHERE properties -> 'first' = 'true') AS first_count,
           coalesce(sum((properties -> 'amount')::bigint), 0)::bigint AS amount
      FROM subscribers_event AS event
      JOIN subscribers_cursor AS cursor
        ON cursor.name = 'rollups' AND (event.xid, event.id) <= (cursor.xid, cursor.event_id)
      LEFT JOIN came ON came.id = event.message_id AND event.source_kind = 'sequence'
     WHERE kind = ANY(%(kinds)s)
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
)
SELECT workspace_id, source_kind, source_id, step_key, variant, kind, verdict, hour, version_id,
       coalesce(log.count, 0), coalesce(log.first_count, 0), coalesce(log.amount, 0),
       coalesce(rollup.count, 0), coalesce(rollup.first_count, 0), coalesce(rollup.amount, 0)
  FROM log
  FULL JOIN analytics_rollup AS rollup
 USING (workspace_id, source_kind, source_id, step_key, variant, kind, verdict, hour, version_id)
 WHERE (log.count, log.first_count, log.amount)
       IS DISTINCT FROM (rollup.count, rollup.first_count, rollup.amount)
 ORDER BY workspace_id, source_kind, source_id, step_key, variant, kind, verdict, hour, version_id
