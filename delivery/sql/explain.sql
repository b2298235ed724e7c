-- What the gate (look.sql) would answer for one person and source now, question by question.
SELECT subscriber.archived_at,
       (SELECT reason FROM subscribers_suppression AS suppression
         WHERE suppression.workspace_id = subscriber.workspace_id
           AND suppression.address_key = subscriber.address_key),
       EXISTS (SELECT FROM subscribers_subscription AS subscription
                WHERE subscription.subscriber_id = subscriber.id
                  AND subscription.state = 'confirmed'
                  AND (%(list_id)s::bigint IS NULL OR subscription.list_id = %(list_id)s)),
       coalesce((SELECT held FROM delivery_source
                  WHERE kind = %(kind)s AND source_id = %(source_id)s), true)
  FROM subscribers_subscriber AS subscriber
 WHERE subscriber.id = %(subscriber_id)s
