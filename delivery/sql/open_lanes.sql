-- Lanes that nobody has used before. Whoever comes second finds them there.
INSERT INTO delivery_lane (transport_id, message_class, domain_group,
                           spent_until, quiet_since, counted_since, day)
SELECT transport_id, message_class, domain_group, instant, instant, instant,
       (instant AT TIME ZONE 'UTC')::date
  FROM unnest(%(transport_ids)s::bigint[], %(message_classes)s::text[], %(domain_groups)s::text[])
    AS lane (transport_id, message_class, domain_group),
       coalesce(%(now)s, clock_timestamp()) AS instant
    ON CONFLICT DO NOTHING
