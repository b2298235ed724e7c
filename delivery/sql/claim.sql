-- Claim due messages for a pump: a fair share of each source that is not held, oldest first, so a
-- campaign of a million never keeps a sequence waiting. Leased rows carry the pump's token.
-- Not the ORM: choosing, locking and leasing must be one statement, or two pumps claim one row.
WITH RECURSIVE pending AS (        -- the sources that have due rows, by hopping along the index
    (SELECT kind, source_id
       FROM delivery_outbox
      WHERE lease_token IS NULL AND held_at IS NULL AND cancelled_at IS NULL
      ORDER BY kind, source_id
      LIMIT 1)
    UNION ALL
    SELECT further.kind, further.source_id
      FROM pending
     CROSS JOIN LATERAL (
           SELECT kind, source_id
             FROM delivery_outbox
            WHERE lease_token IS NULL AND held_at IS NULL AND cancelled_at IS NULL
              AND (kind, source_id) > (pending.kind, pending.source_id)
            ORDER BY kind, source_id
            LIMIT 1) AS further
), open AS (
    SELECT pending.kind, pending.source_id
      FROM pending
      JOIN delivery_source AS source USING (kind, source_id)
     WHERE NOT source.held
), due AS (
    SELECT share.id
      FROM open
     CROSS JOIN LATERAL (
           SELECT message.id
             FROM delivery_outbox AS message
            WHERE message.kind = open.kind AND message.source_id = open.source_id
              AND message.lease_token IS NULL AND message.held_at IS NULL
              AND message.cancelled_at IS NULL AND message.run_at <= coalesce(%(now)s, clock_timestamp())
            ORDER BY message.run_at, message.id
            LIMIT (SELECT greatest(1, %(limit)s / greatest(count(*), 1)) FROM open)
              FOR UPDATE SKIP LOCKED) AS share
), claimed AS (
    UPDATE delivery_outbox
       SET lease_token = %(token)s, attempts = attempts + 1
     WHERE id = ANY (ARRAY(SELECT id FROM due))  -- of an array few rows are expected: no seq scans
    RETURNING *
)
SELECT claimed.id, claimed.workspace_id, claimed.kind, claimed.source_id, claimed.step_key,
       claimed.run, claimed.subscriber_id, claimed.list_id, claimed.template_version_id,
       claimed.sender_id, claimed.attempts,
       subscriber.email, subscriber.first_name, subscriber.last_name, subscriber.time_zone,
       subscriber.fields
  FROM claimed
  JOIN subscribers_subscriber AS subscriber ON subscriber.id = claimed.subscriber_id
