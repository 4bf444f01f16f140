-- What is paid never changes once it is written.
CREATE FUNCTION siwei_order_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- Locked: an approval at the same moment waits, and then sees the order.
  PERFORM 1 FROM exchange_paymentbatch WHERE id = NEW.batch_id AND state = 'open' AND first_by_id IS NULL
    FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'payments: a batch that was approved takes no order' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
--;;
CREATE TRIGGER siwei_order_insert BEFORE INSERT ON exchange_paymentorder
  FOR EACH ROW EXECUTE FUNCTION siwei_order_check()
--;;
CREATE TRIGGER siwei_order_update BEFORE UPDATE ON exchange_paymentorder FOR EACH ROW
  WHEN (NEW.batch_id IS DISTINCT FROM OLD.batch_id OR NEW.number IS DISTINCT FROM OLD.number
    OR NEW.end_to_end_id IS DISTINCT FROM OLD.end_to_end_id OR NEW.payee_id IS DISTINCT FROM OLD.payee_id
    OR NEW.creditor_id IS DISTINCT FROM OLD.creditor_id OR NEW.amount_fen IS DISTINCT FROM OLD.amount_fen
    OR NEW.remittance IS DISTINCT FROM OLD.remittance OR NEW.hold_id IS DISTINCT FROM OLD.hold_id)
  EXECUTE FUNCTION siwei_refuse('payments: what an order says never changes')
--;;
CREATE TRIGGER siwei_order_delete BEFORE DELETE ON exchange_paymentorder
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('payments: orders are kept')
--;;
CREATE FUNCTION siwei_item_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM exchange_paymentbatch b JOIN exchange_paymentorder o ON b.id = o.batch_id
    WHERE o.id = NEW.order_id AND b.state = 'open' AND b.first_by_id IS NULL FOR NO KEY UPDATE OF b;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'payments: a batch that was approved takes no order' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
--;;
CREATE TRIGGER siwei_item_insert BEFORE INSERT ON exchange_paymentitem
  FOR EACH ROW EXECUTE FUNCTION siwei_item_check()
--;;
CREATE TRIGGER siwei_item_update BEFORE UPDATE ON exchange_paymentitem FOR EACH ROW
  WHEN (NEW.is_live AND NOT OLD.is_live OR NEW.order_id IS DISTINCT FROM OLD.order_id
    OR NEW.part IS DISTINCT FROM OLD.part OR NEW.settlement_id IS DISTINCT FROM OLD.settlement_id
    OR NEW.line IS DISTINCT FROM OLD.line OR NEW.dispute_id IS DISTINCT FROM OLD.dispute_id
    OR NEW.grant_id IS DISTINCT FROM OLD.grant_id OR NEW.amount_fen IS DISTINCT FROM OLD.amount_fen)
  EXECUTE FUNCTION siwei_refuse('payments: what an order says never changes')
--;;
CREATE TRIGGER siwei_item_delete BEFORE DELETE ON exchange_paymentitem
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('payments: orders are kept')
--;;
CREATE TRIGGER siwei_batch_insert BEFORE INSERT ON exchange_paymentbatch FOR EACH ROW
  WHEN (NEW.state <> 'open' OR NEW.first_by_id IS NOT NULL)
  EXECUTE FUNCTION siwei_refuse('payments: a batch begins open')
--;;
CREATE TRIGGER siwei_batch_update BEFORE UPDATE ON exchange_paymentbatch FOR EACH ROW
  WHEN (NEW.key IS DISTINCT FROM OLD.key OR NEW.message_id IS DISTINCT FROM OLD.message_id
    OR NEW.payer_id IS DISTINCT FROM OLD.payer_id OR NEW.debtor_id IS DISTINCT FROM OLD.debtor_id
    OR NEW.execute_on IS DISTINCT FROM OLD.execute_on OR NEW.orders_count IS DISTINCT FROM OLD.orders_count
    OR NEW.total_fen IS DISTINCT FROM OLD.total_fen OR NEW.content_sha256 IS DISTINCT FROM OLD.content_sha256
    OR NEW.made_by_id IS DISTINCT FROM OLD.made_by_id OR NEW.made_at IS DISTINCT FROM OLD.made_at
    OR OLD.first_by_id IS NOT NULL
      AND (NEW.first_by_id IS DISTINCT FROM OLD.first_by_id OR NEW.first_at IS DISTINCT FROM OLD.first_at)
    OR OLD.second_by_id IS NOT NULL
      AND (NEW.second_by_id IS DISTINCT FROM OLD.second_by_id OR NEW.second_at IS DISTINCT FROM OLD.second_at)
    OR OLD.exported_at IS NOT NULL
      AND (NEW.exported_at IS DISTINCT FROM OLD.exported_at OR NEW.exported_by_id IS DISTINCT FROM OLD.exported_by_id)
    OR (OLD.state = 'exported' OR OLD.state = 'withdrawn') AND NEW.state IS DISTINCT FROM OLD.state)
  EXECUTE FUNCTION siwei_refuse('payments: what was made or approved never changes')
--;;
CREATE FUNCTION siwei_batch_approve() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT COUNT(*) FROM exchange_paymentorder WHERE batch_id = NEW.id) <> NEW.orders_count
    OR (SELECT COALESCE(SUM(amount_fen), 0) FROM exchange_paymentorder WHERE batch_id = NEW.id) <> NEW.total_fen
    OR (SELECT COALESCE(SUM(i.amount_fen), 0) FROM exchange_paymentitem i JOIN exchange_paymentorder o ON o.id = i.order_id
        WHERE o.batch_id = NEW.id) <> NEW.total_fen THEN
    RAISE EXCEPTION 'payments: the orders do not come to the batch' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
--;;
CREATE TRIGGER siwei_batch_approved BEFORE UPDATE ON exchange_paymentbatch FOR EACH ROW
  WHEN (NEW.first_by_id IS NOT NULL AND OLD.first_by_id IS NULL) EXECUTE FUNCTION siwei_batch_approve()
--;;
CREATE TRIGGER siwei_batch_delete BEFORE DELETE ON exchange_paymentbatch
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('payments: batches are kept')
--;;
CREATE TRIGGER siwei_payment_file_update BEFORE UPDATE OR DELETE ON exchange_paymentfile
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('payments: what went to the bank never changes')
--;;
CREATE TRIGGER siwei_bank_account_update BEFORE UPDATE ON exchange_bankaccount FOR EACH ROW
  WHEN (NEW.key IS DISTINCT FROM OLD.key OR NEW.holder IS DISTINCT FROM OLD.holder
    OR NEW.organisation_id IS DISTINCT FROM OLD.organisation_id OR NEW.name IS DISTINCT FROM OLD.name
    OR NEW.number IS DISTINCT FROM OLD.number OR NEW.bank_code IS DISTINCT FROM OLD.bank_code
    OR NEW.bank_name IS DISTINCT FROM OLD.bank_name OR NEW.entered_by_id IS DISTINCT FROM OLD.entered_by_id
    OR NEW.entered_at IS DISTINCT FROM OLD.entered_at
    OR OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at)
  EXECUTE FUNCTION siwei_refuse('payments: a changed bank account is a new one')
--;;
CREATE TRIGGER siwei_bank_account_delete BEFORE DELETE ON exchange_bankaccount
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('payments: bank accounts are kept')
