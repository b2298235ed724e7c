-- The first human click of each message; returns those that had none before.
UPDATE delivery_ledger AS message
   SET clicked_at = hit.at
  FROM unnest(%(ids)s::bigint[], %(ats)s::timestamptz[]) AS hit (id, at)
 WHERE message.id = hit.id AND message.clicked_at IS NULL
RETURNING message.id
