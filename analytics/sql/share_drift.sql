-- Shares by list, mail program and device that differ from what the log says up to the cursor of
-- "shares". What the others rest on changes, or is not kept for ever: they cannot be counted anew.
-- Not the ORM: a full join of an aggregate, in one snapshot, in which cursor and counts agree.
WITH event AS (
    SELECT event.*, (occurred_at AT TIME ZONE 'UTC')::date AS on_day
      FROM subscribers_event AS event
      JOIN subscribers_cursor AS cursor
        ON cursor.name = 'shares' AND (event.xid, event.id) <= (cursor.xid, cursor.event_id)
     WHERE kind IN ('subscription.confirmed', 'subscription.unsubscribed',
                    'message.opened', 'message.clicked')
), keyed AS (
    SELECT workspace_id, '' AS source_kind, 0::bigint AS source_id, 'list' AS by,
           coalesce(properties ->> 'list_id', '0') AS value, kind, verdict, on_day AS day, properties
      FROM event
     WHERE kind IN ('subscription.confirmed', 'subscription.unsubscribed')
     UNION ALL
    SELECT workspace_id, source_kind, source_id, by, properties ->> by, kind, verdict,
           NULL::date, properties
      FROM event
      JOIN unnest(ARRAY['client', 'device']) AS by ON properties ? by
     WHERE kind IN ('message.opened', 'message.clicked') AND verdict = 'human'
), log AS (
    SELECT workspace_id, source_kind, source_id, by, value, '' AS detail, kind, verdict, day,
           count(*) AS count, count(*) FILTER (WHERE properties -> 'first' = 'true') AS first_count
      FROM keyed
     GROUP BY 1, 2, 3, 4, 5, 7, 8, 9
)
SELECT coalesce(log.workspace_id, share.workspace_id),
       coalesce(log.source_kind, share.source_kind), coalesce(log.source_id, share.source_id),
       coalesce(log.by, share.by), coalesce(log.value, share.value), '',
       coalesce(log.kind, share.kind), coalesce(log.verdict, share.verdict),
       coalesce(log.day, share.day),
       coalesce(log.count, 0), coalesce(log.first_count, 0),
       coalesce(share.count, 0), coalesce(share.first_count, 0)
  FROM log
  FULL JOIN (SELECT * FROM analytics_share WHERE by IN ('list', 'client', 'device')) AS share
    ON share.workspace_id = log.workspace_id AND share.source_kind = log.source_kind
   AND share.source_id = log.source_id AND share.by = log.by AND share.value = log.value
   AND share.kind = log.kind AND share.verdict = log.verdict
   AND coalesce(share.day, '-infinity') = coalesce(log.day, '-infinity')
 WHERE (log.count, log.first_count) IS DISTINCT FROM (share.count, share.first_count)
 ORDER BY 4, 5, 1, 2, 3, 7, 8, 9
