-- A transactional message in doubt is sent once more, under the same Message-ID, when no connection
-- can still hold it: its reader rather gets a receipt twice than never. Marketing waits for a person.
-- Not the ORM: the rows that move must come back with it.
UPDATE delivery_outbox AS message
   SET lease_token = NULL, wire_at = NULL, doubt_at = NULL, repeated = true,
       run_at = clock_timestamp()
  FROM (SELECT id
          FROM delivery_outbox
         WHERE doubt_at IS NOT NULL
           AND message_class = 'transactional'
           AND NOT repeated
           AND wire_at < clock_timestamp() - %(patience)s
         ORDER BY id
         LIMIT %(limit)s
           FOR NO KEY UPDATE SKIP LOCKED) AS doubtful
 WHERE message.id = doubtful.id
RETURNING message.id, message.workspace_id, message.subscriber_id, message.kind,
          message.source_id, message.step_key, message.variant, clock_timestamp(), 'repeated', ''
