-- How the engine is doing, in one round trip. Ages in seconds.
-- Not the ORM: a question each to small tables, or answered from an index.
SELECT (SELECT count(*) FROM delivery_outbox),
       coalesce((SELECT extract(epoch FROM clock_timestamp() - min(message.run_at))
                   FROM delivery_outbox AS message
                   JOIN delivery_source AS source USING (kind, source_id)
                  WHERE message.lease_token IS NULL AND message.held_at IS NULL
                    AND message.cancelled_at IS NULL AND NOT source.held
                    AND message.run_at <= clock_timestamp()), 0)::float,
       (SELECT count(*) FROM delivery_outbox WHERE doubt_at IS NOT NULL),
       (SELECT count(*) FROM delivery_lease WHERE until > clock_timestamp()),
       (SELECT count(*) FROM delivery_lease
         WHERE until < clock_timestamp() - interval '30 seconds'
           AND NOT EXISTS (SELECT FROM delivery_outbox
                            WHERE lease_token = token AND doubt_at IS NOT NULL)),
       coalesce((SELECT extract(epoch FROM clock_timestamp() - min(xact_start))
                   FROM pg_stat_activity WHERE backend_xid IS NOT NULL), 0)::float,
       (SELECT pid FROM pg_stat_activity WHERE backend_xid IS NOT NULL
         ORDER BY xact_start LIMIT 1),
       (SELECT count(*) FROM (SELECT FROM subscribers_event_default LIMIT 1) AS stray),
       coalesce((SELECT sum(count) FROM analytics_rollup WHERE kind = 'message.sent'), 0)::bigint,
       (SELECT count(*) FROM delivery_sendingdomain WHERE state = 'failing')
