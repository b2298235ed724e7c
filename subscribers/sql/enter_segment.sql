-- Put people into a segment; returns those who were not in it. Rows are locked in their order.
-- Not the ORM: it cannot say which rows were new.
INSERT INTO subscribers_segmentmember (segment_id, subscriber_id, entered_at)
SELECT %(segment_id)s, subscriber_id, %(now)s
  FROM unnest(%(people)s::bigint[]) AS subscriber_id
 ORDER BY subscriber_id
ON CONFLICT DO NOTHING
RETURNING subscriber_id
