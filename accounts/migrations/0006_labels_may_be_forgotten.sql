-- The audit trail stays append-only, but that an erasure, which says so for its transaction, may
-- blank what names the person: who did what to which object when is never changed.
CREATE OR REPLACE FUNCTION accounts_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('emailseq.erasing', true) = 'on'
       AND to_jsonb(NEW) - '{object_label,changes}'::text[]
           = to_jsonb(OLD) - '{object_label,changes}'::text[] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'The audit trail is append-only.';
END
$$;
