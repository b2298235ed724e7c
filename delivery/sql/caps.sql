-- Which of these messages a frequency cap holds back, the workspace's or the reader's own, what
-- their sources want then, and until when.
-- What counts: what was sent, what is on the wire or in doubt, what comes earlier in this batch, and
-- what is due for the same person from a source of a higher rank. Runs after lock_people.sql, in the
-- transaction that marks the rest: two pumps never both find room for the last one.
SELECT message.id, source.cap_policy, cap.until
  FROM delivery_outbox AS message
  JOIN delivery_source AS source USING (kind, source_id)
  JOIN accounts_workspace AS workspace ON workspace.id = message.workspace_id
  JOIN subscribers_subscriber AS subscriber ON subscriber.id = message.subscriber_id
 CROSS JOIN LATERAL (
       SELECT max(coalesce(nth.finished_at + term.length,
                           clock_timestamp() + interval '1 minute')) AS until
         FROM (VALUES (workspace.cap_per_day, interval '1 day'),
                      (workspace.cap_per_week, interval '7 days'),
                      (CASE WHEN subscriber.frequency <> 'all' THEN 1 END,
                       CASE subscriber.frequency WHEN 'weekly' THEN interval '7 days'
                                                 ELSE interval '30 days' END))
                   AS term (most, length)
        CROSS JOIN LATERAL (
              SELECT count(*) AS count
                FROM delivery_outbox AS other
                JOIN delivery_source AS its
                  ON (its.kind, its.source_id) = (other.kind, other.source_id)
               WHERE other.subscriber_id = message.subscriber_id
                 AND other.message_class = 'marketing'
                 AND other.cancelled_at IS NULL
                 AND (other.wire_at IS NOT NULL
                      OR (other.id = ANY(%(ids)s) AND other.id < message.id)
                      OR (its.rank > source.rank AND NOT its.held AND other.held_at IS NULL
                          AND other.run_at <= clock_timestamp()))) AS ahead
         LEFT JOIN LATERAL (
              SELECT sent.finished_at
                FROM delivery_ledger AS sent
               WHERE sent.subscriber_id = message.subscriber_id
                 AND sent.finished_at > now() - term.length
                 AND sent.outcome = 'sent'
                 AND sent.message_class = 'marketing'
               ORDER BY sent.finished_at DESC
              OFFSET greatest(term.most - ahead.count - 1, 0)
               LIMIT 1) AS nth ON true
        WHERE term.most IS NOT NULL
          AND (nth.finished_at IS NOT NULL OR ahead.count >= term.most)
       ) AS cap
 WHERE message.id = ANY(%(ids)s)
   AND message.message_class = 'marketing'
   AND cap.until IS NOT NULL
