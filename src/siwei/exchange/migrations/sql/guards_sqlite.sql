-- The ledger's own rules for SQLite, second edition (0003 installed the first, `ledger_sqlite.sql`).
-- Statements are separated by lines holding only `--;;`.
-- Trap: SQLite drops triggers when Django rebuilds a table (any AlterField on it): install this file again after it.
-- `INSERT OR REPLACE` deletes without firing delete triggers, hence the checks that the row is new.
CREATE TRIGGER siwei_transfer_insert BEFORE INSERT ON exchange_transfer BEGIN
  SELECT RAISE(ABORT, 'ledger: repeated key') WHERE EXISTS (
    SELECT 1 FROM exchange_transfer WHERE idempotency_key = NEW.idempotency_key OR id = NEW.id);
  SELECT RAISE(ABORT, 'ledger: amount is not an integer') WHERE typeof(NEW.amount) <> 'integer';
  SELECT RAISE(ABORT, 'ledger: units differ') WHERE EXISTS (
    SELECT 1 FROM exchange_account WHERE id IN (NEW.debit_account_id, NEW.credit_account_id) AND unit IS NOT NEW.unit);
  SELECT RAISE(ABORT, 'ledger: no such account') WHERE 2 <> (
    SELECT count(*) FROM exchange_account WHERE id IN (NEW.debit_account_id, NEW.credit_account_id))
    AND NEW.debit_account_id <> NEW.credit_account_id;
  SELECT RAISE(ABORT, 'ledger: hold already expired') WHERE NEW.kind = 'hold' AND NEW.expires_at <= NEW.at;
  SELECT RAISE(ABORT, 'ledger: not a hold of these accounts') WHERE NEW.hold_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM exchange_transfer WHERE id = NEW.hold_id AND kind = 'hold'
      AND debit_account_id = NEW.debit_account_id AND credit_account_id = NEW.credit_account_id AND at <= NEW.at);
  SELECT RAISE(ABORT, 'ledger: hold expired') WHERE NEW.kind = 'capture' AND EXISTS (
    SELECT 1 FROM exchange_hold WHERE transfer_id = NEW.hold_id AND expires_at <= NEW.at);
  SELECT RAISE(ABORT, 'ledger: not a reversal of that transfer') WHERE NEW.reverses_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM exchange_transfer WHERE id = NEW.reverses_id AND kind IN ('post', 'capture')
      AND debit_account_id = NEW.credit_account_id AND credit_account_id = NEW.debit_account_id AND at <= NEW.at);
  SELECT RAISE(ABORT, 'ledger: more than was transferred') WHERE NEW.reverses_id IS NOT NULL AND EXISTS (
    SELECT 1 FROM exchange_transfer WHERE id = NEW.reverses_id AND amount < NEW.amount);
  SELECT RAISE(ABORT, 'ledger: already reversed') WHERE NEW.reverses_id IS NOT NULL AND EXISTS (
    SELECT 1 FROM exchange_transfer WHERE reverses_id = NEW.reverses_id);
END
--;;
CREATE TRIGGER siwei_transfer_apply AFTER INSERT ON exchange_transfer BEGIN
  -- Here, not before the insert: there a number that SQLite is still to give is not known.
  SELECT RAISE(ABORT, 'ledger: that number lies in a sealed block')
    WHERE NEW.id <= COALESCE((SELECT last_transfer_id FROM exchange_seal ORDER BY number DESC LIMIT 1), 0);
  INSERT INTO exchange_hold (transfer_id, amount, captured, released, expires_at, last_transfer_id)
    SELECT NEW.id, NEW.amount, 0, 0, NEW.expires_at, NEW.id WHERE NEW.kind = 'hold';
  UPDATE exchange_hold SET
    captured = captured + CASE WHEN NEW.kind = 'capture' THEN NEW.amount ELSE 0 END,
    released = released + CASE WHEN NEW.kind = 'release' THEN NEW.amount ELSE 0 END,
    last_transfer_id = NEW.id
    WHERE transfer_id = NEW.hold_id;
  UPDATE exchange_account SET
    balance = balance - CASE WHEN NEW.kind IN ('post', 'capture', 'reverse') THEN NEW.amount ELSE 0 END,
    held = held + CASE NEW.kind WHEN 'hold' THEN NEW.amount WHEN 'capture' THEN -NEW.amount
                                WHEN 'release' THEN -NEW.amount ELSE 0 END,
    last_transfer_id = NEW.id
    WHERE id = NEW.debit_account_id;
  UPDATE exchange_account SET balance = balance + NEW.amount, last_transfer_id = NEW.id
    WHERE id = NEW.credit_account_id AND NEW.kind IN ('post', 'capture', 'reverse');
