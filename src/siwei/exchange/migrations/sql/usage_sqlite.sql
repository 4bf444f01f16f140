-- Windows of one meter of one line never overlap. Trap: SQLite drops triggers when Django rebuilds exchange_usage.
CREATE TRIGGER siwei_usage_insert BEFORE INSERT ON exchange_usage WHEN NEW.window_start IS NOT NULL BEGIN
  SELECT RAISE(ABORT, 'usage: windows of one meter overlap') WHERE EXISTS (
    SELECT 1 FROM exchange_usage WHERE line_id = NEW.line_id AND meter = NEW.meter
      AND window_start < NEW.window_end AND NEW.window_start < window_end);
END
--;;
CREATE TRIGGER siwei_usage_update BEFORE UPDATE ON exchange_usage
  WHEN NEW.window_start IS NOT OLD.window_start OR NEW.window_end IS NOT OLD.window_end OR NEW.meter IS NOT OLD.meter
    OR NEW.line_id IS NOT OLD.line_id OR NEW.reading IS NOT OLD.reading OR NEW.measured IS NOT OLD.measured BEGIN
  SELECT RAISE(ABORT, 'usage: what was read never changes');
END
--;;
CREATE TRIGGER siwei_report_update BEFORE UPDATE ON exchange_usagereport BEGIN
  SELECT RAISE(ABORT, 'usage: signed reports never change');
END
--;;
CREATE TRIGGER siwei_report_delete BEFORE DELETE ON exchange_usagereport BEGIN
  SELECT RAISE(ABORT, 'usage: signed reports never change');
END
