-- Claim due messages for a pump: so many of each place that it names, oldest first. It names only
-- lanes that are open. Leased rows carry the pump's token.
-- Not the ORM: choosing, locking and leasing must be one statement, or two pumps claim one row.
WITH due AS (
    SELECT share.id
      FROM unnest(%(priorities)s::smallint[], %(kinds)s::text[], %(source_ids)s::bigint[],
                  %(domain_groups)s::text[], %(quotas)s::int[])
        AS place (priority, kind, source_id, domain_group, quota)
     CROSS JOIN LATERAL (
           SELECT message.id
             FROM delivery_outbox AS message
            WHERE message.priority = place.priority AND message.kind = place.kind
              AND message.source_id = place.source_id AND message.domain_group = place.domain_group
              AND message.lease_token IS NULL AND message.held_at IS NULL
              AND message.cancelled_at IS NULL
              AND message.run_at <= coalesce(%(now)s, clock_timestamp())
            ORDER BY message.run_at, message.id
            LIMIT place.quota
              FOR UPDATE SKIP LOCKED) AS share
), claimed AS (
    UPDATE delivery_outbox
       SET lease_token = %(token)s, attempts = attempts + 1
     WHERE id = ANY (ARRAY(SELECT id FROM due))  -- of an array few rows are expected: no seq scans
    RETURNING *
)
SELECT claimed.id, claimed.workspace_id, claimed.kind, claimed.source_id, claimed.step_key,
       claimed.run, claimed.thread, claimed.subscriber_id, claimed.list_id, claimed.template_version_id,
       claimed.sender_id, claimed.message_class, claimed.priority, claimed.domain_group,
       sender.transport_id, claimed.attempts, claimed.queued_at,
       subscriber.email, subscriber.first_name, subscriber.last_name, subscriber.time_zone,
       subscriber.fields, subscriber.frequency <> 'all' AS limited, subscriber.language
  FROM claimed
  JOIN subscribers_subscriber AS subscriber ON subscriber.id = claimed.subscriber_id
  LEFT JOIN delivery_senderidentity AS sender ON sender.id = claimed.sender_id
