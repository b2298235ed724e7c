-- What happened to one person has happened to another, who is the same.
-- Not the ORM: the log is partitioned, and not a table that it manages.
UPDATE subscribers_event SET subscriber_id = %(kept)s WHERE subscriber_id = %(gone)s
