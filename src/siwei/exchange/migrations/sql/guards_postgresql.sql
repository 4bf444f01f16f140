-- The ledger's own rules for PostgreSQL, second edition (0003 installed the first, `ledger_postgresql.sql`).
-- Statements are separated by lines holding only `--;;`. Every refusal is a check_violation (23514), so that clients meet
-- an IntegrityError as with any constraint.
-- Transfers are checked and applied a statement at a time, not a row at a time: a thousand rows of one INSERT or COPY cost
-- one set of queries, and every account they touch is written once.
CREATE OR REPLACE FUNCTION siwei_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'check_violation';
END $$
--;;
-- The planner keeps one plan for statements of one row and of thousands: only look-ups by key are right for both.
CREATE FUNCTION siwei_transfer_apply() RETURNS trigger LANGUAGE plpgsql
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
  wrong text;
  rows bigint;
BEGIN
  -- All accounts locked in one order: two opposite transfers cannot wait for each other.
  PERFORM 1 FROM exchange_account
    WHERE id = ANY (ARRAY(SELECT debit_account_id FROM fresh UNION SELECT credit_account_id FROM fresh))
    ORDER BY id FOR NO KEY UPDATE;
  SELECT count(*), min(CASE
      WHEN debit.id IS NULL OR credit.id IS NULL THEN 'ledger: no such account'
      WHEN debit.unit IS DISTINCT FROM fresh.unit OR credit.unit IS DISTINCT FROM fresh.unit THEN 'ledger: units differ'
      WHEN fresh.kind = 'hold' AND fresh.expires_at <= fresh.at THEN 'ledger: hold already expired'
      WHEN fresh.hold_id IS NOT NULL AND (placed.kind IS DISTINCT FROM 'hold' OR placed.id >= fresh.id
        OR placed.debit_account_id <> fresh.debit_account_id OR placed.credit_account_id <> fresh.credit_account_id
        OR placed.at > fresh.at) THEN 'ledger: not a hold of these accounts'
      WHEN fresh.kind = 'capture' AND placed.expires_at <= fresh.at THEN 'ledger: hold expired'
      WHEN fresh.reverses_id IS NOT NULL AND (placed.id IS NULL OR placed.kind NOT IN ('post', 'capture')
        OR placed.id >= fresh.id OR placed.debit_account_id <> fresh.credit_account_id
        OR placed.credit_account_id <> fresh.debit_account_id OR placed.at > fresh.at)
        THEN 'ledger: not a reversal of that transfer'
      WHEN fresh.reverses_id IS NOT NULL AND placed.amount < fresh.amount THEN 'ledger: more than was transferred'
    END)
    INTO rows, wrong
    FROM fresh
    LEFT JOIN exchange_account AS debit ON debit.id = fresh.debit_account_id
    LEFT JOIN exchange_account AS credit ON credit.id = fresh.credit_account_id
    LEFT JOIN exchange_transfer AS placed ON placed.id = COALESCE(fresh.hold_id, fresh.reverses_id);
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION '%', wrong USING ERRCODE = 'check_violation';
  END IF;
  IF rows = 0 THEN
    RETURN NULL;
  END IF;
  IF (SELECT min(id) FROM fresh) <= COALESCE((SELECT last_transfer_id FROM exchange_seal ORDER BY number DESC LIMIT 1), 0) THEN
    RAISE EXCEPTION 'ledger: that number lies in a sealed block' USING ERRCODE = 'check_violation';
  END IF;
  -- Within one statement too, nothing is spent before it has come: the rows are looked at in order of their number.
  IF rows > 1 AND EXISTS (
    SELECT 1 FROM (
      SELECT account_id, sum(change) OVER (PARTITION BY account_id ORDER BY id) AS so_far FROM (
        SELECT id, debit_account_id AS account_id,
          CASE kind WHEN 'capture' THEN 0 WHEN 'release' THEN amount ELSE -amount END AS change FROM fresh
        UNION ALL
        SELECT id, credit_account_id, amount FROM fresh WHERE kind IN ('post', 'capture', 'reverse')
      ) AS legs
    ) AS steps JOIN exchange_account AS account ON account.id = steps.account_id
    WHERE so_far < 0 AND account.balance - account.held - account.floor + so_far < 0
  ) THEN
    RAISE EXCEPTION 'account_not_overdrawn' USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO exchange_hold (transfer_id, amount, captured, released, expires_at, last_transfer_id)
    SELECT id, amount, 0, 0, expires_at, id FROM fresh WHERE kind = 'hold';
  UPDATE exchange_hold AS hold
    SET captured = hold.captured + moved.captured, released = hold.released + moved.released,
        last_transfer_id = moved.last
    FROM (
      SELECT hold_id, sum(CASE WHEN kind = 'capture' THEN amount ELSE 0 END) AS captured,
        sum(CASE WHEN kind = 'release' THEN amount ELSE 0 END) AS released, max(id) AS last
      FROM fresh WHERE hold_id IS NOT NULL GROUP BY hold_id
    ) AS moved
    WHERE hold.transfer_id = moved.hold_id;
  UPDATE exchange_account AS account
    SET balance = account.balance + moved.balance, held = account.held + moved.held, last_transfer_id = moved.last
    FROM (
      SELECT account_id, sum(balance) AS balance, sum(held) AS held, max(id) AS last FROM (
        SELECT id, debit_account_id AS account_id,
          CASE WHEN kind IN ('hold', 'release') THEN 0 ELSE -amount END AS balance,
          CASE kind WHEN 'hold' THEN amount WHEN 'capture' THEN -amount WHEN 'release' THEN -amount ELSE 0 END AS held
          FROM fresh
        UNION ALL
        SELECT id, credit_account_id, amount, 0 FROM fresh WHERE kind IN ('post', 'capture', 'reverse')
      ) AS legs GROUP BY account_id
    ) AS moved
    WHERE account.id = moved.account_id;
  RETURN NULL;
