-- Whether this request is the only one with its idempotency key, from now to the end of the
-- transaction. Not the ORM: it knows no advisory locks, and a row would be there too late.
SELECT pg_try_advisory_xact_lock(%(number)s::bigint)
