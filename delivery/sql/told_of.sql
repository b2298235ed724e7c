-- What came with some transactional messages, by their runs, and the bytes of their files.
-- Not the ORM: a pump has connections of its own.
SELECT message.id, message.data, message.headers, message.expires_at, message.to_name,
       message.track, message.language,
       (SELECT coalesce(sum(octet_length(file.content)), 0)::bigint
          FROM delivery_attachment AS file
         WHERE file.message_id = message.id)
  FROM delivery_transactionalmessage AS message
 WHERE message.id = ANY(%(runs)s)
