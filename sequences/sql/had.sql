-- The steps that runs have come to, among those named.
-- Not the ORM: arrays of composite keys. The day allows for clocks that disagree; the bound lets
-- the months before go unread.
SELECT DISTINCT moving.id, event.step_key
  FROM unnest(%(id)s::bigint[], %(subscriber_id)s::bigint[], %(run)s::int[],
              %(started_at)s::timestamptz[])
    AS moving (id, subscriber_id, run, started_at)
  JOIN subscribers_event AS event
    ON event.subscriber_id = moving.subscriber_id
   AND event.recorded_at > moving.started_at - interval '1 day'
   AND event.kind = 'enrollment.step'
   AND event.source_kind = 'sequence'
   AND event.source_id = %(sequence_id)s
   AND (event.properties ->> 'run')::int = moving.run
 WHERE event.step_key = ANY(%(step_keys)s::text[])
