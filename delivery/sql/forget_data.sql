-- Empties what came with transactional messages that were finished before a day, some at a time.
-- Not the ORM: whether a message is finished is asked of outbox and ledger by its whole key.
UPDATE delivery_transactionalmessage
   SET data = '{}', headers = '{}', to_name = ''
 WHERE id IN (
   SELECT message.id
     FROM delivery_transactionalmessage AS message
    WHERE message.created_at < %(before)s
      AND NOT (message.data = '{}' AND message.headers = '{}' AND message.to_name = '')
      AND NOT EXISTS (SELECT FROM delivery_outbox AS waiting
                       WHERE waiting.kind = 'transactional'
                         AND waiting.source_id = message.template_id
                         AND waiting.subscriber_id = message.subscriber_id
                         AND waiting.run = message.id)
      AND NOT EXISTS (SELECT FROM delivery_ledger AS finished
                       WHERE finished.kind = 'transactional'
                         AND finished.source_id = message.template_id
                         AND finished.subscriber_id = message.subscriber_id
                         AND finished.run = message.id
                         AND finished.finished_at >= %(before)s)
    ORDER BY message.created_at
    LIMIT %(limit)s)
