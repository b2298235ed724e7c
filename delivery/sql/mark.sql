-- The wire mark: from its commit on a message may have left, by this transport. Only under a lease
-- that is alive.
-- Runs alone, with synchronous_commit on; a commit whose result is unknown counts as not sent.
UPDATE delivery_outbox
   SET wire_at = clock_timestamp(), transport_id = %(transport_id)s
 WHERE id = ANY(%(ids)s)
   AND lease_token = %(token)s
   AND wire_at IS NULL
   AND doubt_at IS NULL
   AND EXISTS (SELECT FROM delivery_lease
                WHERE token = %(token)s AND until > clock_timestamp())
RETURNING id
