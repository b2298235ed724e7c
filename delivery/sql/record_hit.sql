-- One row per request, committed without waiting for the disk: a crash of the database loses the
-- last fraction of a second of statistics, never consent. One statement, so one round trip.
WITH hurry AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO delivery_hit (message_id, kind, link, at, user_agent, network)
SELECT %(message_id)s, %(kind)s, %(link)s, %(at)s, %(user_agent)s, %(network)s FROM hurry
