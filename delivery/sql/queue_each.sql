-- Put the same message for each of these people into the outbox, in the caller's transaction; it is
-- queued once for each. Domain groups as in queue_many.sql, which has a message per row: this one
-- costs a third, and fills campaigns. Not the ORM: the rows never leave the database.
INSERT INTO delivery_outbox (workspace_id, kind, source_id, step_key, run, variant, subscriber_id,
                             list_id, template_version_id, sender_id, message_class, priority,
                             domain_group, queued_at, run_at, thread, attempts, last_reply)
SELECT %(workspace_id)s, %(kind)s, %(source_id)s, %(step_key)s, %(run)s, %(variant)s, subscriber.id,
       %(list_id)s, %(template_version_id)s, %(sender_id)s, %(message_class)s, %(priority)s,
       CASE WHEN known.operator <> '' THEN known.operator
            WHEN known.people_count >= %(many)s THEN known.domain
            ELSE 'other' END,
       %(now)s, coalesce(%(run_at)s, %(now)s), %(thread)s, 0, ''
  FROM subscribers_subscriber AS subscriber
  LEFT JOIN delivery_recipientdomain AS known
         ON known.domain = split_part(subscriber.address_key, '@', 2)
 WHERE subscriber.id = ANY(%(subscriber_ids)s::bigint[])
 ORDER BY subscriber.id
    ON CONFLICT DO NOTHING
