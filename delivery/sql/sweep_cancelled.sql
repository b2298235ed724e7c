-- Cancelled messages that no pump has in hand get their outcome. (Those in hand get it at the gate,
-- or have left already.) One statement: a message is always in exactly one of the two tables.
WITH gone AS (
    DELETE FROM delivery_outbox
     WHERE id IN (SELECT id FROM delivery_outbox
                   WHERE cancelled_at IS NOT NULL AND lease_token IS NULL
                   ORDER BY id LIMIT %(limit)s
                     FOR UPDATE SKIP LOCKED)
    RETURNING *
)
INSERT INTO delivery_ledger (id, workspace_id, kind, source_id, step_key, run, variant,
                             subscriber_id, list_id, template_version_id, sender_id,
                             message_class, domain_group, queued_at,
                             attempts, finished_at, outcome, reason, reply)
SELECT id, workspace_id, kind, source_id, step_key, run, variant, subscriber_id, list_id,
       template_version_id, sender_id, message_class, domain_group, queued_at, attempts,
       clock_timestamp(),
       'skipped', 'cancelled', last_reply
  FROM gone
RETURNING id, workspace_id, subscriber_id, kind, source_id, step_key, variant, finished_at,
          outcome, reason
