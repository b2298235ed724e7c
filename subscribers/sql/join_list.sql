-- Put people on a list; returns those who had no place on it. Rows are locked in their order.
-- Not the ORM: it cannot say which rows were new.
INSERT INTO subscribers_subscription (list_id, subscriber_id, state, consent_source, consent_text,
                                      consent_ip, consented_at, created_at, confirmed_at)
SELECT %(list_id)s, subscriber_id, %(state)s, %(consent_source)s, %(consent_text)s,
       %(consent_ip)s::inet, %(consented_at)s, %(now)s, %(confirmed_at)s
  FROM unnest(%(people)s::bigint[]) AS subscriber_id
 ORDER BY subscriber_id
ON CONFLICT DO NOTHING
RETURNING subscriber_id
