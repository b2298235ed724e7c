-- Note when people opened or clicked, as the events say that look like people's.
-- Not the ORM: it cannot add arrays on conflict. Rows are locked in the order of their keys.
INSERT INTO analytics_habits AS known (subscriber_id, workspace_id, days, first_at, last_at,
                                       hours)
SELECT subscriber_id, workspace_id, count(DISTINCT (occurred_at AT TIME ZONE 'UTC')::date),
       min(occurred_at), max(occurred_at),
       ARRAY[count(*) FILTER (WHERE hour = 0),
             count(*) FILTER (WHERE hour = 1),
             count(*) FILTER (WHERE hour = 2),
             count(*) FILTER (WHERE hour = 3),
             count(*) FILTER (WHERE hour = 4),
             count(*) FILTER (WHERE hour = 5),
             count(*) FILTER (WHERE hour = 6),
             count(*) FILTER (WHERE hour = 7),
             count(*) FILTER (WHERE hour = 8),
             count(*) FILTER (WHERE hour = 9),
             count(*) FILTER (WHERE hour = 10),
             count(*) FILTER (WHERE hour = 11),
             count(*) FILTER (WHERE hour = 12),
             count(*) FILTER (WHERE hour = 13),
             count(*) FILTER (WHERE hour = 14),
             count(*) FILTER (WHERE hour = 15),
             count(*) FILTER (WHERE hour = 16),
             count(*) FILTER (WHERE hour = 17),
             count(*) FILTER (WHERE hour = 18),
             count(*) FILTER (WHERE hour = 19),
             count(*) FILTER (WHERE hour = 20),
             count(*) FILTER (WHERE hour = 21),
             count(*) FILTER (WHERE hour = 22),
             count(*) FILTER (WHERE hour = 23)]
  FROM (SELECT subscriber_id, workspace_id, occurred_at,
               extract(hour FROM occurred_at AT TIME ZONE 'UTC')::int AS hour
          FROM subscribers_event
         WHERE id = ANY(%(ids)s)
           AND recorded_at BETWEEN %(since)s AND %(until)s
           AND verdict = 'human'
           AND subscriber_id IS NOT NULL) AS event
 GROUP BY subscriber_id, workspace_id
 ORDER BY subscriber_id
    ON CONFLICT (subscriber_id)
    DO UPDATE SET days = known.days
                         + CASE WHEN (excluded.last_at AT TIME ZONE 'UTC')::date
                                     > (known.last_at AT TIME ZONE 'UTC')::date
                                THEN greatest(1, excluded.days
                                     - ((excluded.first_at AT TIME ZONE 'UTC')::date
                                        <= (known.last_at AT TIME ZONE 'UTC')::date)::int)
                                ELSE 0 END,
                  first_at = least(known.first_at, excluded.first_at),
                  last_at = greatest(known.last_at, excluded.last_at),
                  hours = (SELECT array_agg(before + now ORDER BY place)
                             FROM unnest(known.hours, excluded.hours) WITH ORDINALITY
                               AS hour (before, now, place))