END
--;;
CREATE TRIGGER siwei_transfer_update BEFORE UPDATE ON exchange_transfer BEGIN
  SELECT RAISE(ABORT, 'ledger: transfers are append-only');
END
--;;
CREATE TRIGGER siwei_transfer_delete BEFORE DELETE ON exchange_transfer BEGIN
  SELECT RAISE(ABORT, 'ledger: transfers are append-only');
END
--;;
CREATE TRIGGER siwei_hold_insert BEFORE INSERT ON exchange_hold BEGIN
  SELECT RAISE(ABORT, 'ledger: holds are written by transfers') WHERE EXISTS (
    SELECT 1 FROM exchange_hold WHERE transfer_id = NEW.transfer_id) OR NOT EXISTS (
    SELECT 1 FROM exchange_transfer WHERE id = NEW.transfer_id AND kind = 'hold' AND amount = NEW.amount
      AND expires_at = NEW.expires_at AND NEW.captured = 0 AND NEW.released = 0 AND NEW.last_transfer_id = id);
END
--;;
CREATE TRIGGER siwei_hold_update BEFORE UPDATE ON exchange_hold BEGIN
  SELECT RAISE(ABORT, 'ledger: holds are written by transfers') WHERE NEW.transfer_id <> OLD.transfer_id
    OR NEW.amount <> OLD.amount OR NEW.expires_at <> OLD.expires_at
    OR NEW.last_transfer_id <= OLD.last_transfer_id OR NOT EXISTS (
    SELECT 1 FROM exchange_transfer WHERE id = NEW.last_transfer_id AND hold_id = OLD.transfer_id
      AND NEW.captured - OLD.captured = CASE WHEN kind = 'capture' THEN amount ELSE 0 END
      AND NEW.released - OLD.released = CASE WHEN kind = 'release' THEN amount ELSE 0 END);
END
--;;
CREATE TRIGGER siwei_hold_delete BEFORE DELETE ON exchange_hold BEGIN
  SELECT RAISE(ABORT, 'ledger: holds are written by transfers');
END
--;;
CREATE TRIGGER siwei_account_insert BEFORE INSERT ON exchange_account BEGIN
  SELECT RAISE(ABORT, 'ledger: an account begins at zero') WHERE NEW.balance <> 0 OR NEW.held <> 0
    OR NEW.last_transfer_id <> 0 OR typeof(NEW.floor) <> 'integer';
  SELECT RAISE(ABORT, 'ledger: account code repeated') WHERE EXISTS (
    SELECT 1 FROM exchange_account WHERE code = NEW.code OR id = NEW.id);
END
--;;
CREATE TRIGGER siwei_account_number AFTER INSERT ON exchange_account BEGIN
  SELECT RAISE(ABORT, 'ledger: that number lies in a sealed block')
    WHERE NEW.id <= COALESCE((SELECT last_account_id FROM exchange_seal ORDER BY number DESC LIMIT 1), 0);
