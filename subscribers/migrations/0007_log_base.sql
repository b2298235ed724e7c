-- Transaction ids order the event log, and begin anew in every cluster. What a cluster adds to its
-- own makes them go on where the log stood when it came here.
INSERT INTO subscribers_logbase (id, system_identifier, base)
SELECT 1, system_identifier, 0 FROM pg_control_system();

-- What an event that is written now is ordered by. The first one in a cluster that the log was
-- restored into moves the base beyond everything in the log: nothing is passed over.
CREATE FUNCTION subscribers_log_xid() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    here bigint := (SELECT system_identifier FROM pg_control_system());
    found bigint;
BEGIN
    SELECT base INTO found FROM subscribers_logbase WHERE system_identifier = here;
    IF found IS NULL THEN
        PERFORM FROM subscribers_logbase WHERE id = 1 FOR UPDATE;
        INSERT INTO subscribers_logbase AS log (id, system_identifier, base)
        SELECT 1, here, 0
            ON CONFLICT (id) DO UPDATE
           SET system_identifier = here,
               base = greatest((SELECT max(xid) FROM subscribers_event),
                               (SELECT max(xid) FROM subscribers_cursor), 0) + 1
         WHERE log.system_identifier <> here
        RETURNING base INTO found;
        IF found IS NULL THEN  -- another transaction was faster
            SELECT base INTO found FROM subscribers_logbase WHERE system_identifier = here;
        END IF;
    END IF;
    RETURN pg_current_xact_id()::text::bigint + found;
END
$$;

-- Every statement that writes events says the xid, once for all its rows: a default would ask
-- for each row.
ALTER TABLE subscribers_event ALTER COLUMN xid DROP DEFAULT;
