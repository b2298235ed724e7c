-- What must never be: a message in both tables; a row whose lease ended long ago and that is neither
-- due nor in doubt.
SELECT (SELECT count(*) FROM delivery_outbox AS message
         WHERE EXISTS (SELECT FROM delivery_ledger AS ledger WHERE ledger.id = message.id)),
       (SELECT count(*) FROM delivery_outbox AS message
          LEFT JOIN delivery_lease AS lease ON lease.token = message.lease_token
         WHERE message.lease_token IS NOT NULL AND message.doubt_at IS NULL
           AND coalesce(lease.until < clock_timestamp() - interval '60 seconds', true))
