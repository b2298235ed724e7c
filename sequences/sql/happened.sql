-- What happened to people since a moment of each: custom events of a name, with what was told of
-- them; answers to, and opens and clicks (by people) of, messages of one run. `place` says whose
-- question a row answers.
-- Not the ORM: arrays of questions, each answered from an index, in the partitions since its moment.
WITH asked AS (
    SELECT *
      FROM unnest(%(place)s::int[], %(subscriber_id)s::bigint[], %(since)s::timestamptz[],
                  %(kind)s::text[], %(name)s::text[], %(sequence_id)s::bigint[], %(run)s::int[],
                  %(step_key)s::text[])
        AS asked (place, subscriber_id, since, kind, name, sequence_id, run, step_key)
)
SELECT asked.place, event.recorded_at, event.properties
  FROM asked
  JOIN subscribers_event AS event
    ON event.subscriber_id = asked.subscriber_id
   AND event.kind = 'custom'
   AND event.name = asked.name
   AND event.recorded_at > asked.since
   AND NOT event.late
 WHERE asked.kind = 'custom'
 UNION ALL
SELECT asked.place, event.recorded_at, NULL
  FROM asked
  JOIN subscribers_event AS event
    ON event.subscriber_id = asked.subscriber_id
   AND event.kind = asked.kind
   AND event.source_kind = 'sequence'
   AND event.source_id = asked.sequence_id
   AND event.recorded_at > asked.since
   AND asked.step_key IN ('', event.step_key)
   AND event.verdict IN ('', 'human')
 WHERE asked.kind <> 'custom'
   AND asked.run = (SELECT message.run
                      FROM delivery_ledger AS message  -- one for one: never a scan of them all
                     WHERE message.id = event.message_id
                       AND message.subscriber_id = asked.subscriber_id)
