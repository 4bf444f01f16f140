-- Whom money is paid to never changes, a person no more than an organisation; what is sealed is only ever erased.
CREATE TRIGGER siwei_order_person BEFORE UPDATE ON exchange_paymentorder
  WHEN NEW.pseudonym_id IS NOT OLD.pseudonym_id OR NEW.person_creditor_id IS NOT OLD.person_creditor_id BEGIN
  SELECT RAISE(ABORT, 'payments: what an order says never changes');
END
--;;
CREATE TRIGGER siwei_item_rest_person BEFORE INSERT ON exchange_paymentitem WHEN NEW.rest_id IS NOT NULL BEGIN
  SELECT RAISE(ABORT, 'payments: that is missing of an order to somebody else') WHERE NOT EXISTS (
    SELECT 1 FROM exchange_orderrest r JOIN exchange_paymentorder o ON o.id = r.order_id, exchange_paymentorder n
    WHERE r.id = NEW.rest_id AND n.id = NEW.order_id AND n.pseudonym_id IS o.pseudonym_id);
END
--;;
CREATE TRIGGER siwei_account_person BEFORE UPDATE OF pseudonym_id ON exchange_account
  WHEN NEW.pseudonym_id IS NOT OLD.pseudonym_id BEGIN
  SELECT RAISE(ABORT, 'ledger: whose an account is never changes');
END
--;;
CREATE TRIGGER siwei_pseudonym_update BEFORE UPDATE ON exchange_pseudonym
  WHEN NEW.key IS NOT OLD.key OR (NEW.person_id IS NOT OLD.person_id AND NEW.person_id IS NOT NULL) BEGIN
  SELECT RAISE(ABORT, 'persons: a pseudonym is one person, or nobody any more');
END
--;;
CREATE TRIGGER siwei_pseudonym_delete BEFORE DELETE ON exchange_pseudonym BEGIN
  SELECT RAISE(ABORT, 'persons: pseudonyms are kept');
END
--;;
CREATE TRIGGER siwei_person_account_update BEFORE UPDATE ON exchange_personbankaccount
  WHEN NEW.key IS NOT OLD.key OR NEW.pseudonym_id IS NOT OLD.pseudonym_id OR NEW.entered_at IS NOT OLD.entered_at
    OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS NOT OLD.ended_at)
    OR (NEW.sealed IS NOT OLD.sealed AND NEW.sealed IS NOT NULL) BEGIN
  SELECT RAISE(ABORT, 'payments: a changed bank account is a new one');
END
--;;
CREATE TRIGGER siwei_person_account_delete BEFORE DELETE ON exchange_personbankaccount BEGIN
  SELECT RAISE(ABORT, 'payments: bank accounts are kept');
END
--;;
CREATE TRIGGER siwei_sealed_part_update BEFORE UPDATE ON exchange_sealedpart
  WHEN NEW.file_id IS NOT OLD.file_id OR NEW.order_id IS NOT OLD.order_id OR NEW.sealed IS NOT NULL BEGIN
  SELECT RAISE(ABORT, 'payments: what went to the bank never changes');
END
--;;
CREATE TRIGGER siwei_sealed_part_delete BEFORE DELETE ON exchange_sealedpart BEGIN
  SELECT RAISE(ABORT, 'payments: what went to the bank never changes');
END
--;;
CREATE TRIGGER siwei_bank_entry_person BEFORE UPDATE ON exchange_bankentry
  WHEN NEW.pseudonym_id IS NOT OLD.pseudonym_id OR (NEW.sealed IS NOT OLD.sealed AND NEW.sealed IS NOT NULL) BEGIN
  SELECT RAISE(ABORT, 'statements: what the bank said never changes');
END
