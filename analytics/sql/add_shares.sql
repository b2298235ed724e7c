-- Add counts to the shares of their keys, making those that are missing.
-- Not the ORM: it cannot add on conflict.
INSERT INTO analytics_share AS share (workspace_id, source_kind, source_id, by, value, detail, kind,
                                      verdict, day, count, first_count)
SELECT *
  FROM unnest(%(workspace_id)s::bigint[], %(source_kind)s::text[], %(source_id)s::bigint[],
              %(by)s::text[], %(value)s::text[], %(detail)s::text[], %(kind)s::text[],
              %(verdict)s::text[], %(day)s::date[], %(count)s::bigint[], %(first_count)s::bigint[])
    ON CONFLICT (source_kind, source_id, by, workspace_id, day, value, detail, kind, verdict)
    DO UPDATE SET count = share.count + excluded.count,
                  first_count = share.first_count + excluded.first_count
