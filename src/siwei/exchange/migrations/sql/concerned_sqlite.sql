-- Whom an event concerns is who sees it: written with the event, and no more changed than the event is.
CREATE TRIGGER siwei_concerned_insert BEFORE INSERT ON exchange_event_organisations BEGIN
  SELECT RAISE(ABORT, 'audit: whom an event concerns is append-only') WHERE EXISTS (
    SELECT 1 FROM exchange_event_organisations
    WHERE id = NEW.id OR (event_id = NEW.event_id AND organisation_id = NEW.organisation_id));
  SELECT RAISE(ABORT, 'audit: that event lies in a sealed block')
    WHERE NEW.event_id <= COALESCE((SELECT last_event_id FROM exchange_seal ORDER BY number DESC LIMIT 1), 0);
END
--;;
CREATE TRIGGER siwei_concerned_number AFTER INSERT ON exchange_event_organisations BEGIN
  SELECT RAISE(ABORT, 'audit: that number lies in a sealed block')
    WHERE NEW.id <= COALESCE((SELECT last_concerned_id FROM exchange_seal ORDER BY number DESC LIMIT 1), 0);
END
--;;
CREATE TRIGGER siwei_concerned_update BEFORE UPDATE ON exchange_event_organisations BEGIN
  SELECT RAISE(ABORT, 'audit: whom an event concerns is append-only');
END
--;;
CREATE TRIGGER siwei_concerned_delete BEFORE DELETE ON exchange_event_organisations BEGIN
  SELECT RAISE(ABORT, 'audit: whom an event concerns is append-only');
END
--;;
CREATE TRIGGER siwei_seal_concerned BEFORE INSERT ON exchange_seal BEGIN
  SELECT RAISE(ABORT, 'audit: a seal follows the one before it') WHERE NEW.last_concerned_id
    < COALESCE((SELECT last_concerned_id FROM exchange_seal ORDER BY number DESC LIMIT 1), 0);
END
