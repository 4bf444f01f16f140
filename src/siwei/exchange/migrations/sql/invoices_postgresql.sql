-- Numbers without gaps for each issuer; what was issued never changes but for the tax invoice's number.
CREATE FUNCTION siwei_invoice_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- Two writers of one issuer wait for each other, or both would take the same number.
  PERFORM 1 FROM exchange_organisation WHERE id = NEW.issuer_id FOR NO KEY UPDATE;
  IF NEW.number <> (SELECT COALESCE(MAX(number), 0) + 1 FROM exchange_invoice WHERE issuer_id = NEW.issuer_id) THEN
    RAISE EXCEPTION 'invoices: the next number of this issuer is another' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
--;;
CREATE TRIGGER siwei_invoice_insert BEFORE INSERT ON exchange_invoice
  FOR EACH ROW EXECUTE FUNCTION siwei_invoice_number()
--;;
CREATE TRIGGER siwei_invoice_update BEFORE UPDATE ON exchange_invoice FOR EACH ROW
  WHEN (NEW.issuer_id IS DISTINCT FROM OLD.issuer_id OR NEW.number IS DISTINCT FROM OLD.number
    OR NEW.recipient_id IS DISTINCT FROM OLD.recipient_id OR NEW.period IS DISTINCT FROM OLD.period
    OR NEW.issued_on IS DISTINCT FROM OLD.issued_on OR NEW.gross_fen IS DISTINCT FROM OLD.gross_fen
    OR NEW.voucher_fen IS DISTINCT FROM OLD.voucher_fen OR NEW.own_fen IS DISTINCT FROM OLD.own_fen)
  EXECUTE FUNCTION siwei_refuse('invoices: what was issued never changes')
--;;
CREATE TRIGGER siwei_invoice_delete BEFORE DELETE ON exchange_invoice
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('invoices: what was issued is kept')
--;;
CREATE TRIGGER siwei_invoice_line_update BEFORE UPDATE OR DELETE ON exchange_invoiceline
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('invoices: what was issued never changes')
