-- Of which hours the ledger and the log count differently: outcomes, and first opens and clicks by
-- humans. The two are written in one transaction with the same time, so in one snapshot they agree,
-- whatever the consumer of "rollups" has read.
-- Not the ORM: a full join of two aggregates.
WITH ledger AS (
    SELECT workspace_id, message.kind AS source_kind, source_id, step_key, variant, fact.kind,
           verdict, date_trunc('hour', at, 'UTC') AS hour, count(*) AS count
      FROM delivery_ledger AS message
     CROSS JOIN LATERAL (VALUES ('message.' || outcome, '', finished_at),
                                ('message.opened', 'human', opened_at),
                                ('message.clicked', 'human', clicked_at))
        AS fact (kind, verdict, at)
     WHERE at IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
), log AS (
    SELECT workspace_id, source_kind, source_id, step_key, variant, kind,
           CASE WHEN kind IN ('message.opened', 'message.clicked') THEN verdict ELSE '' END AS verdict,
           date_trunc('hour', occurred_at, 'UTC') AS hour, count(*) AS count
      FROM subscribers_event
     WHERE kind IN ('message.sent', 'message.skipped', 'message.failed')
        OR (kind IN ('message.opened', 'message.clicked') AND properties -> 'first' = 'true')
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
)
SELECT workspace_id, source_kind, source_id, step_key, variant, kind, verdict, hour, 0,
       coalesce(ledger.count, 0), 0, 0, coalesce(log.count, 0), 0, 0
  FROM ledger
  FULL JOIN log
 USING (workspace_id, source_kind, source_id, step_key, variant, kind, verdict, hour)
 WHERE ledger.count IS DISTINCT FROM log.count
 ORDER BY workspace_id, source_kind, source_id, step_key, variant, kind, verdict, hour
