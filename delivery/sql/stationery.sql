-- What all messages of one source, sender and list share: who writes, for whom, about which list,
-- when they may leave, where their links lead and they come back to, and who signs for them: the longest domain of the
-- workspace that the From address lies in and that has keys. RSA signs first: a receiver that knows
-- no Ed25519 may look no further than that. They come back to a domain that DNS leads somewhere.
SELECT sender.name AS from_name, sender.email AS from_email, sender.reply_to,
       workspace.name AS workspace_name, workspace.slug AS workspace_slug,
       workspace.postal_address, workspace.time_zone, workspace.awake, source.window,
       coalesce(workspace.cap_per_day, workspace.cap_per_week) IS NOT NULL AS capped,
       list.name AS list_name, list.slug AS list_slug,
       signing.domain AS signing_domain, signing.keys AS signing_keys,
       coming_back.bounce_domain,
       (SELECT domain.tracking_host
          FROM delivery_sendingdomain AS domain
         WHERE domain.workspace_id = sender.workspace_id
           AND domain.tracking_ready
           AND right('.' || split_part(sender.email, '@', 2), length(domain.name) + 1)
               = '.' || domain.name
         ORDER BY length(domain.name) DESC
         LIMIT 1) AS tracking_host
  FROM delivery_senderidentity AS sender
  JOIN accounts_workspace AS workspace ON workspace.id = sender.workspace_id
  LEFT JOIN subscribers_list AS list ON list.id = %(list_id)s
  LEFT JOIN delivery_source AS source ON (source.kind, source.source_id) = (%(kind)s, %(source_id)s)
  LEFT JOIN LATERAL (
       SELECT domain.name AS domain,
              jsonb_agg(jsonb_build_array(key.selector, key.private_key)
                        ORDER BY key.algorithm DESC) AS keys
         FROM delivery_sendingdomain AS domain
         JOIN delivery_dkimkey AS key ON key.domain_id = domain.id AND key.state = 'active'
        WHERE domain.workspace_id = sender.workspace_id
          AND right('.' || split_part(sender.email, '@', 2), length(domain.name) + 1)
              = '.' || domain.name
        GROUP BY domain.id
        ORDER BY length(domain.name) DESC
        LIMIT 1
  ) AS signing ON true
  LEFT JOIN LATERAL (
       SELECT domain.bounce_domain
         FROM delivery_sendingdomain AS domain
        WHERE domain.workspace_id = sender.workspace_id
          AND domain.state = 'verified'
          AND domain.findings @> jsonb_build_array(jsonb_build_object(
                'kind', 'return_path', 'level', 'good', 'host', domain.bounce_domain))
          AND right('.' || split_part(sender.email, '@', 2), length(domain.name) + 1)
              = '.' || domain.name
        ORDER BY length(domain.name) DESC
        LIMIT 1
  ) AS coming_back ON true
 WHERE sender.id = %(sender_id)s
