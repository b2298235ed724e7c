-- Put messages into the outbox in the caller's transaction; a message is queued once. Its group of
-- domains, by which it finds a lane, is the operator of the recipient's mail, else the domain
-- itself if many people are there, else the one of all others.
-- Not the ORM: one statement with arrays, whatever the number of rows.
INSERT INTO delivery_outbox (workspace_id, kind, source_id, step_key, run, variant, subscriber_id,
                             list_id, template_version_id, sender_id, message_class, priority,
                             domain_group, queued_at, run_at, thread, attempts, last_reply)
SELECT message.workspace_id, kind, source_id, step_key, run, variant, subscriber_id, list_id,
       template_version_id, sender_id, message_class, priority,
       CASE WHEN known.operator <> '' THEN known.operator
            WHEN known.people_count >= %(many)s THEN known.domain
            ELSE 'other' END,
       %(now)s, coalesce(message.run_at, %(now)s), message.thread, 0, ''
  FROM unnest(%(workspace_id)s::bigint[], %(kind)s::text[], %(source_id)s::bigint[],
              %(step_key)s::text[], %(run)s::int[], %(variant)s::text[], %(subscriber_id)s::bigint[],
              %(list_id)s::bigint[], %(template_version_id)s::bigint[], %(sender_id)s::bigint[],
              %(message_class)s::text[], %(priority)s::smallint[], %(run_at)s::timestamptz[],
              %(thread)s::text[])
         WITH ORDINALITY
    AS message (workspace_id, kind, source_id, step_key, run, variant, subscriber_id,
                list_id, template_version_id, sender_id, message_class, priority, run_at, thread,
                place)
  LEFT JOIN subscribers_subscriber AS subscriber ON subscriber.id = message.subscriber_id
  LEFT JOIN delivery_recipientdomain AS known
         ON known.domain = split_part(subscriber.address_key, '@', 2)
 ORDER BY kind, source_id, subscriber_id, place  -- those of one person in the order given
    ON CONFLICT DO NOTHING
