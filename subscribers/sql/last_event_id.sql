-- The largest id that an event has been given so far, committed or not.
-- Not the ORM: it knows no sequences.
SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('subscribers_event', 'id')), 0)
