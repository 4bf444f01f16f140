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
-- One row takes a way of its own: it is most of what a city writes, and each query costs more than what it looks at. What
-- the rules ask stands in the conditions of the statement that writes; which of them was not met is only asked when nothing
-- was written. An account's unit never changes and no account is ever deleted: to be named by a hold it needs no lock.
-- The planner keeps one plan for statements of two rows and of thousands: only look-ups by key are right for both; and a
-- look-up of two keys visits them in order, so that two opposite transfers cannot wait for each other.
CREATE FUNCTION siwei_transfer_apply() RETURNS trigger LANGUAGE plpgsql
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
  wrong text;
  first bigint;
  last bigint;
  is_short boolean;
  touched integer;
  one record;
BEGIN
  SELECT fresh.*, EXISTS (SELECT FROM fresh OFFSET 1) AS is_among_others INTO one FROM fresh;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  IF NOT one.is_among_others THEN
    IF one.kind = 'hold' THEN
      WITH placed AS (
        INSERT INTO exchange_hold (transfer_id, amount, captured, released, expires_at, last_transfer_id)
          VALUES (one.id, one.amount, 0, 0, one.expires_at, one.id)
      )
      UPDATE exchange_account SET held = held + one.amount, last_transfer_id = one.id
        WHERE id = one.debit_account_id AND unit = one.unit AND one.expires_at > one.at
          AND (SELECT unit FROM exchange_account WHERE id = one.credit_account_id) = one.unit
          AND one.id > COALESCE((SELECT last_transfer_id FROM exchange_seal ORDER BY number DESC LIMIT 1), 0);
      touched := CASE WHEN FOUND THEN 2 ELSE 0 END;
    ELSIF one.kind IN ('capture', 'release') THEN
      UPDATE exchange_account
        SET balance = balance + CASE WHEN one.kind = 'release' THEN 0 WHEN id = one.debit_account_id THEN -one.amount
                                     ELSE one.amount END,
            held = held - CASE id WHEN one.debit_account_id THEN one.amount ELSE 0 END,
            last_transfer_id = one.id
        WHERE id = ANY (ARRAY[one.debit_account_id, one.credit_account_id]) AND unit = one.unit
          AND (one.kind = 'capture' OR id = one.debit_account_id)
          AND EXISTS (
            SELECT FROM exchange_transfer AS placed
              WHERE placed.id = one.hold_id AND placed.id < one.id AND placed.kind = 'hold' AND placed.at <= one.at
                AND placed.debit_account_id = one.debit_account_id AND placed.credit_account_id = one.credit_account_id
                AND (one.kind = 'release' OR placed.expires_at > one.at)
          ) AND one.id > COALESCE((SELECT last_transfer_id FROM exchange_seal ORDER BY number DESC LIMIT 1), 0);
      GET DIAGNOSTICS touched = ROW_COUNT;
      touched := touched + CASE WHEN one.kind = 'release' THEN 1 ELSE 0 END;
      -- Only now: whoever writes a hold's row has its accounts locked.
      UPDATE exchange_hold
        SET captured = captured + CASE one.kind WHEN 'capture' THEN one.amount ELSE 0 END,
            released = released + CASE one.kind WHEN 'release' THEN one.amount ELSE 0 END,
            last_transfer_id = one.id
        WHERE transfer_id = one.hold_id AND touched = 2;
      touched := CASE WHEN FOUND THEN 2 ELSE 0 END;
    ELSE
      UPDATE exchange_account
        SET balance = balance + CASE id WHEN one.debit_account_id THEN -one.amount ELSE one.amount END,
            last_transfer_id = one.id
        WHERE id = ANY (ARRAY[one.debit_account_id, one.credit_account_id]) AND unit = one.unit
          AND (one.reverses_id IS NULL OR EXISTS (
            SELECT FROM exchange_transfer AS placed
              WHERE placed.id = one.reverses_id AND placed.id < one.id AND placed.kind IN ('post', 'capture')
                AND placed.debit_account_id = one.credit_account_id AND placed.credit_account_id = one.debit_account_id
                AND placed.at <= one.at AND placed.amount >= one.amount
          )) AND one.id > COALESCE((SELECT last_transfer_id FROM exchange_seal ORDER BY number DESC LIMIT 1), 0);
      GET DIAGNOSTICS touched = ROW_COUNT;
    END IF;
    IF touched = 2 THEN
      RETURN NULL;
    END IF;
  END IF;
  SELECT min(id), max(id) INTO first, last FROM fresh;
  WITH asked AS MATERIALIZED (
    SELECT debit_account_id AS id, unit FROM fresh UNION SELECT credit_account_id, unit FROM fresh
  ), locked AS MATERIALIZED (
    SELECT account.unit = asked.unit AS fits FROM asked JOIN exchange_account AS account ON account.id = asked.id
      ORDER BY account.id FOR NO KEY UPDATE OF account
  ), found AS (
    SELECT (SELECT count(*) FROM asked) AS asked, count(*) AS there, count(*) FILTER (WHERE fits) AS fitting FROM locked
  )
  SELECT CASE
      WHEN found.there < found.asked THEN 'ledger: no such account'
      WHEN found.fitting < found.asked THEN 'ledger: units differ'
      WHEN first <= (SELECT last_transfer_id FROM exchange_seal ORDER BY number DESC LIMIT 1)
        THEN 'ledger: that number lies in a sealed block'
      ELSE (
        SELECT min(CASE
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
          FROM fresh LEFT JOIN exchange_transfer AS placed ON placed.id = COALESCE(fresh.hold_id, fresh.reverses_id)
      )
    END
    INTO wrong FROM found;
  IF wrong IS NULL AND NOT one.is_among_others THEN
    wrong := 'ledger: refused';
  END IF;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION '%', wrong USING ERRCODE = 'check_violation';
  END IF;
  -- A hold of this statement is written once, with what of it this statement captures and releases; so is each account.
  WITH moved AS MATERIALIZED (
    SELECT COALESCE(hold_id, id) AS hold_id, max(CASE WHEN kind = 'hold' THEN amount END) AS amount,
      sum(CASE WHEN kind = 'capture' THEN amount ELSE 0 END) AS captured,
      sum(CASE WHEN kind = 'release' THEN amount ELSE 0 END) AS released,
      max(expires_at) AS expires_at, max(id) AS last
    FROM fresh WHERE kind IN ('hold', 'capture', 'release') GROUP BY 1
  ), placed AS (
    INSERT INTO exchange_hold (transfer_id, amount, captured, released, expires_at, last_transfer_id)
      SELECT hold_id, amount, captured, released, expires_at, moved.last FROM moved WHERE amount IS NOT NULL
  ), settled AS (
    UPDATE exchange_hold AS hold
      SET captured = hold.captured + moved.captured, released = hold.released + moved.released,
          last_transfer_id = moved.last
      FROM moved WHERE moved.amount IS NULL AND hold.transfer_id = moved.hold_id
  ), changes AS (
    SELECT account_id, sum(balance) AS balance, sum(held) AS held, sum(used) AS used, max(id) AS last FROM (
      SELECT id, debit_account_id AS account_id,
        CASE WHEN kind IN ('hold', 'release') THEN 0 ELSE -amount END AS balance,
        CASE kind WHEN 'hold' THEN amount WHEN 'capture' THEN -amount WHEN 'release' THEN -amount ELSE 0 END AS held,
        CASE WHEN kind IN ('capture', 'release') THEN 0 ELSE amount END AS used
        FROM fresh
      UNION ALL
      SELECT id, credit_account_id, amount, 0, 0 FROM fresh WHERE kind IN ('post', 'capture', 'reverse')
    ) AS legs GROUP BY account_id
  ), written AS (
    UPDATE exchange_account AS account
      SET balance = account.balance + changes.balance, held = account.held + changes.held,
          last_transfer_id = changes.last
      FROM changes WHERE account.id = changes.account_id
      RETURNING account.balance - account.held - account.floor - (changes.balance - changes.held) < changes.used AS lacked
  )
  SELECT bool_or(lacked) INTO is_short FROM written;
  -- Nothing is spent before it has come, within one statement either. Where an account had enough for all it spends
  -- before anything came, no order of the rows matters; otherwise they are looked at in order of their number.
  IF is_short AND EXISTS (
    SELECT 1 FROM (
      SELECT account_id, sum(change) OVER (PARTITION BY account_id ORDER BY id) AS so_far,
        sum(change) OVER (PARTITION BY account_id) AS in_all FROM (
        SELECT id, debit_account_id AS account_id,
          CASE kind WHEN 'capture' THEN 0 WHEN 'release' THEN amount ELSE -amount END AS change FROM fresh
        UNION ALL
        SELECT id, credit_account_id, amount FROM fresh WHERE kind IN ('post', 'capture', 'reverse')
      ) AS legs
    ) AS steps JOIN exchange_account AS account ON account.id = steps.account_id
    WHERE so_far < 0 AND account.balance - account.held - account.floor - in_all + so_far < 0
  ) THEN
    RAISE EXCEPTION 'account_not_overdrawn' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
--;;
-- One transfer within a transaction that a refusal must not end: its number, or the database's words for what it refused.
-- It decides nothing: the trigger does, as for every other INSERT.
CREATE FUNCTION siwei_try_transfer(
  idempotency_key text, kind text, debit_account_id bigint, credit_account_id bigint, amount bigint, unit text,
  hold_id bigint, reverses_id bigint, expires_at timestamptz, memo text, causes jsonb, at timestamptz,
  OUT number bigint, OUT refused text
) LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO exchange_transfer (idempotency_key, kind, debit_account_id, credit_account_id, amount, unit, hold_id,
      reverses_id, expires_at, memo, causes, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    RETURNING id INTO number;
EXCEPTION WHEN integrity_constraint_violation THEN
  number := NULL;
  refused := SQLERRM;
END $$
--;;
-- Numbers for so many transfers that are about to be written; NULL where one of the keys was used before. Numbers are drawn
-- before their rows are inserted: under this lock no seal can pass them in between.
CREATE FUNCTION siwei_draw_numbers(wanted integer, keys text[]) RETURNS bigint[] LANGUAGE plpgsql
  SET enable_seqscan = off AS $$
DECLARE
  drawn_from CONSTANT regclass := pg_get_serial_sequence('exchange_transfer', 'id');
BEGIN
  LOCK TABLE exchange_transfer IN ROW EXCLUSIVE MODE;
  IF EXISTS (SELECT 1 FROM exchange_transfer WHERE idempotency_key = ANY (keys)) THEN
    RETURN NULL;
  END IF;
  RETURN ARRAY(SELECT nextval(drawn_from) FROM generate_series(1, wanted));
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
  RETURN NEW;
END $$
--;;
CREATE FUNCTION siwei_account_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.balance <> OLD.balance OR NEW.held <> OLD.held OR NEW.last_transfer_id <> OLD.last_transfer_id THEN
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
-- Told by the columns a statement sets, so that balances written by transfers do not pay for it.
CREATE TRIGGER siwei_account_write BEFORE INSERT OR UPDATE OF id, code, unit, owner_id, purpose ON exchange_account
  FOR EACH ROW EXECUTE FUNCTION siwei_account_check()
--;;
-- Depth 0 is no trigger at all: an UPDATE that no transfer caused.
CREATE TRIGGER siwei_account_balance BEFORE UPDATE OF balance, held, last_transfer_id ON exchange_account
  FOR EACH ROW WHEN (pg_trigger_depth() < 1)
  EXECUTE FUNCTION siwei_account_balance()
--;;
CREATE TRIGGER siwei_account_delete BEFORE DELETE ON exchange_account
  FOR EACH ROW EXECUTE FUNCTION siwei_refuse('ledger: accounts stay')
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
  FOR EACH STATEMENT EXECUTE FUNCTION siwei_refuse('ledger: accounts stay')
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
