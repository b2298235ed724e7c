-- Count clicks by link: how many by whom, and on how many messages a person followed it for the
-- first time, which is when the log has no earlier click of theirs on it.
-- Not the ORM: it cannot add on conflict, nor look back into the log row by row.
INSERT INTO analytics_linkrollup AS rollup (workspace_id, source_kind, source_id, step_key, variant,
                                            template_version_id, link, verdict, count, first_count)
SELECT click.workspace_id, click.source_kind, click.source_id, click.step_key, click.variant,
       message.template_version_id, (click.properties ->> 'link')::int AS link, click.verdict,
       count(*),
       count(*) FILTER (WHERE click.verdict = 'human' AND NOT EXISTS (
           SELECT FROM subscribers_event AS before
            WHERE before.subscriber_id = click.subscriber_id
              AND before.message_id = click.message_id
              AND before.kind = click.kind
              AND before.verdict = 'human'
              AND before.properties -> 'link' = click.properties -> 'link'
              AND (before.xid, before.id) < (click.xid, click.id)))
  FROM subscribers_event AS click
  JOIN delivery_ledger AS message ON message.id = click.message_id
 WHERE click.id = ANY(%(ids)s)
 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
    ON CONFLICT (source_kind, source_id, step_key, variant, template_version_id, link, verdict)
    DO UPDATE SET count = rollup.count + excluded.count,
                  first_count = rollup.first_count + excluded.first_count
