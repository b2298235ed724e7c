-- What came with some transactional messages, by their runs.
-- Not the ORM: a pump has connections of its own.
SELECT id, data
  FROM delivery_transactionalmessage
 WHERE id = ANY(%(runs)s)
