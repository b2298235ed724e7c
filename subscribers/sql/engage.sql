-- Adds up the points of a batch of events, each as of its person's last one, to what there is.
-- Not the ORM: one statement for thousands of people, who are locked in the order of their ids.
INSERT INTO subscribers_engagement AS known (subscriber_id, points, as_of)
SELECT told.subscriber_id, sum(subscribers_engagement_points(told.points, told.at, last.at)), last.at
  FROM unnest(%(subscriber_id)s::bigint[], %(points)s::float8[], %(at)s::timestamptz[])
    AS told (subscriber_id, points, at)
  JOIN (SELECT subscriber_id, max(at) AS at
          FROM unnest(%(subscriber_id)s::bigint[], %(at)s::timestamptz[]) AS one (subscriber_id, at)
         GROUP BY subscriber_id) AS last USING (subscriber_id)
 GROUP BY told.subscriber_id, last.at
 ORDER BY told.subscriber_id
    ON CONFLICT (subscriber_id) DO UPDATE
   SET points = subscribers_engagement_points(
                    known.points, known.as_of, greatest(known.as_of, excluded.as_of))
              + subscribers_engagement_points(
                    excluded.points, excluded.as_of, greatest(known.as_of, excluded.as_of)),
       as_of = greatest(known.as_of, excluded.as_of)
