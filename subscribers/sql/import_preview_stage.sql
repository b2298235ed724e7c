-- Where a dry run gathers the people of the whole file: as long as the connection, unlogged.
-- Not the ORM: it holds what 10,000 rows at a time have left in import_stage.
CREATE TEMP TABLE IF NOT EXISTS import_preview (
    address_key text COLLATE "C" PRIMARY KEY,
    first_name  text NOT NULL,
    last_name   text NOT NULL,
    time_zone   text NOT NULL,
    fields      jsonb NOT NULL
);
TRUNCATE import_preview
