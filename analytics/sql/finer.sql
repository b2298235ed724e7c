-- What is told of events by what they are about: who runs the recipient's mailbox, how many seconds
-- after its message somebody opened it, the week in which the person entered, how many weeks that
-- is ago, and whether they did nothing in that week before.
-- Not the ORM: lateral looks into ledger, outbox and log. The bounds on `recorded_at` let the other
-- months go unread.
SELECT event.id, message.domain_group,
       extract(epoch FROM event.occurred_at - message.finished_at)::float8,
       to_char(person.created_at AT TIME ZONE 'UTC', 'IYYY-"W"IW'),
       extract(epoch FROM week.monday - date_trunc('week', person.created_at, 'UTC'))::int / 604800,
       event.verdict = 'human' AND NOT EXISTS (
           SELECT FROM subscribers_event AS before
            WHERE before.subscriber_id = event.subscriber_id
              AND before.kind IN ('message.opened', 'message.clicked')
              AND before.verdict = 'human'
              AND before.occurred_at >= week.monday
              AND before.occurred_at < week.monday + interval '7 days'
              AND before.recorded_at >= week.monday - interval '1 day'
              AND (before.xid, before.id) < (event.xid, event.id)),
       person.time_zone
  FROM subscribers_event AS event
 CROSS JOIN LATERAL (SELECT date_trunc('week', event.occurred_at, 'UTC') AS monday) AS week
  LEFT JOIN LATERAL (
       SELECT domain_group, finished_at FROM delivery_ledger WHERE id = event.message_id
        UNION ALL
       SELECT domain_group, NULL FROM delivery_outbox WHERE id = event.message_id
        LIMIT 1) AS message ON true
  LEFT JOIN subscribers_subscriber AS person
    ON person.id = event.subscriber_id
   AND event.kind IN ('message.opened', 'message.clicked', 'message.unsubscribed',
                      'subscriber.created')
 WHERE event.id = ANY(%(ids)s)
   AND event.recorded_at BETWEEN %(since)s AND %(until)s
