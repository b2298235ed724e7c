-- The files of some transactional messages, by their runs, as they were given.
-- Not the ORM: a pump has connections of its own.
SELECT message_id, name, content_type, content
  FROM delivery_attachment
 WHERE message_id = ANY(%(runs)s)
 ORDER BY id
