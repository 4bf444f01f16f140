-- Whom money is paid to never changes, a person no more than an organisation; what is sealed is only ever erased.
CREATE TRIGGER siwei_order_person BEFORE UPDATE ON exchange_paymentorder FOR EACH ROW
  WHEN (NEW.pseudonym_id IS DISTINCT FROM OLD.pseudonym_id
    OR NEW.person_creditor_id IS DISTINCT FROM OLD.person_creditor_id)
  EXECUTE FUNCTION siwei_refuse('payments: what an order says never changes')
--;;
CREATE FUNCTION siwei_item_rest_person_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT 1 FROM exchange_orderrest r JOIN exchange_paymentorder o ON o.id = r.order_id
      JOIN exchange_paymentorder n ON n.id = NEW.order_id AND n.pseudonym_id IS NOT DISTINCT FROM o.pseudonym_id
    WHERE r.id = NEW.rest_id) THEN
    RAISE EXCEPTION 'payments: that is missing of an order to somebody else' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
--;;
CREATE TRIGGER siwei_item_rest_person BEFORE INSERT ON exchange_paymentitem FOR EACH ROW
  WHEN (NEW.rest_id IS NOT NULL) EXECUTE FUNCTION siwei_item_rest_person_check()
--;;
CREATE TRIGGER siwei_account_person BEFORE UPDATE OF pseudonym_id ON exchange_account FOR EACH ROW
  WHEN (NEW.pseudonym_id IS DISTINCT FROM OLD.pseudonym_id)
  EXECUTE FUNCTION siwei_refuse('ledger: whose an account is never changes')
--;;
CREATE TRIGGER siwei_pseudonym_update BEFORE UPDATE ON exchange_pseudonym FOR EACH ROW
  WHEN (NEW.key IS DISTINCT FROM OLD.key
    OR NEW.person_id IS DISTINCT FROM OLD.person_id AND NEW.person_id IS NOT NULL)
  EXECUTE FUNCTION siwei_refuse('persons: a pseudonym is one person, or nobody any more')
--;;
CREATE TRIGGER siwei_pseudonym_delete BEFORE DELETE ON exchange_pseudonym
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('persons: pseudonyms are kept')
--;;
CREATE TRIGGER siwei_person_account_update BEFORE UPDATE ON exchange_personbankaccount FOR EACH ROW
  WHEN (NEW.key IS DISTINCT FROM OLD.key OR NEW.pseudonym_id IS DISTINCT FROM OLD.pseudonym_id
    OR NEW.entered_at IS DISTINCT FROM OLD.entered_at
    OR OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at
    OR NEW.sealed IS DISTINCT FROM OLD.sealed AND NEW.sealed IS NOT NULL)
  EXECUTE FUNCTION siwei_refuse('payments: a changed bank account is a new one')
--;;
CREATE TRIGGER siwei_person_account_delete BEFORE DELETE ON exchange_personbankaccount
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('payments: bank accounts are kept')
--;;
CREATE TRIGGER siwei_sealed_part_update BEFORE UPDATE ON exchange_sealedpart FOR EACH ROW
  WHEN (NEW.file_id IS DISTINCT FROM OLD.file_id OR NEW.order_id IS DISTINCT FROM OLD.order_id
    OR NEW.sealed IS NOT NULL)
  EXECUTE FUNCTION siwei_refuse('payments: what went to the bank never changes')
--;;
CREATE TRIGGER siwei_sealed_part_delete BEFORE DELETE ON exchange_sealedpart
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('payments: what went to the bank never changes')
--;;
CREATE TRIGGER siwei_bank_entry_person BEFORE UPDATE ON exchange_bankentry FOR EACH ROW
  WHEN (NEW.pseudonym_id IS DISTINCT FROM OLD.pseudonym_id
    OR NEW.sealed IS DISTINCT FROM OLD.sealed AND NEW.sealed IS NOT NULL)
  EXECUTE FUNCTION siwei_refuse('statements: what the bank said never changes')
