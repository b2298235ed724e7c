-- The gate: a new statement after the wire mark's commit, so that every stop committed before the
-- mark is seen (in one statement with the mark it would not be). `stop` is NULL where the message
-- may leave, 'held' where it has to wait, 'snoozed' where it does until `wakes_at`, else why it is
-- skipped.
SELECT message.id,
       CASE
         WHEN message.cancelled_at IS NOT NULL THEN 'cancelled'
         WHEN message.held_at IS NOT NULL OR source.held
              OR EXISTS (SELECT FROM delivery_sendingpause AS pause
                          WHERE pause.workspace_id IS NULL
                             OR pause.workspace_id = message.workspace_id) THEN 'held'
         WHEN subscriber.archived_at IS NOT NULL THEN 'archived'
         -- Their own no is to marketing, and who comes back is asked whether they mean it.
         WHEN suppression.reason <> 'unsubscribed' OR message.message_class = 'marketing'
              AND suppression.reason IS NOT NULL THEN 'suppressed: ' || suppression.reason
         WHEN (message.kind = 'confirmation' OR message.message_class = 'marketing')
              AND CASE message.kind WHEN 'confirmation' THEN 'pending' ELSE 'confirmed'
                  END NOT IN (SELECT subscription.state
                            FROM subscribers_subscription AS subscription
                           WHERE subscription.subscriber_id = message.subscriber_id
                             AND (message.list_id IS NULL
                                  OR subscription.list_id = message.list_id))
         THEN 'not subscribed'
         WHEN message.message_class = 'marketing'
              AND subscriber.snoozed_until > coalesce(%(now)s, clock_timestamp()) THEN 'snoozed'
       END AS stop,
       -- A campaign is about its day, and is left out; what else there is comes later.
       CASE WHEN message.kind <> 'campaign' THEN subscriber.snoozed_until END AS wakes_at
  FROM delivery_outbox AS message
  JOIN delivery_source AS source USING (kind, source_id)
  JOIN subscribers_subscriber AS subscriber ON subscriber.id = message.subscriber_id
  LEFT JOIN LATERAL subscribers_suppression_of(
                message.workspace_id, subscriber.address_key, %(pepper)s) AS suppression ON TRUE
 WHERE message.id = ANY(%(ids)s)
   AND message.lease_token = %(token)s
