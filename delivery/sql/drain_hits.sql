-- Take what has come in about messages of which a hit has waited long enough, the oldest first: all
-- of each message, with what is known of it. A hit on a message that is still in the outbox stays.
-- Not the ORM: it cannot delete, return and join in one statement. Ids are handed on as arrays, and
-- messages looked up one by one: joined, all hits and the whole ledger were read for each batch.
-- Times pass through as text: no one reads them on the way to the log.
WITH ripe AS (
    SELECT hit.message_id
      FROM delivery_hit AS hit
     WHERE hit.at <= %(settled)s
       AND EXISTS (SELECT FROM delivery_ledger AS message WHERE message.id = hit.message_id)
     ORDER BY hit.id
     LIMIT %(limit)s
), taken AS (
    DELETE FROM delivery_hit
     WHERE id = ANY (ARRAY(SELECT id
                             FROM delivery_hit
                            WHERE message_id = ANY (ARRAY(SELECT message_id FROM ripe))
                            LIMIT 4 * %(limit)s
                              FOR UPDATE SKIP LOCKED))
    RETURNING message_id, kind = 'click' AS is_click, link, at, user_agent, network
)
SELECT message.id, message.workspace_id, message.subscriber_id, message.kind, message.source_id,
       message.step_key, message.variant,
       taken.is_click, taken.link,
       (SELECT jsonb_array_length(version.links)
          FROM templates_app_templateversion AS version
         WHERE version.id = message.template_version_id) AS links,
       taken.at::text, message.finished_at::text,
       extract(epoch FROM taken.at - message.finished_at)::float8 AS seconds,
       taken.user_agent, taken.network
  FROM taken
  JOIN LATERAL (
       SELECT *
         FROM delivery_ledger AS message
        WHERE message.id = taken.message_id
       OFFSET 0
  ) AS message ON true
 ORDER BY message.id, taken.at
