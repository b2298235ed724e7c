-- Deletes the files of transactional messages that were sent, or ended otherwise before a day, some
-- at a time: until then they may be tried again.
-- Not the ORM: how a message stands is asked of outbox and ledger by its whole key.
DELETE FROM delivery_attachment
 WHERE id IN (
   SELECT file.id
     FROM delivery_attachment AS file
     JOIN delivery_transactionalmessage AS message ON message.id = file.message_id
     JOIN LATERAL (SELECT bool_or(finished.outcome = 'sent') AS was_sent, max(finished_at) AS at
                     FROM delivery_ledger AS finished
                    WHERE finished.kind = 'transactional'
                      AND finished.source_id = message.template_id
                      AND finished.subscriber_id = message.subscriber_id
                      AND finished.run = message.id) AS ended
       ON ended.was_sent OR ended.at < %(before)s
    WHERE NOT EXISTS (SELECT FROM delivery_outbox AS waiting
                       WHERE waiting.kind = 'transactional'
                         AND waiting.source_id = message.template_id
                         AND waiting.subscriber_id = message.subscriber_id
                         AND waiting.run = message.id)
    LIMIT %(limit)s)
