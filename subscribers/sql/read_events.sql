-- What lies between a cursor and the horizon, in the order of the writing transactions.
-- Not the ORM: the horizon (the oldest transaction still running) must come from this statement's
-- own snapshot, or an event that commits in between would be passed over for ever.
SELECT event.*, horizon.xid AS horizon
  FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint
               + coalesce((SELECT base FROM subscribers_logbase
                            WHERE system_identifier = (SELECT system_identifier
                                                         FROM pg_control_system())), 0) AS xid
       ) AS horizon
  LEFT JOIN LATERAL (
       SELECT *
         FROM subscribers_event
        WHERE (xid, id) > (%(xid)s, %(event_id)s)
          AND xid < horizon.xid
          AND (cardinality(%(kinds)s::text[]) = 0 OR kind = ANY(%(kinds)s))
        ORDER BY xid, id
        LIMIT %(limit)s
       ) AS event ON true
