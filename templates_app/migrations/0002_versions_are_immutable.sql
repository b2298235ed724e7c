CREATE FUNCTION templates_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A template version is never changed: messages are pinned to it.';
END
$$;

CREATE TRIGGER versions_are_immutable BEFORE UPDATE ON templates_app_templateversion
    FOR EACH ROW EXECUTE FUNCTION templates_refuse_change();
