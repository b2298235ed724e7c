-- Move finished messages from the outbox to the ledger; a message is always in exactly one of them.
-- Only rows that still carry the caller's token.
WITH result AS (
    SELECT *
      FROM unnest(%(ids)s::bigint[], %(outcomes)s::text[], %(reasons)s::text[], %(replies)s::text[])
        AS result (id, outcome, reason, reply)
), gone AS (
    DELETE FROM delivery_outbox AS message
     USING result
     WHERE message.id = result.id
       AND message.lease_token = %(token)s
    RETURNING message.*, result.outcome, result.reason, result.reply
)
INSERT INTO delivery_ledger (id, workspace_id, kind, source_id, step_key, run, variant,
                             subscriber_id, list_id, template_version_id, sender_id,
                             message_class, domain_group, transport_id, queued_at,
                             attempts, wire_at, finished_at, outcome, reason, reply)
SELECT id, workspace_id, kind, source_id, step_key, run, variant, subscriber_id, list_id,
       template_version_id, sender_id, message_class, domain_group,
       CASE WHEN outcome <> 'skipped' THEN transport_id END, queued_at, attempts,
       CASE WHEN outcome = 'sent' THEN wire_at END, clock_timestamp(), outcome, reason, reply
  FROM gone
RETURNING id, workspace_id, subscriber_id, kind, source_id, step_key, variant, finished_at,
          outcome, reason
