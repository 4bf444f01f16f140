-- The ledger's own rules for PostgreSQL. Statements are separated by lines holding only `--;;`.
-- Every refusal is a check_violation (23514), so that clients meet an IntegrityError as with any constraint.
CREATE FUNCTION siwei_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'check_violation';
END $$
--;;
CREATE FUNCTION siwei_transfer_check() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE found integer;
BEGIN
  -- Both rows locked in one order: two opposite transfers cannot wait for each other.
  SELECT count(*) INTO found FROM (
    SELECT 1 FROM exchange_account WHERE id IN (NEW.debit_account_id, NEW.credit_account_id)
      ORDER BY id FOR NO KEY UPDATE) AS locked;
  IF found <> 2 AND NEW.debit_account_id <> NEW.credit_account_id THEN
    RAISE EXCEPTION 'ledger: no such account' USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (SELECT 1 FROM exchange_account WHERE id IN (NEW.debit_account_id, NEW.credit_account_id)
             AND unit IS DISTINCT FROM NEW.unit) THEN
    RAISE EXCEPTION 'ledger: units differ' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.kind = 'hold' AND NEW.expires_at <= NEW.at THEN
    RAISE EXCEPTION 'ledger: hold already expired' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.hold_id IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM exchange_transfer WHERE id = NEW.hold_id AND kind = 'hold'
        AND debit_account_id = NEW.debit_account_id AND credit_account_id = NEW.credit_account_id AND at <= NEW.at) THEN
    RAISE EXCEPTION 'ledger: not a hold of these accounts' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.kind = 'capture' AND EXISTS (
      SELECT 1 FROM exchange_hold WHERE transfer_id = NEW.hold_id AND expires_at <= NEW.at) THEN
    RAISE EXCEPTION 'ledger: hold expired' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
--;;
CREATE FUNCTION siwei_transfer_apply() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.kind = 'hold' THEN
    INSERT INTO exchange_hold (transfer_id, amount, captured, released, expires_at, last_transfer_id)
      VALUES (NEW.id, NEW.amount, 0, 0, NEW.expires_at, NEW.id);
  ELSIF NEW.kind IN ('capture', 'release') THEN
    UPDATE exchange_hold SET
      captured = captured + CASE WHEN NEW.kind = 'capture' THEN NEW.amount ELSE 0 END,
      released = released + CASE WHEN NEW.kind = 'release' THEN NEW.amount ELSE 0 END,
      last_transfer_id = NEW.id
      WHERE transfer_id = NEW.hold_id;
  END IF;
  UPDATE exchange_account SET
    balance = balance - CASE WHEN NEW.kind IN ('post', 'capture') THEN NEW.amount ELSE 0 END,
    held = held + CASE NEW.kind WHEN 'hold' THEN NEW.amount WHEN 'capture' THEN -NEW.amount
                                WHEN 'release' THEN -NEW.amount ELSE 0 END,
    last_transfer_id = NEW.id
    WHERE id = NEW.debit_account_id;
  IF NEW.kind IN ('post', 'capture') THEN
    UPDATE exchange_account SET balance = balance + NEW.amount, last_transfer_id = NEW.id
      WHERE id = NEW.credit_account_id;
  END IF;
  RETURN NULL;
END $$
--;;
CREATE FUNCTION siwei_account_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.balance <> 0 OR NEW.held <> 0 OR NEW.last_transfer_id <> 0 THEN
      RAISE EXCEPTION 'ledger: an account begins at zero' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.code IS DISTINCT FROM OLD.code OR NEW.unit IS DISTINCT FROM OLD.unit OR NEW.id <> OLD.id
     OR NEW.owner_id IS DISTINCT FROM OLD.owner_id OR NEW.purpose IS DISTINCT FROM OLD.purpose THEN
    RAISE EXCEPTION 'ledger: code, unit and owner of an account never change' USING ERRCODE = 'check_violation';
  END IF;
  -- Depth 1 is this trigger alone: an UPDATE that no transfer caused.
  IF (NEW.balance <> OLD.balance OR NEW.held <> OLD.held OR NEW.last_transfer_id <> OLD.last_transfer_id)
     AND pg_trigger_depth() < 2 THEN
    RAISE EXCEPTION 'ledger: balances are written by transfers' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
--;;
CREATE TRIGGER siwei_transfer_insert BEFORE INSERT ON exchange_transfer
  FOR EACH ROW EXECUTE FUNCTION siwei_transfer_check()
--;;
CREATE TRIGGER siwei_transfer_apply AFTER INSERT ON exchange_transfer
  FOR EACH ROW EXECUTE FUNCTION siwei_transfer_apply()
--;;
CREATE TRIGGER siwei_transfer_update BEFORE UPDATE OR DELETE ON exchange_transfer
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('ledger: transfers are append-only')
--;;
CREATE TRIGGER siwei_transfer_truncate BEFORE TRUNCATE ON exchange_transfer
  FOR EACH STATEMENT EXECUTE FUNCTION siwei_refuse('ledger: transfers are append-only')
--;;
CREATE TRIGGER siwei_hold_write BEFORE INSERT OR UPDATE ON exchange_hold
  FOR EACH ROW WHEN (pg_trigger_depth() < 1)
  EXECUTE FUNCTION siwei_refuse('ledger: holds are written by transfers')
--;;
CREATE TRIGGER siwei_hold_delete BEFORE DELETE ON exchange_hold
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('ledger: holds are written by transfers')
--;;
CREATE TRIGGER siwei_account_write BEFORE INSERT OR UPDATE ON exchange_account
  FOR EACH ROW EXECUTE FUNCTION siwei_account_check()
--;;
CREATE TRIGGER siwei_account_delete BEFORE DELETE ON exchange_account
  FOR EACH ROW WHEN (OLD.last_transfer_id <> 0)
  EXECUTE FUNCTION siwei_refuse('ledger: an account with transfers stays')
--;;
CREATE TRIGGER siwei_event_update BEFORE UPDATE OR DELETE ON exchange_event
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('audit: events are append-only')
--;;
CREATE TRIGGER siwei_event_truncate BEFORE TRUNCATE ON exchange_event
  FOR EACH STATEMENT EXECUTE FUNCTION siwei_refuse('audit: events are append-only')
--;;
CREATE TRIGGER siwei_seal_update BEFORE UPDATE OR DELETE ON exchange_seal
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('audit: seals are append-only')
