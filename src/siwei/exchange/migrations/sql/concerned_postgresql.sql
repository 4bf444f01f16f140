-- Whom an event concerns is who sees it: written with the event, and no more changed than the event is.
CREATE FUNCTION siwei_concerned_check() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE sealed exchange_seal;
BEGIN
  SELECT * INTO sealed FROM exchange_seal ORDER BY number DESC LIMIT 1;
  IF NEW.event_id <= COALESCE(sealed.last_event_id, 0) THEN
    RAISE EXCEPTION 'audit: that event lies in a sealed block' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.id <= COALESCE(sealed.last_concerned_id, 0) THEN
    RAISE EXCEPTION 'audit: that number lies in a sealed block' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
--;;
CREATE FUNCTION siwei_seal_concerned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.last_concerned_id
     < COALESCE((SELECT last_concerned_id FROM exchange_seal ORDER BY number DESC LIMIT 1), 0) THEN
    RAISE EXCEPTION 'audit: a seal follows the one before it' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
--;;
CREATE TRIGGER siwei_concerned_insert BEFORE INSERT ON exchange_event_organisations
  FOR EACH ROW EXECUTE FUNCTION siwei_concerned_check()
--;;
CREATE TRIGGER siwei_concerned_update BEFORE DELETE OR UPDATE ON exchange_event_organisations
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('audit: whom an event concerns is append-only')
--;;
CREATE TRIGGER siwei_concerned_truncate BEFORE TRUNCATE ON exchange_event_organisations
  FOR EACH STATEMENT EXECUTE FUNCTION siwei_refuse('audit: whom an event concerns is append-only')
--;;
CREATE TRIGGER siwei_seal_concerned BEFORE INSERT ON exchange_seal
  FOR EACH ROW EXECUTE FUNCTION siwei_seal_concerned()
