-- The brakes of lanes that the caller has locked.
UPDATE delivery_lane AS lane
   SET state = told.state, until = told.until, rest_count = told.rest_count,
       reason = told.reason, recent = told.recent, rate = told.rate, ceiling = told.ceiling,
       connections = told.connections, spent_until = told.spent_until,
       quiet_since = told.quiet_since, pace = told.pace, counted_since = told.counted_since,
       counted = told.counted, day = told.day, day_count = told.day_count,
       day_fault_count = told.day_fault_count, warm_day = told.warm_day
  FROM unnest(%(id)s::bigint[], %(state)s::text[], %(until)s::timestamptz[],
              %(rest_count)s::int[], %(reason)s::text[], %(recent)s::text[], %(rate)s::float[],
              %(ceiling)s::float[], %(connections)s::int[], %(spent_until)s::timestamptz[],
              %(quiet_since)s::timestamptz[], %(pace)s::float[],
              %(counted_since)s::timestamptz[], %(counted)s::int[], %(day)s::date[],
              %(day_count)s::int[], %(day_fault_count)s::int[], %(warm_day)s::int[])
    AS told (id, state, until, rest_count, reason, recent, rate, ceiling, connections, spent_until,
             quiet_since, pace, counted_since, counted, day, day_count, day_fault_count, warm_day)
 WHERE lane.id = told.id
