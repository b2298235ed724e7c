-- Give messages back to the outbox that did not leave: due again at `run_at`, their mark cleared.
-- Those whose try is not refunded were deferred by the server, and those with a reason held back by
-- us: both is news.
UPDATE delivery_outbox AS message
   SET lease_token = NULL,
       wire_at = NULL,
       doubt_at = NULL,
       run_at = greatest(message.run_at, back.run_at),
       attempts = message.attempts - back.refund,
       last_reply = CASE WHEN back.reply = '' THEN message.last_reply ELSE back.reply END
  FROM unnest(%(ids)s::bigint[], %(run_ats)s::timestamptz[], %(refunds)s::int[], %(replies)s::text[],
              %(reasons)s::text[])
    AS back (id, run_at, refund, reply, reason)
 WHERE message.id = back.id
   AND message.lease_token = %(token)s
RETURNING message.id, message.workspace_id, message.subscriber_id, message.kind,
          message.source_id, message.step_key, message.variant, clock_timestamp(),
          CASE WHEN back.reason <> '' THEN 'held' WHEN back.refund = 0 THEN 'deferred' END,
          back.reply || back.reason
