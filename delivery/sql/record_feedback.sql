-- Write down what is told of messages, each kind once a message; of several tellings the earliest
-- stays, so that their order is all the same. Returns what was not known before.
-- Not the ORM: it cannot say which rows of an upsert are new.
INSERT INTO delivery_feedback AS known
       (workspace_id, message_id, subscriber_id, kind, at, address_key, status, reason, told_by)
SELECT *
  FROM unnest(%(workspace_id)s::bigint[], %(message_id)s::bigint[], %(subscriber_id)s::bigint[],
              %(kind)s::text[], %(at)s::timestamptz[], %(address_key)s::text[],
              %(status)s::text[], %(reason)s::text[], %(told_by)s::text[])
    ON CONFLICT (message_id, kind) DO UPDATE
   SET at = excluded.at, address_key = excluded.address_key, status = excluded.status,
       reason = excluded.reason, told_by = excluded.told_by
 WHERE (excluded.at, excluded.status, excluded.reason) < (known.at, known.status, known.reason)
RETURNING message_id, kind, xmax = 0 AS is_new
