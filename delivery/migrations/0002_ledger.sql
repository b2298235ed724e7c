-- What became of each message. Partitioned by month, with a DEFAULT partition as a net.
CREATE TABLE delivery_ledger (
    id                  bigint NOT NULL,
    workspace_id        bigint NOT NULL,
    kind                text NOT NULL,
    source_id           bigint NOT NULL,
    step_key            text NOT NULL,
    run                 integer NOT NULL,
    variant             text NOT NULL,
    subscriber_id       bigint NOT NULL,
    list_id             bigint,
    template_version_id bigint NOT NULL,
    sender_id           bigint NOT NULL,
    queued_at           timestamptz NOT NULL,
    attempts            integer NOT NULL,
    wire_at             timestamptz,
    finished_at         timestamptz NOT NULL,
    outcome             text NOT NULL CHECK (outcome IN ('sent', 'skipped', 'failed')),
    reason              text NOT NULL,
    reply               text NOT NULL,
    opened_at           timestamptz,
    clicked_at          timestamptz,
    unsubscribed_at     timestamptz,
    PRIMARY KEY (id, finished_at)
) PARTITION BY RANGE (finished_at);

CREATE TABLE delivery_ledger_default PARTITION OF delivery_ledger DEFAULT;

-- This month and the next three; a tick keeps making them ahead.
DO $$
DECLARE
    month timestamp;
BEGIN
    FOR month IN SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + ahead * interval '1 month'
                   FROM generate_series(0, 3) AS ahead
    LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF delivery_ledger FOR VALUES FROM (%L) TO (%L)',
                       'delivery_ledger_' || to_char(month, 'YYYY_MM'),
                       month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
    END LOOP;
END
$$;

-- One message by its key: when did step so-and-so leave, and did it?
CREATE INDEX delivery_ledger_key ON delivery_ledger (subscriber_id, kind, source_id, step_key, run);
-- A source's messages, newest first.
CREATE INDEX delivery_ledger_source ON delivery_ledger (kind, source_id, id DESC);
-- The message list of a workspace, newest first.
CREATE INDEX delivery_ledger_workspace ON delivery_ledger (workspace_id, id DESC);

-- Rows come and go all day: keep them on warm pages, and vacuum early.
ALTER TABLE delivery_outbox SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
