-- Counts of links that differ from what the log says up to the cursor of "links".
-- Not the ORM: a full join of an aggregate, in one snapshot, in which cursor and counts agree.
WITH log AS (
    SELECT click.workspace_id, source_kind, click.source_id, click.step_key, click.variant,
           message.template_version_id, (click.properties ->> 'link')::int AS link, click.verdict,
           count(*) AS count,
           count(DISTINCT click.message_id) FILTER (WHERE click.verdict = 'human') AS first_count
      FROM subscribers_event AS click
      JOIN subscribers_cursor AS cursor
        ON cursor.name = 'links' AND (click.xid, click.id) <= (cursor.xid, cursor.event_id)
      JOIN delivery_ledger AS message ON message.id = click.message_id
     WHERE click.kind = 'message.clicked' AND click.properties ? 'link'
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
)
SELECT workspace_id, source_kind, source_id, step_key, variant, template_version_id, link, verdict,
       coalesce(log.count, 0), coalesce(log.first_count, 0),
       coalesce(rollup.count, 0), coalesce(rollup.first_count, 0)
  FROM log
  FULL JOIN analytics_linkrollup AS rollup
 USING (workspace_id, source_kind, source_id, step_key, variant, template_version_id, link, verdict)
 WHERE (log.count, log.first_count) IS DISTINCT FROM (rollup.count, rollup.first_count)
 ORDER BY workspace_id, source_kind, source_id, step_key, variant, template_version_id, link,
          verdict
