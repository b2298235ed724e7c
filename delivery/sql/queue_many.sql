-- Put messages into the outbox in the caller's transaction; a message is queued once.
-- Not the ORM: one statement with arrays, whatever the number of rows.
INSERT INTO delivery_outbox (workspace_id, kind, source_id, step_key, run, variant, subscriber_id,
                             list_id, template_version_id, sender_id, queued_at, run_at,
                             attempts, last_reply)
SELECT workspace_id, kind, source_id, step_key, run, variant, subscriber_id, list_id,
       template_version_id, sender_id, %(now)s, %(now)s, 0, ''
  FROM unnest(%(workspace_id)s::bigint[], %(kind)s::text[], %(source_id)s::bigint[],
              %(step_key)s::text[], %(run)s::int[], %(variant)s::text[], %(subscriber_id)s::bigint[],
              %(list_id)s::bigint[], %(template_version_id)s::bigint[], %(sender_id)s::bigint[])
    AS message (workspace_id, kind, source_id, step_key, run, variant, subscriber_id,
                list_id, template_version_id, sender_id)
 ORDER BY kind, source_id, subscriber_id, step_key, run
    ON CONFLICT DO NOTHING
