-- The places where something is due: a priority, a source and a group of recipient domains each,
-- with what the oldest message there says of itself. What is held or paused is left out.
-- Not the ORM: the places are found by hopping along the index of due rows, whatever their number.
WITH RECURSIVE place AS (
    (SELECT priority, kind, source_id, domain_group
       FROM delivery_outbox
      WHERE lease_token IS NULL AND held_at IS NULL AND cancelled_at IS NULL
      ORDER BY priority, kind, source_id, domain_group
      LIMIT 1)
    UNION ALL
    SELECT further.*
      FROM place
     CROSS JOIN LATERAL (
           SELECT priority, kind, source_id, domain_group
             FROM delivery_outbox
            WHERE lease_token IS NULL AND held_at IS NULL AND cancelled_at IS NULL
              AND (priority, kind, source_id, domain_group)
                  > (place.priority, place.kind, place.source_id, place.domain_group)
            ORDER BY priority, kind, source_id, domain_group
            LIMIT 1) AS further
)
SELECT place.priority, place.kind, place.source_id, place.domain_group,
       oldest.workspace_id, oldest.message_class, sender.transport_id
  FROM place
  JOIN delivery_source AS source USING (kind, source_id)
 CROSS JOIN LATERAL (
       SELECT message.workspace_id, message.message_class, message.sender_id, message.run_at
         FROM delivery_outbox AS message
        WHERE message.priority = place.priority AND message.kind = place.kind
          AND message.source_id = place.source_id AND message.domain_group = place.domain_group
          AND message.lease_token IS NULL AND message.held_at IS NULL
          AND message.cancelled_at IS NULL
        ORDER BY message.run_at, message.id
        LIMIT 1) AS oldest
  LEFT JOIN delivery_senderidentity AS sender ON sender.id = oldest.sender_id
 WHERE NOT source.held
   AND oldest.run_at <= coalesce(%(now)s, clock_timestamp())
   AND NOT EXISTS (SELECT FROM delivery_sendingpause AS pause
                    WHERE pause.workspace_id IS NULL OR pause.workspace_id = source.workspace_id)
