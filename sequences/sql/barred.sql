-- Which of these people may not be mailed any more, each on the list of their run or, without one,
-- on any; and why, in the words of the gate.
-- Not the ORM: it would look each run up again.
SELECT asked.id,
       CASE WHEN subscriber.archived_at IS NOT NULL THEN 'archived'
            WHEN suppression.reason IS NOT NULL THEN 'suppressed: ' || suppression.reason
            ELSE 'not subscribed' END
  FROM unnest(%(id)s::bigint[], %(subscriber_id)s::bigint[], %(list_id)s::bigint[])
    AS asked (id, subscriber_id, list_id)
  JOIN subscribers_subscriber AS subscriber ON subscriber.id = asked.subscriber_id
  LEFT JOIN LATERAL subscribers_suppression_of(
            subscriber.workspace_id, subscriber.address_key, %(pepper)s) AS suppression ON TRUE
 WHERE subscriber.archived_at IS NOT NULL
    OR suppression.reason IS NOT NULL
    OR NOT EXISTS (SELECT FROM subscribers_subscription AS place
                    WHERE place.subscriber_id = asked.subscriber_id
                      AND place.list_id = coalesce(asked.list_id, place.list_id)
                      AND place.state = 'confirmed')
