-- What a bank said never changes, whatever becomes of it here.
CREATE TRIGGER siwei_bank_entry_update BEFORE UPDATE ON exchange_bankentry
  WHEN NEW.file_id IS NOT OLD.file_id OR NEW.row IS NOT OLD.row OR NEW.account_number IS NOT OLD.account_number
    OR NEW.reference IS NOT OLD.reference OR NEW.booked_on IS NOT OLD.booked_on OR NEW.direction IS NOT OLD.direction
    OR NEW.amount_fen IS NOT OLD.amount_fen OR NEW.name IS NOT OLD.name
    OR NEW.counter_account IS NOT OLD.counter_account OR NEW.end_to_end_id IS NOT OLD.end_to_end_id
    OR NEW.remittance IS NOT OLD.remittance OR NEW.difference_id IS NOT OLD.difference_id
    OR (OLD.state <> 'open' AND NEW.state IS NOT OLD.state) BEGIN
  SELECT RAISE(ABORT, 'statements: what the bank said never changes');
END
--;;
CREATE TRIGGER siwei_bank_entry_delete BEFORE DELETE ON exchange_bankentry BEGIN
  SELECT RAISE(ABORT, 'statements: entries are kept');
END
--;;
CREATE TRIGGER siwei_statement_reject_delete BEFORE DELETE ON exchange_statementreject BEGIN
  SELECT RAISE(ABORT, 'statements: rejects are kept');
END
