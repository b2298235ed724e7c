-- The next events of a workspace that were recorded in a time, by their ids.
-- Not the ORM: the log has no model with a key of two columns, and people are looked up beside.
SELECT event.id, event.recorded_at, event.occurred_at, event.kind, event.name, person.uid,
       event.source_kind, source.name, event.step_key, event.variant, event.verdict,
       event.properties
  FROM subscribers_event AS event
  LEFT JOIN subscribers_subscriber AS person ON person.id = event.subscriber_id
  LEFT JOIN delivery_source AS source
    ON source.kind = event.source_kind AND source.source_id = event.source_id
 WHERE event.workspace_id = %(workspace)s
   AND event.recorded_at >= %(since)s
   AND event.recorded_at < %(until)s
   AND event.id > %(after)s
 ORDER BY event.id
 LIMIT %(limit)s
