-- What a bank said never changes, whatever becomes of it here.
CREATE TRIGGER siwei_bank_entry_update BEFORE UPDATE ON exchange_bankentry FOR EACH ROW
  WHEN (NEW.file_id IS DISTINCT FROM OLD.file_id OR NEW."row" IS DISTINCT FROM OLD."row"
    OR NEW.account_number IS DISTINCT FROM OLD.account_number OR NEW.reference IS DISTINCT FROM OLD.reference
    OR NEW.booked_on IS DISTINCT FROM OLD.booked_on OR NEW.direction IS DISTINCT FROM OLD.direction
    OR NEW.amount_fen IS DISTINCT FROM OLD.amount_fen OR NEW.name IS DISTINCT FROM OLD.name
    OR NEW.counter_account IS DISTINCT FROM OLD.counter_account
    OR NEW.end_to_end_id IS DISTINCT FROM OLD.end_to_end_id OR NEW.remittance IS DISTINCT FROM OLD.remittance
    OR NEW.difference_id IS DISTINCT FROM OLD.difference_id
    OR OLD.state <> 'open' AND NEW.state IS DISTINCT FROM OLD.state)
  EXECUTE FUNCTION siwei_refuse('statements: what the bank said never changes')
--;;
CREATE TRIGGER siwei_bank_entry_delete BEFORE DELETE ON exchange_bankentry
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('statements: entries are kept')
--;;
CREATE TRIGGER siwei_statement_reject_delete BEFORE DELETE ON exchange_statementreject
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('statements: rejects are kept')
