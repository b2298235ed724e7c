-- Add counts to the rollups of their keys, making those that are missing.
-- Not the ORM: it cannot add on conflict; read, add and write would take a lock and two statements.
INSERT INTO analytics_rollup AS rollup (workspace_id, source_kind, source_id, step_key, variant,
                                        kind, verdict, hour, version_id, count, first_count,
                                        amount)
SELECT *
  FROM unnest(%(workspace_id)s::bigint[], %(source_kind)s::text[], %(source_id)s::bigint[],
              %(step_key)s::text[], %(variant)s::text[], %(kind)s::text[], %(verdict)s::text[],
              %(hour)s::timestamptz[], %(version_id)s::bigint[], %(count)s::bigint[],
              %(first_count)s::bigint[], %(amount)s::bigint[])
    ON CONFLICT (source_kind, source_id, step_key, variant, kind, verdict, hour, workspace_id,
                 version_id)
    DO UPDATE SET count = rollup.count + excluded.count,
                  first_count = rollup.first_count + excluded.first_count,
                  amount = rollup.amount + excluded.amount
