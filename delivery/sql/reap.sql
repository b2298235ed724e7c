-- Rows of leases that have run out: unmarked ones are due again, marked ones are in doubt. Those
-- keep their token, so that a reply that comes late still settles them.
-- Who was held by several pumps that died comes back one by one: one of them may be what kills.
-- One statement: between reading the lease and freeing its rows a pump could mark one.
WITH dead AS (
    SELECT token FROM delivery_lease WHERE until < clock_timestamp() FOR UPDATE SKIP LOCKED
), orphan AS (
    SELECT message.id
      FROM delivery_outbox AS message
      JOIN dead ON dead.token = message.lease_token
     WHERE message.doubt_at IS NULL
     ORDER BY message.id
       FOR NO KEY UPDATE OF message SKIP LOCKED
)
UPDATE delivery_outbox AS message
   SET lease_token = CASE WHEN message.wire_at IS NOT NULL THEN message.lease_token END,
       doubt_at = CASE WHEN message.wire_at IS NOT NULL THEN clock_timestamp() END,
       run_at = CASE WHEN message.wire_at IS NULL AND message.attempts > 2
                     THEN clock_timestamp() + random() * message.attempts * %(lease)s
                     ELSE message.run_at END
  FROM orphan
 WHERE message.id = orphan.id
RETURNING message.id, message.workspace_id, message.subscriber_id, message.kind,
          message.source_id, message.step_key, message.variant, message.doubt_at,
          CASE WHEN message.doubt_at IS NOT NULL THEN 'in_doubt' END, ''
