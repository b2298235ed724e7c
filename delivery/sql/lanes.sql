-- How the lanes of some transports stand, and the time on the clock that all pumps go by.
SELECT coalesce(%(now)s, clock_timestamp()) AS now, lane.*
  FROM delivery_lane AS lane
 WHERE lane.transport_id = ANY(%(transport_ids)s)
