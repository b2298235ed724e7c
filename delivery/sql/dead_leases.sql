-- The tokens of pumps that have not renewed their lease in time. Not the ORM: by the database's
-- clock, and locked, so that one reaper settles each.
SELECT token FROM delivery_lease WHERE until < clock_timestamp() FOR UPDATE SKIP LOCKED