END
--;;
CREATE TRIGGER siwei_account_update BEFORE UPDATE ON exchange_account BEGIN
  SELECT RAISE(ABORT, 'ledger: code, unit and owner of an account never change') WHERE NEW.code IS NOT OLD.code
    OR NEW.unit IS NOT OLD.unit OR NEW.owner_id IS NOT OLD.owner_id OR NEW.id <> OLD.id
    OR NEW.purpose IS NOT OLD.purpose OR typeof(NEW.floor) <> 'integer';
  SELECT RAISE(ABORT, 'ledger: balances are written by transfers')
    WHERE (NEW.balance IS NOT OLD.balance OR NEW.held IS NOT OLD.held OR NEW.last_transfer_id IS NOT OLD.last_transfer_id)
    AND (NEW.last_transfer_id <= OLD.last_transfer_id OR NOT EXISTS (
      SELECT 1 FROM exchange_transfer WHERE id = NEW.last_transfer_id
        AND NEW.balance - OLD.balance = CASE WHEN kind NOT IN ('post', 'capture', 'reverse') THEN 0
          WHEN debit_account_id = OLD.id THEN -amount WHEN credit_account_id = OLD.id THEN amount ELSE 0 END
        AND NEW.held - OLD.held = CASE WHEN debit_account_id <> OLD.id THEN 0
          WHEN kind = 'hold' THEN amount WHEN kind IN ('capture', 'release') THEN -amount ELSE 0 END));
END
--;;
CREATE TRIGGER siwei_account_delete BEFORE DELETE ON exchange_account BEGIN
  SELECT RAISE(ABORT, 'ledger: accounts stay');
END
--;;
CREATE TRIGGER siwei_event_insert BEFORE INSERT ON exchange_event BEGIN
  SELECT RAISE(ABORT, 'audit: events are append-only') WHERE EXISTS (
    SELECT 1 FROM exchange_event WHERE id = NEW.id OR (action = NEW.action AND key = NEW.key));
END
--;;
CREATE TRIGGER siwei_event_number AFTER INSERT ON exchange_event BEGIN
  SELECT RAISE(ABORT, 'audit: that number lies in a sealed block')
    WHERE NEW.id <= COALESCE((SELECT last_event_id FROM exchange_seal ORDER BY number DESC LIMIT 1), 0);
END
--;;
CREATE TRIGGER siwei_event_update BEFORE UPDATE ON exchange_event BEGIN
  SELECT RAISE(ABORT, 'audit: events are append-only');
END
--;;
CREATE TRIGGER siwei_event_delete BEFORE DELETE ON exchange_event BEGIN
  SELECT RAISE(ABORT, 'audit: events are append-only');
END
--;;
CREATE TRIGGER siwei_seal_insert BEFORE INSERT ON exchange_seal BEGIN
  SELECT RAISE(ABORT, 'audit: a seal follows the one before it')
    WHERE NEW.number <> 1 + COALESCE((SELECT max(number) FROM exchange_seal), 0)
    OR NEW.previous_sha256 <> COALESCE((SELECT sha256 FROM exchange_seal ORDER BY number DESC LIMIT 1), '')
    OR NEW.last_event_id < COALESCE((SELECT last_event_id FROM exchange_seal ORDER BY number DESC LIMIT 1), 0)
    OR NEW.last_transfer_id < COALESCE((SELECT last_transfer_id FROM exchange_seal ORDER BY number DESC LIMIT 1), 0)
    OR NEW.last_account_id < COALESCE((SELECT last_account_id FROM exchange_seal ORDER BY number DESC LIMIT 1), 0)
    OR EXISTS (SELECT 1 FROM exchange_seal WHERE id = NEW.id);
END
--;;
CREATE TRIGGER siwei_seal_update BEFORE UPDATE ON exchange_seal BEGIN
  SELECT RAISE(ABORT, 'audit: seals are append-only');
END
--;;
CREATE TRIGGER siwei_seal_delete BEFORE DELETE ON exchange_seal BEGIN
  SELECT RAISE(ABORT, 'audit: seals are append-only');
END
