-- People who used to open or click, and who would hardly have been silent for so long by chance
-- (`besthour.seems_gone`, in SQL), though messages were sent to them meanwhile.
-- Not the ORM: a power of a ratio of times, and a look into the ledger for each.
SELECT person.uid, known.last_at, known.days, silence.days, silence.chance
  FROM analytics_habits AS known
  JOIN subscribers_subscriber AS person ON person.id = known.subscriber_id
 CROSS JOIN LATERAL (
       SELECT extract(epoch FROM known.last_at - known.first_at)::float8 / 86400 + 7 AS active,
              extract(epoch FROM %(now)s - known.last_at)::float8 / 86400 AS silent) AS span
 CROSS JOIN LATERAL (
       SELECT floor(span.silent)::int AS days,
              power(span.active / (span.active + span.silent), known.days + 1) AS chance) AS silence
 WHERE known.workspace_id = %(workspace)s
   AND known.last_at BETWEEN %(now)s - interval '180 days' AND %(now)s - interval '7 days'
   AND known.days >= 3
   AND silence.chance < %(chance)s
   AND person.archived_at IS NULL
   AND EXISTS (SELECT FROM delivery_ledger AS message
                WHERE message.subscriber_id = known.subscriber_id
                  AND message.outcome = 'sent'
                  AND message.finished_at > known.last_at + interval '1 day'
               OFFSET 2)
 ORDER BY known.days DESC, known.last_at
 LIMIT %(limit)s