END $$
--;;
CREATE FUNCTION siwei_account_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.balance <> 0 OR NEW.held <> 0 OR NEW.last_transfer_id <> 0 THEN
      RAISE EXCEPTION 'ledger: an account begins at zero' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.id <= COALESCE((SELECT last_account_id FROM exchange_seal ORDER BY number DESC LIMIT 1), 0) THEN
      RAISE EXCEPTION 'ledger: that number lies in a sealed block' USING ERRCODE = 'check_violation';
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
CREATE FUNCTION siwei_event_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.id <= COALESCE((SELECT last_event_id FROM exchange_seal ORDER BY number DESC LIMIT 1), 0) THEN
    RAISE EXCEPTION 'audit: that number lies in a sealed block' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
--;;
CREATE FUNCTION siwei_seal_check() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE previous exchange_seal;
BEGIN
  SELECT * INTO previous FROM exchange_seal ORDER BY number DESC LIMIT 1;
  IF NEW.number <> COALESCE(previous.number, 0) + 1 OR NEW.previous_sha256 <> COALESCE(previous.sha256, '')
     OR NEW.last_event_id < COALESCE(previous.last_event_id, 0)
     OR NEW.last_transfer_id < COALESCE(previous.last_transfer_id, 0)
     OR NEW.last_account_id < COALESCE(previous.last_account_id, 0) THEN
    RAISE EXCEPTION 'audit: a seal follows the one before it' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
--;;
CREATE TRIGGER siwei_transfer_insert AFTER INSERT ON exchange_transfer
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION siwei_transfer_apply()
--;;
CREATE TRIGGER siwei_transfer_update BEFORE DELETE OR UPDATE ON exchange_transfer
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
  FOR EACH ROW WHEN (old.last_transfer_id <> 0)
  EXECUTE FUNCTION siwei_refuse('ledger: an account with transfers stays')
--;;
CREATE TRIGGER siwei_event_update BEFORE DELETE OR UPDATE ON exchange_event
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('audit: events are append-only')
--;;
CREATE TRIGGER siwei_event_truncate BEFORE TRUNCATE ON exchange_event
  FOR EACH STATEMENT EXECUTE FUNCTION siwei_refuse('audit: events are append-only')
--;;
CREATE TRIGGER siwei_seal_update BEFORE DELETE OR UPDATE ON exchange_seal
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('audit: seals are append-only')
--;;
CREATE TRIGGER siwei_account_truncate BEFORE TRUNCATE ON exchange_account
  FOR EACH STATEMENT EXECUTE FUNCTION siwei_refuse('ledger: an account with transfers stays')
--;;
CREATE TRIGGER siwei_hold_truncate BEFORE TRUNCATE ON exchange_hold
  FOR EACH STATEMENT EXECUTE FUNCTION siwei_refuse('ledger: holds are written by transfers')
--;;
CREATE TRIGGER siwei_event_insert BEFORE INSERT ON exchange_event
  FOR EACH ROW EXECUTE FUNCTION siwei_event_check()
--;;
CREATE TRIGGER siwei_seal_insert BEFORE INSERT ON exchange_seal
  FOR EACH ROW EXECUTE FUNCTION siwei_seal_check()
--;;
CREATE TRIGGER siwei_seal_truncate BEFORE TRUNCATE ON exchange_seal
  FOR EACH STATEMENT EXECUTE FUNCTION siwei_refuse('audit: seals are append-only')
