-- The consent ledger is written by the places themselves: whoever changes one, a verb, an import or
-- a hand at the database, leaves a line, in the same transaction. By statement, so that an import
-- of thousands costs one more INSERT.
CREATE FUNCTION subscribers_keep_consent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CASE TG_OP
    WHEN 'INSERT' THEN
        INSERT INTO subscribers_consententry (subscriber_id, list_id, state, at, source, text, ip)
        SELECT subscriber_id, list_id, state,
               CASE state WHEN 'confirmed' THEN coalesce(confirmed_at, created_at)
                          WHEN 'unsubscribed' THEN coalesce(unsubscribed_at, created_at)
                          ELSE coalesce(consented_at, created_at) END,
               consent_source, consent_text, consent_ip
          FROM after;
    WHEN 'UPDATE' THEN
        INSERT INTO subscribers_consententry (subscriber_id, list_id, state, at, source, text, ip)
        SELECT after.subscriber_id, after.list_id, after.state,
               CASE after.state WHEN 'confirmed' THEN coalesce(after.confirmed_at, now())
                                WHEN 'unsubscribed' THEN coalesce(after.unsubscribed_at, now())
                                ELSE coalesce(after.consented_at, now()) END,
               after.consent_source, after.consent_text, after.consent_ip
          FROM after
          JOIN before USING (id)
         WHERE (after.subscriber_id, after.state, after.consent_source, after.consent_text)
               IS DISTINCT FROM
               (before.subscriber_id, before.state, before.consent_source, before.consent_text);
    WHEN 'DELETE' THEN
        INSERT INTO subscribers_consententry (subscriber_id, list_id, state, at, source, text, ip)
        SELECT subscriber_id, list_id, 'removed', now(), '', '', NULL
          FROM before;
    END CASE;
    RETURN NULL;
END
$$;

CREATE TRIGGER consent_is_kept_of_new AFTER INSERT ON subscribers_subscription
    REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION subscribers_keep_consent();
CREATE TRIGGER consent_is_kept_of_changed AFTER UPDATE ON subscribers_subscription
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION subscribers_keep_consent();
CREATE TRIGGER consent_is_kept_of_gone AFTER DELETE ON subscribers_subscription
    REFERENCING OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION subscribers_keep_consent();

-- What is known already is the beginning of the ledger.
INSERT INTO subscribers_consententry (subscriber_id, list_id, state, at, source, text, ip)
SELECT subscriber_id, list_id, state,
       CASE state WHEN 'confirmed' THEN coalesce(confirmed_at, created_at)
                  WHEN 'unsubscribed' THEN coalesce(unsubscribed_at, created_at)
                  ELSE coalesce(consented_at, created_at) END,
       consent_source, consent_text, consent_ip
  FROM subscribers_subscription
 ORDER BY id;

-- Nothing in it is changed or deleted, but that an erasure, which says so for its transaction, may
-- blank the address that a yes came from.
CREATE FUNCTION subscribers_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('emailseq.erasing', true) = 'on'
       AND NEW.ip IS NULL
       AND to_jsonb(NEW) - 'ip' = to_jsonb(OLD) - 'ip' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'The consent ledger is append-only.';
END
$$;

CREATE TRIGGER consent_is_append_only BEFORE UPDATE OR DELETE ON subscribers_consententry
    FOR EACH ROW EXECUTE FUNCTION subscribers_refuse_change();
