-- What is paid never changes once it is written; SQLite drops these when Django rebuilds a table.
CREATE TRIGGER siwei_order_insert BEFORE INSERT ON exchange_paymentorder BEGIN
  SELECT RAISE(ABORT, 'payments: a batch that was approved takes no order') WHERE NOT EXISTS (
    SELECT 1 FROM exchange_paymentbatch WHERE id = NEW.batch_id AND state = 'open' AND first_by_id IS NULL);
END
--;;
CREATE TRIGGER siwei_order_update BEFORE UPDATE ON exchange_paymentorder
  WHEN NEW.batch_id IS NOT OLD.batch_id OR NEW.number IS NOT OLD.number OR NEW.end_to_end_id IS NOT OLD.end_to_end_id
    OR NEW.payee_id IS NOT OLD.payee_id OR NEW.creditor_id IS NOT OLD.creditor_id
    OR NEW.amount_fen IS NOT OLD.amount_fen OR NEW.remittance IS NOT OLD.remittance OR NEW.hold_id IS NOT OLD.hold_id BEGIN
  SELECT RAISE(ABORT, 'payments: what an order says never changes');
END
--;;
CREATE TRIGGER siwei_order_delete BEFORE DELETE ON exchange_paymentorder BEGIN
  SELECT RAISE(ABORT, 'payments: orders are kept');
END
--;;
CREATE TRIGGER siwei_item_insert BEFORE INSERT ON exchange_paymentitem BEGIN
  SELECT RAISE(ABORT, 'payments: a batch that was approved takes no order') WHERE NOT EXISTS (
    SELECT 1 FROM exchange_paymentorder o JOIN exchange_paymentbatch b ON b.id = o.batch_id
    WHERE o.id = NEW.order_id AND b.state = 'open' AND b.first_by_id IS NULL);
END
--;;
CREATE TRIGGER siwei_item_update BEFORE UPDATE ON exchange_paymentitem
  WHEN NEW.is_live > OLD.is_live OR NEW.order_id IS NOT OLD.order_id OR NEW.part IS NOT OLD.part
    OR NEW.settlement_id IS NOT OLD.settlement_id OR NEW.line IS NOT OLD.line OR NEW.dispute_id IS NOT OLD.dispute_id
    OR NEW.grant_id IS NOT OLD.grant_id OR NEW.amount_fen IS NOT OLD.amount_fen BEGIN
  SELECT RAISE(ABORT, 'payments: what an order says never changes');
END
--;;
CREATE TRIGGER siwei_item_delete BEFORE DELETE ON exchange_paymentitem BEGIN
  SELECT RAISE(ABORT, 'payments: orders are kept');
END
--;;
CREATE TRIGGER siwei_batch_insert BEFORE INSERT ON exchange_paymentbatch
  WHEN NEW.state <> 'open' OR NEW.first_by_id IS NOT NULL BEGIN
  SELECT RAISE(ABORT, 'payments: a batch begins open');
END
--;;
CREATE TRIGGER siwei_batch_update BEFORE UPDATE ON exchange_paymentbatch
  WHEN NEW.key IS NOT OLD.key OR NEW.message_id IS NOT OLD.message_id OR NEW.payer_id IS NOT OLD.payer_id
    OR NEW.debtor_id IS NOT OLD.debtor_id OR NEW.execute_on IS NOT OLD.execute_on
    OR NEW.orders_count IS NOT OLD.orders_count OR NEW.total_fen IS NOT OLD.total_fen
    OR NEW.content_sha256 IS NOT OLD.content_sha256 OR NEW.made_by_id IS NOT OLD.made_by_id
    OR NEW.made_at IS NOT OLD.made_at
    OR (OLD.first_by_id IS NOT NULL AND (NEW.first_by_id IS NOT OLD.first_by_id OR NEW.first_at IS NOT OLD.first_at))
    OR (OLD.second_by_id IS NOT NULL AND (NEW.second_by_id IS NOT OLD.second_by_id OR NEW.second_at IS NOT OLD.second_at))
    OR (OLD.exported_at IS NOT NULL AND (NEW.exported_at IS NOT OLD.exported_at OR NEW.exported_by_id IS NOT OLD.exported_by_id))
    OR (OLD.state IN ('exported', 'withdrawn') AND NEW.state IS NOT OLD.state) BEGIN
  SELECT RAISE(ABORT, 'payments: what was made or approved never changes');
END
--;;
CREATE TRIGGER siwei_batch_approved BEFORE UPDATE ON exchange_paymentbatch
  WHEN NEW.first_by_id IS NOT NULL AND OLD.first_by_id IS NULL BEGIN
  SELECT RAISE(ABORT, 'payments: the orders do not come to the batch') WHERE
    (SELECT COUNT(*) FROM exchange_paymentorder WHERE batch_id = NEW.id) <> NEW.orders_count
    OR (SELECT COALESCE(SUM(amount_fen), 0) FROM exchange_paymentorder WHERE batch_id = NEW.id) <> NEW.total_fen
    OR (SELECT COALESCE(SUM(i.amount_fen), 0) FROM exchange_paymentitem i JOIN exchange_paymentorder o ON o.id = i.order_id
        WHERE o.batch_id = NEW.id) <> NEW.total_fen;
END
--;;
CREATE TRIGGER siwei_batch_delete BEFORE DELETE ON exchange_paymentbatch BEGIN
  SELECT RAISE(ABORT, 'payments: batches are kept');
END
--;;
CREATE TRIGGER siwei_payment_file_update BEFORE UPDATE ON exchange_paymentfile BEGIN
  SELECT RAISE(ABORT, 'payments: what went to the bank never changes');
END
--;;
CREATE TRIGGER siwei_payment_file_delete BEFORE DELETE ON exchange_paymentfile BEGIN
  SELECT RAISE(ABORT, 'payments: what went to the bank never changes');
END
--;;
CREATE TRIGGER siwei_bank_account_update BEFORE UPDATE ON exchange_bankaccount
  WHEN NEW.key IS NOT OLD.key OR NEW.holder IS NOT OLD.holder OR NEW.organisation_id IS NOT OLD.organisation_id
    OR NEW.name IS NOT OLD.name OR NEW.number IS NOT OLD.number OR NEW.bank_code IS NOT OLD.bank_code
    OR NEW.bank_name IS NOT OLD.bank_name OR NEW.entered_by_id IS NOT OLD.entered_by_id
    OR NEW.entered_at IS NOT OLD.entered_at OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS NOT OLD.ended_at) BEGIN
  SELECT RAISE(ABORT, 'payments: a changed bank account is a new one');
END
--;;
CREATE TRIGGER siwei_bank_account_delete BEFORE DELETE ON exchange_bankaccount BEGIN
  SELECT RAISE(ABORT, 'payments: bank accounts are kept');
END
