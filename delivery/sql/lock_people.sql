-- Take turns over people whose messages are capped: who waits here sees afterwards what the other
-- has marked. Not the ORM: the pump has a connection of its own.
SELECT id FROM subscribers_subscriber WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE
