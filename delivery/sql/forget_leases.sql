-- Leases that ran out and that no row carries any more.
DELETE FROM delivery_lease AS lease
 WHERE until < clock_timestamp()
   AND NOT EXISTS (SELECT FROM delivery_outbox WHERE lease_token = lease.token)
