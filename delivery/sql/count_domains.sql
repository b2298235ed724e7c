-- Take note of the domains of some people, and of how many people are there.
-- Not the ORM: an upsert that adds up.
INSERT INTO delivery_recipientdomain AS known (domain, people_count, operator)
SELECT split_part(address_key, '@', 2), count(*), ''
  FROM subscribers_subscriber
 WHERE id = ANY (%(subscriber_ids)s)
 GROUP BY 1
 ORDER BY 1
    ON CONFLICT (domain) DO UPDATE SET people_count = known.people_count + excluded.people_count
