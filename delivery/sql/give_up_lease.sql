-- A pump goes: what it had not marked is due again, and its try is refunded. The lease ends now, so
-- that the reaper looks after whatever is left of it.
WITH given_up AS (
    UPDATE delivery_lease SET until = clock_timestamp() WHERE token = %(token)s
)
UPDATE delivery_outbox
   SET lease_token = NULL, attempts = attempts - 1
 WHERE lease_token = %(token)s AND wire_at IS NULL
