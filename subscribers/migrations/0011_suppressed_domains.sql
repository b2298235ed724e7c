-- How the suppression of an address is kept that nobody is to know: its SHA-256, hashed with a key.
CREATE FUNCTION subscribers_suppression_digest(key text, pepper bytea)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
SELECT 'keyed:' || encode(sha256(pepper || sha256(convert_to(key, 'UTF8'))), 'hex')
$$;

-- What of the suppressions stops an address: its own, that of its domain, or that of its digest. The
-- one reason that lets transactional messages through comes last. Of one statement, so that the
-- planner sees through it: three reads of the index that keeps keys unique.
CREATE FUNCTION subscribers_suppression_of(workspace bigint, key text, pepper bytea)
RETURNS TABLE (reason text) LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS
$$
SELECT suppression.reason
  FROM subscribers_suppression AS suppression
 WHERE suppression.workspace_id = workspace
   AND suppression.address_key = ANY (ARRAY[
           key, '@' || split_part(key, '@', 2), subscribers_suppression_digest(key, pepper)])
 ORDER BY suppression.reason = 'unsubscribed'
 LIMIT 1
$$;
