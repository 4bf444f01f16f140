-- What is missing of an order is decided to the fen, once; what was decided never changes.
CREATE TRIGGER siwei_rest_insert BEFORE INSERT ON exchange_orderrest BEGIN
  SELECT RAISE(ABORT, 'payments: what is missing begins without approvals')
    WHERE NEW.state NOT IN ('due', 'asked') OR NEW.first_by_id IS NOT NULL OR NEW.second_by_id IS NOT NULL;
  SELECT RAISE(ABORT, 'payments: that is not what is missing of the order') WHERE NEW.kind = 'unpaid' AND NOT EXISTS (
    SELECT 1 FROM exchange_paymentorder WHERE id = NEW.order_id AND state = 'part-paid'
      AND amount_fen - paid_fen = NEW.amount_fen);
  SELECT RAISE(ABORT, 'payments: that did not come back of the order') WHERE NEW.kind = 'returned' AND NOT EXISTS (
    SELECT 1 FROM exchange_bankentry e, exchange_paymentorder o WHERE e.id = NEW.entry_id AND e.direction = 'in'
      AND e.amount_fen = NEW.amount_fen AND o.id = NEW.order_id AND o.state IN ('paid', 'part-paid', 'ended')
      AND NEW.amount_fen <= o.paid_fen - (SELECT COALESCE(SUM(amount_fen), 0) FROM exchange_orderrest
        WHERE order_id = NEW.order_id AND kind = 'returned'));
END
--;;
CREATE TRIGGER siwei_rest_update BEFORE UPDATE ON exchange_orderrest
  WHEN NEW.order_id IS NOT OLD.order_id OR NEW.number IS NOT OLD.number OR NEW.kind IS NOT OLD.kind
    OR NEW.amount_fen IS NOT OLD.amount_fen OR NEW.entry_id IS NOT OLD.entry_id OR NEW.reason IS NOT OLD.reason
    OR NEW.made_by_id IS NOT OLD.made_by_id OR NEW.made_at IS NOT OLD.made_at
    OR (OLD.first_by_id IS NOT NULL AND (NEW.first_by_id IS NOT OLD.first_by_id OR NEW.first_at IS NOT OLD.first_at))
    OR (OLD.state <> 'asked' AND NEW.state IS NOT OLD.state) BEGIN
  SELECT RAISE(ABORT, 'payments: what was decided or approved never changes');
END
--;;
CREATE TRIGGER siwei_rest_written_off BEFORE UPDATE ON exchange_orderrest
  WHEN NEW.state = 'written-off' AND OLD.state <> 'written-off' BEGIN
  SELECT RAISE(ABORT, 'payments: that is not what is missing of the order') WHERE NOT EXISTS (
    SELECT 1 FROM exchange_paymentorder WHERE id = NEW.order_id AND state = 'part-paid'
      AND amount_fen - paid_fen = NEW.amount_fen);
END
--;;
CREATE TRIGGER siwei_rest_delete BEFORE DELETE ON exchange_orderrest BEGIN
  SELECT RAISE(ABORT, 'payments: what was decided is kept');
END
--;;
CREATE TRIGGER siwei_order_ended BEFORE UPDATE ON exchange_paymentorder
  WHEN NEW.state = 'ended' AND OLD.state <> 'ended' BEGIN
  SELECT RAISE(ABORT, 'payments: an order ends when its rest is decided') WHERE OLD.state <> 'part-paid' OR NOT EXISTS (
    SELECT 1 FROM exchange_orderrest WHERE order_id = NEW.id AND kind = 'unpaid' AND state IN ('due', 'written-off')
      AND amount_fen = NEW.amount_fen - NEW.paid_fen);
END
--;;
CREATE TRIGGER siwei_order_stays_ended BEFORE UPDATE ON exchange_paymentorder
  WHEN OLD.state = 'ended' AND (NEW.state <> 'ended' OR NEW.paid_fen <> OLD.paid_fen) BEGIN
  SELECT RAISE(ABORT, 'payments: an order whose rest is decided stays ended');
END
--;;
CREATE TRIGGER siwei_item_rest BEFORE INSERT ON exchange_paymentitem WHEN NEW.rest_id IS NOT NULL BEGIN
  SELECT RAISE(ABORT, 'payments: that is not what is missing of the order') WHERE NOT EXISTS (
    SELECT 1 FROM exchange_orderrest r JOIN exchange_paymentorder o ON o.id = r.order_id
      JOIN exchange_paymentbatch b ON b.id = o.batch_id, exchange_paymentorder n
      JOIN exchange_paymentbatch c ON c.id = n.batch_id
    WHERE r.id = NEW.rest_id AND r.state = 'due' AND r.amount_fen = NEW.amount_fen AND n.id = NEW.order_id
      AND n.amount_fen = NEW.amount_fen AND n.payee_id IS o.payee_id AND c.payer_id IS b.payer_id);
END
--;;
CREATE TRIGGER siwei_item_rest_update BEFORE UPDATE ON exchange_paymentitem WHEN NEW.rest_id IS NOT OLD.rest_id BEGIN
  SELECT RAISE(ABORT, 'payments: what an order says never changes');
END
