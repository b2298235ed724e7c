-- The connection died between the dot and its reply: these may or may not have left.
-- They keep their token, so that nobody claims them again.
UPDATE delivery_outbox AS message
   SET doubt_at = clock_timestamp(), last_reply = doubtful.reply
  FROM unnest(%(ids)s::bigint[], %(replies)s::text[]) AS doubtful (id, reply)
 WHERE message.id = doubtful.id
   AND message.lease_token = %(token)s
   AND message.doubt_at IS NULL
RETURNING message.id, message.workspace_id, message.subscriber_id, message.kind,
          message.source_id, message.step_key, message.variant, message.doubt_at,
          'in_doubt', ''
