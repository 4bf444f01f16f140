-- What is missing of an order is decided to the fen, once; what was decided never changes.
CREATE FUNCTION siwei_rest_check() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  ordered exchange_paymentorder%ROWTYPE;
BEGIN
  IF TG_OP = 'INSERT' AND (NEW.state NOT IN ('due', 'asked') OR NEW.first_by_id IS NOT NULL
    OR NEW.second_by_id IS NOT NULL) THEN
    RAISE EXCEPTION 'payments: what is missing begins without approvals' USING ERRCODE = 'check_violation';
  END IF;
  -- Locked: a payment or another decision at the same moment waits, and then sees this one.
  SELECT * INTO ordered FROM exchange_paymentorder WHERE id = NEW.order_id FOR NO KEY UPDATE;
  IF NEW.kind = 'unpaid' AND (ordered.state <> 'part-paid'
    OR ordered.amount_fen - ordered.paid_fen <> NEW.amount_fen) THEN
    RAISE EXCEPTION 'payments: that is not what is missing of the order' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.kind = 'returned' AND (ordered.state NOT IN ('paid', 'part-paid', 'ended')
    OR NOT EXISTS (SELECT 1 FROM exchange_bankentry
      WHERE id = NEW.entry_id AND direction = 'in' AND amount_fen = NEW.amount_fen)
    OR NEW.amount_fen > ordered.paid_fen - (SELECT COALESCE(SUM(amount_fen), 0) FROM exchange_orderrest
      WHERE order_id = NEW.order_id AND kind = 'returned')) THEN
    RAISE EXCEPTION 'payments: that did not come back of the order' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
--;;
CREATE TRIGGER siwei_rest_insert BEFORE INSERT ON exchange_orderrest
  FOR EACH ROW EXECUTE FUNCTION siwei_rest_check()
--;;
CREATE TRIGGER siwei_rest_update BEFORE UPDATE ON exchange_orderrest FOR EACH ROW
  WHEN (NEW.order_id IS DISTINCT FROM OLD.order_id OR NEW.number IS DISTINCT FROM OLD.number
    OR NEW.kind IS DISTINCT FROM OLD.kind OR NEW.amount_fen IS DISTINCT FROM OLD.amount_fen
    OR NEW.entry_id IS DISTINCT FROM OLD.entry_id OR NEW.reason IS DISTINCT FROM OLD.reason
    OR NEW.made_by_id IS DISTINCT FROM OLD.made_by_id OR NEW.made_at IS DISTINCT FROM OLD.made_at
    OR OLD.first_by_id IS NOT NULL
      AND (NEW.first_by_id IS DISTINCT FROM OLD.first_by_id OR NEW.first_at IS DISTINCT FROM OLD.first_at)
    OR OLD.state <> 'asked' AND NEW.state IS DISTINCT FROM OLD.state)
  EXECUTE FUNCTION siwei_refuse('payments: what was decided or approved never changes')
--;;
CREATE TRIGGER siwei_rest_written_off BEFORE UPDATE ON exchange_orderrest FOR EACH ROW
  WHEN (NEW.state = 'written-off' AND OLD.state <> 'written-off') EXECUTE FUNCTION siwei_rest_check()
--;;
CREATE TRIGGER siwei_rest_delete BEFORE DELETE ON exchange_orderrest
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('payments: what was decided is kept')
--;;
CREATE FUNCTION siwei_order_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state <> 'part-paid' OR NOT EXISTS (SELECT 1 FROM exchange_orderrest WHERE order_id = NEW.id
    AND kind = 'unpaid' AND (state = 'due' OR state = 'written-off') AND amount_fen = NEW.amount_fen - NEW.paid_fen) THEN
    RAISE EXCEPTION 'payments: an order ends when its rest is decided' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
--;;
CREATE TRIGGER siwei_order_ended BEFORE UPDATE ON exchange_paymentorder FOR EACH ROW
  WHEN (NEW.state = 'ended' AND OLD.state <> 'ended') EXECUTE FUNCTION siwei_order_end()
--;;
CREATE TRIGGER siwei_order_stays_ended BEFORE UPDATE ON exchange_paymentorder FOR EACH ROW
  WHEN (OLD.state = 'ended' AND (NEW.state <> 'ended' OR NEW.paid_fen <> OLD.paid_fen))
  EXECUTE FUNCTION siwei_refuse('payments: an order whose rest is decided stays ended')
--;;
CREATE FUNCTION siwei_item_rest_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT 1 FROM exchange_orderrest r JOIN exchange_paymentorder o ON o.id = r.order_id
      JOIN exchange_paymentbatch b ON b.id = o.batch_id
      JOIN exchange_paymentorder n ON n.id = NEW.order_id AND n.payee_id IS NOT DISTINCT FROM o.payee_id
        AND n.amount_fen = NEW.amount_fen
      JOIN exchange_paymentbatch c ON c.id = n.batch_id AND c.payer_id IS NOT DISTINCT FROM b.payer_id
    WHERE r.id = NEW.rest_id AND r.state = 'due' AND r.amount_fen = NEW.amount_fen) THEN
    RAISE EXCEPTION 'payments: that is not what is missing of the order' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
--;;
CREATE TRIGGER siwei_item_rest BEFORE INSERT ON exchange_paymentitem FOR EACH ROW
  WHEN (NEW.rest_id IS NOT NULL) EXECUTE FUNCTION siwei_item_rest_check()
--;;
CREATE TRIGGER siwei_item_rest_update BEFORE UPDATE ON exchange_paymentitem FOR EACH ROW
  WHEN (NEW.rest_id IS DISTINCT FROM OLD.rest_id)
  EXECUTE FUNCTION siwei_refuse('payments: what an order says never changes')
