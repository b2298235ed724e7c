-- The first human click of each message; returns those that had none before. That it says when they
-- finished keeps it from looking into every month of the ledger.
UPDATE delivery_ledger AS message
   SET clicked_at = hit.at
  FROM unnest(%(ids)s::bigint[], %(finished)s::timestamptz[], %(ats)s::timestamptz[])
    AS hit (id, finished_at, at)
 WHERE message.id = hit.id AND message.finished_at = hit.finished_at AND message.clicked_at IS NULL
RETURNING message.id
