-- Deletes the files of transactional messages that have left the outbox, some at a time.
-- Not the ORM: whether a message is finished is asked of the outbox by its whole key.
DELETE FROM delivery_attachment
 WHERE id IN (
   SELECT file.id
     FROM delivery_attachment AS file
     JOIN delivery_transactionalmessage AS message ON message.id = file.message_id
    WHERE NOT EXISTS (SELECT FROM delivery_outbox AS waiting
                       WHERE waiting.kind = 'transactional'
                         AND waiting.source_id = message.template_id
                         AND waiting.subscriber_id = message.subscriber_id
                         AND waiting.step_key = ''
                         AND waiting.run = message.id)
    LIMIT %(limit)s)
