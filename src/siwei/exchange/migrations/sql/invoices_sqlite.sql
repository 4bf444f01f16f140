-- Numbers without gaps for each issuer; what was issued never changes but for the tax invoice's number.
CREATE TRIGGER siwei_invoice_insert BEFORE INSERT ON exchange_invoice BEGIN
  SELECT RAISE(ABORT, 'invoices: the next number of this issuer is another') WHERE NEW.number <> (
    SELECT COALESCE(MAX(number), 0) + 1 FROM exchange_invoice WHERE issuer_id = NEW.issuer_id);
END
--;;
CREATE TRIGGER siwei_invoice_update BEFORE UPDATE ON exchange_invoice
  WHEN NEW.issuer_id IS NOT OLD.issuer_id OR NEW.number IS NOT OLD.number OR NEW.recipient_id IS NOT OLD.recipient_id
    OR NEW.period IS NOT OLD.period OR NEW.issued_on IS NOT OLD.issued_on OR NEW.gross_fen IS NOT OLD.gross_fen
    OR NEW.voucher_fen IS NOT OLD.voucher_fen OR NEW.own_fen IS NOT OLD.own_fen BEGIN
  SELECT RAISE(ABORT, 'invoices: what was issued never changes');
END
--;;
CREATE TRIGGER siwei_invoice_delete BEFORE DELETE ON exchange_invoice BEGIN
  SELECT RAISE(ABORT, 'invoices: what was issued is kept');
END
--;;
CREATE TRIGGER siwei_invoice_line_update BEFORE UPDATE ON exchange_invoiceline BEGIN
  SELECT RAISE(ABORT, 'invoices: what was issued never changes');
END
--;;
CREATE TRIGGER siwei_invoice_line_delete BEFORE DELETE ON exchange_invoiceline BEGIN
  SELECT RAISE(ABORT, 'invoices: what was issued is kept');
END
