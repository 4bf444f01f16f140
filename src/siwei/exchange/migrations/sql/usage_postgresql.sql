-- Windows of one meter of one line never overlap; what was read and signed never changes.
CREATE FUNCTION siwei_usage_window() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.window_start IS NULL THEN RETURN NEW; END IF;
  -- Two writers of one line wait for each other, or neither would see the other's window.
  PERFORM 1 FROM exchange_agreementline WHERE id = NEW.line_id FOR NO KEY UPDATE;
  IF EXISTS (SELECT 1 FROM exchange_usage WHERE line_id = NEW.line_id AND meter = NEW.meter
             AND window_start < NEW.window_end AND NEW.window_start < window_end) THEN
    RAISE EXCEPTION 'usage: windows of one meter overlap' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
--;;
CREATE TRIGGER siwei_usage_insert BEFORE INSERT ON exchange_usage FOR EACH ROW EXECUTE FUNCTION siwei_usage_window()
--;;
CREATE TRIGGER siwei_usage_update BEFORE UPDATE ON exchange_usage FOR EACH ROW
  WHEN (NEW.window_start IS DISTINCT FROM OLD.window_start OR NEW.window_end IS DISTINCT FROM OLD.window_end
    OR NEW.meter IS DISTINCT FROM OLD.meter OR NEW.line_id IS DISTINCT FROM OLD.line_id
    OR NEW.reading IS DISTINCT FROM OLD.reading OR NEW.measured IS DISTINCT FROM OLD.measured)
  EXECUTE FUNCTION siwei_refuse('usage: what was read never changes')
--;;
CREATE TRIGGER siwei_report_update BEFORE UPDATE OR DELETE ON exchange_usagereport
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('usage: signed reports never change')
