-- Give people a tag; returns those who did not carry it. Rows are locked in the order of people.
-- Not the ORM: it cannot say which rows were new.
INSERT INTO subscribers_tagassignment (tag_id, subscriber_id, created_at)
SELECT %(tag_id)s, subscriber_id, %(now)s
  FROM unnest(%(people)s::bigint[]) AS subscriber_id
 ORDER BY subscriber_id
ON CONFLICT (subscriber_id, tag_id) DO NOTHING
RETURNING subscriber_id
