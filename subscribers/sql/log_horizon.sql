-- Every transaction older than this has ended. Not the ORM: it knows no transactions.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint
       + coalesce((SELECT base FROM subscribers_logbase
                    WHERE system_identifier = (SELECT system_identifier FROM pg_control_system())), 0)
