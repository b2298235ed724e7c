-- Append facts to the log in the caller's transaction. Where clocks are held, so is when they were
-- recorded.
-- Not the ORM: one statement with arrays is eight times faster than bulk_create at 1,000 rows.
INSERT INTO subscribers_event (xid, workspace_id, subscriber_id, kind, occurred_at, source_kind,
                               source_id, step_key, variant, message_id, verdict, properties, name,
                               late, recorded_at)
SELECT (SELECT subscribers_log_xid()), fact.*, coalesce(%(held_at)s, clock_timestamp())
  FROM unnest(%(workspace_id)s::bigint[], %(subscriber_id)s::bigint[], %(kind)s::text[],
              %(occurred_at)s::timestamptz[], %(source_kind)s::text[], %(source_id)s::bigint[],
              %(step_key)s::text[], %(variant)s::text[], %(message_id)s::bigint[],
              %(verdict)s::text[], %(properties)s::jsonb[],
              %(name)s::text[], %(late)s::boolean[]) AS fact
