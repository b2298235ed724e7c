-- The lanes that a pump has something to ask of or to tell, locked by id until it has written them.
SELECT coalesce(%(now)s, clock_timestamp()) AS now, lane.*
  FROM delivery_lane AS lane
  JOIN unnest(%(transport_ids)s::bigint[], %(message_classes)s::text[], %(domain_groups)s::text[])
    AS asked (transport_id, message_class, domain_group)
 USING (transport_id, message_class, domain_group)
 ORDER BY lane.id
   FOR UPDATE OF lane
