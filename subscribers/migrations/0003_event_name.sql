-- What integrators call the facts they send, and whether one came too late to set anything off.
-- A constant default is kept in the catalogue: no partition is rewritten.
ALTER TABLE subscribers_event
    ADD COLUMN name varchar(100) NOT NULL DEFAULT '',
    ADD COLUMN late boolean NOT NULL DEFAULT false;

-- "Has this person ordered since…": the timeline's index would read every message of theirs as well.
CREATE INDEX subscribers_event_custom ON subscribers_event (subscriber_id, name, recorded_at)
 WHERE kind = 'custom';
