-- Append what integrators tell, each fact once for the key they gave it (no key repeats in the
-- arrays): a key that is known already brings back the event that it was first used for.
-- Not the ORM: one statement for a thousand facts and their keys, which are locked in their order.
WITH told AS MATERIALIZED (
    SELECT given.*,
           nextval(pg_get_serial_sequence('subscribers_event', 'id')) AS event_id,
           moment.recorded_at
      FROM (SELECT *
              FROM unnest(%(key)s::text[], %(subscriber_id)s::bigint[], %(name)s::text[],
                          %(occurred_at)s::timestamptz[], %(late)s::boolean[],
                          %(properties)s::jsonb[])
                   WITH ORDINALITY
                   AS fact (key, subscriber_id, name, occurred_at, late, properties, place)
             ORDER BY place) AS given,
           (SELECT coalesce(%(held_at)s, clock_timestamp()) AS recorded_at) AS moment
), keyed AS (
    INSERT INTO subscribers_eventkey AS known (workspace_id, key, event_id, recorded_at)
    SELECT %(workspace_id)s, key, event_id, recorded_at FROM told WHERE key <> '' ORDER BY key
    ON CONFLICT (workspace_id, key) DO UPDATE SET key = known.key  -- only to have it returned
    RETURNING key, event_id, recorded_at
), recorded AS (
    INSERT INTO subscribers_event
           (xid, id, recorded_at, workspace_id, subscriber_id, kind, occurred_at, source_kind,
            source_id, step_key, variant, verdict, properties, name, late)
    SELECT (SELECT subscribers_log_xid()), event_id, recorded_at, %(workspace_id)s, subscriber_id,
           %(kind)s, occurred_at, '', 0, '', '', '', properties, name, late
      FROM told
     WHERE key = '' OR event_id IN (SELECT event_id FROM keyed)
)
SELECT coalesce(keyed.event_id, told.event_id),
       coalesce(keyed.recorded_at, told.recorded_at),
       told.key = '' OR keyed.event_id = told.event_id AS accepted
  FROM told
  LEFT JOIN keyed USING (key)
 ORDER BY told.place
