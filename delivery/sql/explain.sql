-- What the gate (look.sql, caps.sql) would answer for one person and source now, question by question.
SELECT subscriber.archived_at,
       (SELECT reason FROM subscribers_suppression_of(
                 subscriber.workspace_id, subscriber.address_key, %(pepper)s)) AS suppressed,
       EXISTS (SELECT FROM subscribers_subscription AS subscription
                WHERE subscription.subscriber_id = subscriber.id
                  AND subscription.state = 'confirmed'
                  AND (%(list_id)s::bigint IS NULL OR subscription.list_id = %(list_id)s))
         AS subscribed,
       coalesce(source.held, true) AS held,
       source.window,
       (SELECT reason FROM delivery_sendingpause AS pause
         WHERE pause.workspace_id IS NULL OR pause.workspace_id = subscriber.workspace_id
         ORDER BY pause.workspace_id NULLS FIRST
         LIMIT 1) AS paused,
       count(*) FILTER (WHERE sent.finished_at > now() - interval '1 day') AS sent_in_a_day,
       count(*) FILTER (WHERE sent.finished_at > now() - interval '7 days') AS sent_in_a_week,
       count(sent.id) AS sent_in_a_month
  FROM subscribers_subscriber AS subscriber
  LEFT JOIN delivery_source AS source
         ON (source.kind, source.source_id) = (%(kind)s, %(source_id)s)
  LEFT JOIN delivery_ledger AS sent
         ON sent.subscriber_id = subscriber.id
        AND sent.finished_at > now() - interval '30 days'
        AND sent.outcome = 'sent'
        AND sent.message_class = 'marketing'
 WHERE subscriber.id = %(subscriber_id)s
 GROUP BY subscriber.id, source.id
