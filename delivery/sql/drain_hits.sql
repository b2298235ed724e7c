-- Take hits whose message is in the ledger, with what is known of the message. A hit on a message
-- that is still in the outbox stays for a later turn.
WITH taken AS (
    DELETE FROM delivery_hit
     WHERE id IN (SELECT hit.id
                    FROM delivery_hit AS hit
                   WHERE EXISTS (SELECT FROM delivery_ledger AS message
                                  WHERE message.id = hit.message_id)
                   ORDER BY hit.id
                   LIMIT %(limit)s
                     FOR UPDATE SKIP LOCKED)
    RETURNING message_id, kind, link, at, user_agent
)
SELECT taken.message_id, taken.kind, taken.link, taken.at, taken.user_agent,
       message.workspace_id, message.subscriber_id, message.kind AS source_kind,
       message.source_id, message.step_key, message.variant, message.finished_at
  FROM taken
  JOIN delivery_ledger AS message ON message.id = taken.message_id
 ORDER BY taken.at
