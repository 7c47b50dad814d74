-- The rules of the ledger that hold for every statement, by whatever hand it comes.
-- Errors carry the name of the rule as their constraint.

-- 1. What is written stays as it is.
CREATE FUNCTION ledger_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: the ledger only grows', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_append_only', TABLE = TG_TABLE_NAME;
END $$;--> statement-breakpoint
CREATE TRIGGER ledger_entries_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON "ledger_entries"
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_keep();--> statement-breakpoint
CREATE TRIGGER ledger_transfers_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON "ledger_transfers"
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_keep();--> statement-breakpoint
CREATE TRIGGER ledger_settings_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON "ledger_settings"
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_keep();--> statement-breakpoint
CREATE TRIGGER settlements_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON "settlements"
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_keep();--> statement-breakpoint
CREATE TRIGGER mandates_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON "mandates"
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_keep();--> statement-breakpoint
CREATE TRIGGER ledger_accounts_keep BEFORE DELETE OR TRUNCATE ON "ledger_accounts"
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_keep();--> statement-breakpoint

-- Each settlement writes every hold once: with room on the page, the old version's place is used again and no index is touched.
ALTER TABLE "ledger_accounts" SET (fillfactor = 50);--> statement-breakpoint

-- 2. A balance changes only as the sum of entries, inside of their trigger.
CREATE TRIGGER ledger_accounts_only_by_entries BEFORE UPDATE ON "ledger_accounts"
  FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_keep();--> statement-breakpoint
CREATE TRIGGER ledger_accounts_begin_empty BEFORE INSERT ON "ledger_accounts"
  FOR EACH ROW WHEN (NEW.balance_msat <> 0) EXECUTE FUNCTION ledger_keep();--> statement-breakpoint

-- 3. Each statement that writes entries is judged as a whole: every transfer in it sums to zero, was made in this very
--    transaction, and moves money only along its kind's way; then the balances follow. Since nothing can be changed
--    afterwards, every transfer is balanced at every moment, and not only at commit. Set-based: the cost per entry stays
--    flat. (Never by a scan of the accounts, whatever the planner believed when the plan was made.)
CREATE FUNCTION ledger_post() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  wrong record;
BEGIN
  SELECT f.transfer_no, sum(f.amount_msat) AS total INTO wrong
    FROM fresh f GROUP BY f.transfer_no HAVING sum(f.amount_msat) <> 0 LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'transfer % does not sum to zero but to % msat', wrong.transfer_no, wrong.total
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_transfer_balances', TABLE = 'ledger_entries';
  END IF;

  SELECT f.transfer_no INTO wrong
    FROM (SELECT DISTINCT transfer_no FROM fresh) f LEFT JOIN ledger_transfers t USING (transfer_no)
    WHERE t.made_in IS DISTINCT FROM pg_current_xact_id() LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'transfer % was not made in this transaction', wrong.transfer_no
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_transfer_is_closed', TABLE = 'ledger_entries';
  END IF;

  -- A settlement takes only from the holds at its node and gives only to its node.
  WITH moved AS (
    UPDATE ledger_accounts a SET balance_msat = a.balance_msat + f.amount_msat
      FROM fresh f WHERE a.account_no = f.account_no
      RETURNING f.transfer_no, f.is_settlement, CASE WHEN f.amount_msat < 0 THEN -1 ELSE 1 END AS direction,
        a.kind AS account_kind, a.node_no
  ), way AS (
    SELECT m.transfer_no, m.is_settlement, m.direction, m.account_kind, m.node_no, count(*) AS entries
      FROM moved m GROUP BY 1, 2, 3, 4, 5
  )
  SELECT sum(w.entries) AS moved,
    max(concat(w.transfer_no, ' (', t.kind, ') may not move money this way through an account of kind ', w.account_kind))
      FILTER (WHERE r.direction IS DISTINCT FROM w.direction
        OR (t.kind IN ('accrual', 'void') AND w.node_no IS DISTINCT FROM t.node_no AND w.account_kind <> 'available')
        OR w.is_settlement <> (t.kind IN ('accrual', 'void') AND w.account_kind = 'hold')) AS complaint
    INTO wrong
    FROM way w
    JOIN ledger_transfers t USING (transfer_no)
    LEFT JOIN ledger_rules r ON r.transfer_kind = t.kind AND r.account_kind = w.account_kind;
  IF wrong.complaint IS NOT NULL THEN
    RAISE EXCEPTION 'transfer %', wrong.complaint
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_transfer_follows_rules', TABLE = 'ledger_entries';
  END IF;
  -- One statement moves an account once: an account that is not there, or that two transfers of the statement name, does
  -- not count as often as it is named.
  IF wrong.moved IS DISTINCT FROM (SELECT count(*) FROM fresh) AND EXISTS (SELECT FROM fresh) THEN
    RAISE EXCEPTION 'an account does not exist, or is named twice in one statement'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_moves_an_account', TABLE = 'ledger_entries';
  END IF;
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER ledger_entries_post AFTER INSERT ON "ledger_entries"
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ledger_post();--> statement-breakpoint

-- 4. The ways that money may go (the same table as services/mediator/src/ledger/accounts.ts; a test compares them), and
--    the accounts that there is one of.
INSERT INTO "ledger_rules" ("transfer_kind", "account_kind", "direction") VALUES
  ('credit', 'admin_credits', -1),
  ('credit', 'available', 1),
  ('deposit', 'deposits', -1),
  ('deposit', 'available', 1),
  ('deposit_reversed', 'available', -1),
  ('deposit_reversed', 'upload', -1),
  ('deposit_reversed', 'hold', -1),
  ('deposit_reversed', 'bad_debt', -1),
  ('deposit_reversed', 'deposits', 1),
  ('debt_repaid', 'available', -1),
  ('debt_repaid', 'bad_debt', 1),
  ('reserve', 'available', -1),
  ('reserve', 'upload', 1),
  ('unreserve', 'upload', -1),
  ('unreserve', 'available', 1),
  ('hold', 'upload', -1),
  ('hold', 'available', -1),
  ('hold', 'hold', 1),
  ('release_hold', 'hold', -1),
  ('release_hold', 'available', 1),
  ('accrual', 'hold', -1),
  ('accrual', 'earned', 1),
  ('accrual', 'withheld', 1),
  ('accrual', 'commission', 1),
  ('void', 'hold', -1),
  ('void', 'available', 1),
  ('storage_time', 'upload', -1),
  ('storage_time', 'earned', 1),
  ('storage_time', 'commission', 1),
  ('release_withheld', 'withheld', -1),
  ('release_withheld', 'earned', 1),
  ('repair_cost', 'withheld', -1),
  ('repair_cost', 'repair_reserve', 1),
  ('repair_paid', 'repair_reserve', -1),
  ('repair_paid', 'earned', 1),
  ('repair_paid', 'commission', 1),
  ('payout', 'earned', -1),
  ('payout', 'payouts_in_flight', 1),
  ('payout_confirmed', 'payouts_in_flight', -1),
  ('payout_confirmed', 'payouts_paid', 1),
  ('payout_confirmed', 'network_fees', 1),
  ('payout_voided', 'payouts_in_flight', -1),
  ('payout_voided', 'earned', 1),
  ('withdrawal', 'available', -1),
  ('withdrawal', 'withdrawals_in_flight', 1),
  ('withdrawal_confirmed', 'withdrawals_in_flight', -1),
  ('withdrawal_confirmed', 'withdrawals_paid', 1),
  ('withdrawal_confirmed', 'network_fees', 1),
  ('withdrawal_voided', 'withdrawals_in_flight', -1),
  ('withdrawal_voided', 'available', 1),
  ('fee_bump', 'commission', -1),
  ('fee_bump', 'network_fees', 1);--> statement-breakpoint
CREATE TRIGGER ledger_rules_keep BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON "ledger_rules"
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_keep();--> statement-breakpoint
INSERT INTO "ledger_accounts" ("kind") VALUES ('repair_reserve'), ('payouts_in_flight'), ('withdrawals_in_flight'),
  ('deposits'), ('admin_credits'), ('bad_debt'), ('payouts_paid'), ('withdrawals_paid'), ('network_fees');--> statement-breakpoint

-- 5. Settlement.
-- Due in the period that is `elapsed` periods after a span's first: the whole part of the rate, and one more when the
-- fractions carried so far make a whole one.
CREATE FUNCTION due_in_period(rate_msat bigint, rate_rest bigint, carry bigint, elapsed integer, denominator bigint)
  RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN rate_msat + CASE
    -- Fractions stay below the denominator: with an hour's, their sums fit 8 bytes for as long as anybody lives.
    WHEN elapsed < 9000000000000000000 / denominator - 1
      THEN CASE WHEN (carry + rate_rest * elapsed) % denominator + rate_rest >= denominator THEN 1 ELSE 0 END
    WHEN mod(carry::numeric + rate_rest::numeric * elapsed, denominator) + rate_rest >= denominator THEN 1
    ELSE 0 END;--> statement-breakpoint

CREATE FUNCTION open_ledger_node(p_node_no integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM ledger_nodes WHERE node_no = p_node_no) THEN RETURN; END IF;
  INSERT INTO ledger_accounts (kind, node_no)
    VALUES ('earned', p_node_no), ('withheld', p_node_no), ('commission', p_node_no) ON CONFLICT DO NOTHING;
  INSERT INTO ledger_nodes (node_no, earned_no, withheld_no, commission_no)
    SELECT p_node_no,
      max(account_no) FILTER (WHERE kind = 'earned'),
      max(account_no) FILTER (WHERE kind = 'withheld'),
      max(account_no) FILTER (WHERE kind = 'commission')
    FROM ledger_accounts WHERE node_no = p_node_no AND kind IN ('earned', 'withheld', 'commission')
    ON CONFLICT DO NOTHING;
END $$;--> statement-breakpoint

-- What every agreement of a node comes to in a period.
CREATE FUNCTION due_at_node(p_node_no integer, p_period integer)
  RETURNS TABLE (hold_no integer, amount_msat bigint, commission_ppm integer) LANGUAGE sql STABLE
  BEGIN ATOMIC
    SELECT s.hold_no,
      due_in_period(s.rate_msat, s.rate_rest, s.carry, p_period - s.from_period, d.price_denominator),
      s.commission_ppm
    FROM ledger_settings d, agreement_spans s
    WHERE s.node_no = p_node_no AND s.until_period > p_period AND s.from_period <= p_period;
  END;--> statement-breakpoint

-- Settles one node's period in the caller's transaction, once: settled already, it changes nothing and returns what
-- stands. `passed` pays: hold -> commission, withheld share, earned. Every other verdict gives back: hold -> available.
CREATE FUNCTION settle_node(p_node_no integer, p_period integer, p_verdict text, p_withheld_ppm integer, p_now_ms bigint)
  RETURNS TABLE (is_new boolean, settled settlements) LANGUAGE plpgsql
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  node ledger_nodes;
  done settlements;
  made record;
BEGIN
  SELECT * INTO node FROM ledger_nodes WHERE node_no = p_node_no FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM open_ledger_node(p_node_no);
    SELECT * INTO node FROM ledger_nodes WHERE node_no = p_node_no FOR NO KEY UPDATE;
  END IF;
  SELECT * INTO done FROM settlements s WHERE s.node_no = p_node_no AND s.period = p_period;
  IF FOUND THEN RETURN QUERY SELECT false, done; RETURN; END IF;

  IF p_verdict = 'passed' THEN
    WITH due AS MATERIALIZED (SELECT * FROM due_at_node(p_node_no, p_period)),
    total AS (
      SELECT count(*)::integer AS agreements, coalesce(sum(d.amount_msat), 0)::bigint AS due,
        coalesce(sum(d.amount_msat::numeric * d.commission_ppm), 0) + node.commission_carry AS commission_parts FROM due d
    ), fee AS (
      SELECT *, div(commission_parts, 1000000)::bigint AS commission,
        mod(commission_parts, 1000000)::integer AS commission_carry FROM total
    ), kept AS (
      SELECT *, (due - commission)::numeric * p_withheld_ppm + node.withheld_carry AS withheld_parts FROM fee
    ), split AS (
      SELECT *, div(withheld_parts, 1000000)::bigint AS withheld,
        mod(withheld_parts, 1000000)::integer AS withheld_carry FROM kept
    ), transfer AS (
      INSERT INTO ledger_transfers (kind, node_no, period, made_at_ms)
        SELECT 'accrual', p_node_no, p_period, p_now_ms FROM split s WHERE s.due > 0 RETURNING transfer_no
    ), posted AS (
      INSERT INTO ledger_entries (transfer_no, account_no, amount_msat, is_settlement)
        SELECT t.transfer_no, d.hold_no, -d.amount_msat, true FROM transfer t, due d WHERE d.amount_msat <> 0
        UNION ALL
        SELECT t.transfer_no, l.account_no, l.amount, false FROM transfer t, split s, LATERAL (VALUES
          (node.commission_no, s.commission), (node.withheld_no, s.withheld),
          (node.earned_no, s.due - s.commission - s.withheld)) AS l(account_no, amount) WHERE l.amount <> 0
    )
    SELECT s.*, t.transfer_no INTO made FROM split s LEFT JOIN transfer t ON true;
    node.commission_carry := made.commission_carry;
    node.withheld_carry := made.withheld_carry;
  ELSE
    -- Clients' accounts are shared by settlements of many nodes: locked in one order, nobody waits in a circle.
    PERFORM FROM ledger_accounts a WHERE a.account_no IN (
        SELECT h.available_no FROM due_at_node(p_node_no, p_period) d JOIN ledger_accounts h ON h.account_no = d.hold_no)
      ORDER BY a.account_no FOR NO KEY UPDATE;
    WITH due AS MATERIALIZED (
      SELECT d.hold_no, d.amount_msat, h.available_no
      FROM due_at_node(p_node_no, p_period) d JOIN ledger_accounts h ON h.account_no = d.hold_no
    ), total AS (
      SELECT count(*)::integer AS agreements, coalesce(sum(d.amount_msat), 0)::bigint AS due FROM due d
    ), transfer AS (
      INSERT INTO ledger_transfers (kind, node_no, period, made_at_ms)
        SELECT 'void', p_node_no, p_period, p_now_ms FROM total s WHERE s.due > 0 RETURNING transfer_no
    ), posted AS (
      INSERT INTO ledger_entries (transfer_no, account_no, amount_msat, is_settlement)
        SELECT t.transfer_no, d.hold_no, -d.amount_msat, true FROM transfer t, due d WHERE d.amount_msat <> 0
        UNION ALL
        SELECT t.transfer_no, d.available_no, sum(d.amount_msat)::bigint, false FROM transfer t, due d
          GROUP BY t.transfer_no, d.available_no HAVING sum(d.amount_msat) <> 0
    )
    SELECT s.agreements, s.due, 0::bigint AS commission, 0::bigint AS withheld, t.transfer_no
      INTO made FROM total s LEFT JOIN transfer t ON true;
  END IF;

  UPDATE ledger_nodes SET commission_carry = node.commission_carry, withheld_carry = node.withheld_carry,
      last_settled_period = greatest(last_settled_period, p_period)
    WHERE node_no = p_node_no;
  INSERT INTO settlements VALUES (p_node_no, p_period, p_verdict, made.transfer_no, made.agreements, made.due,
      made.commission, CASE p_verdict WHEN 'passed' THEN made.due - made.commission - made.withheld ELSE 0 END,
      made.withheld, p_now_ms)
    RETURNING * INTO done;
  RETURN QUERY SELECT true, done;
END $$;--> statement-breakpoint

-- 6. What must be true, to be asked at any time. The position: both sides of the invariant, from the balances.
CREATE VIEW ledger_position AS
  SELECT *, available + held + earned + withheld + commission + repair_reserve + payouts_in_flight + withdrawals_in_flight
    - (deposits + admin_credits - payouts_paid - withdrawals_paid - network_fees + bad_debt) AS difference
  FROM (
    SELECT
      coalesce(sum(balance_msat) FILTER (WHERE kind = 'available'), 0) AS available,
      coalesce(sum(balance_msat) FILTER (WHERE kind IN ('hold', 'upload')), 0) AS held,
      coalesce(sum(balance_msat) FILTER (WHERE kind = 'earned'), 0) AS earned,
      coalesce(sum(balance_msat) FILTER (WHERE kind = 'withheld'), 0) AS withheld,
      coalesce(sum(balance_msat) FILTER (WHERE kind = 'commission'), 0) AS commission,
      coalesce(sum(balance_msat) FILTER (WHERE kind = 'repair_reserve'), 0) AS repair_reserve,
      coalesce(sum(balance_msat) FILTER (WHERE kind = 'payouts_in_flight'), 0) AS payouts_in_flight,
      coalesce(sum(balance_msat) FILTER (WHERE kind = 'withdrawals_in_flight'), 0) AS withdrawals_in_flight,
      coalesce(-sum(balance_msat) FILTER (WHERE kind = 'deposits'), 0) AS deposits,
      coalesce(-sum(balance_msat) FILTER (WHERE kind = 'admin_credits'), 0) AS admin_credits,
      coalesce(-sum(balance_msat) FILTER (WHERE kind = 'bad_debt'), 0) AS bad_debt,
      coalesce(sum(balance_msat) FILTER (WHERE kind = 'payouts_paid'), 0) AS payouts_paid,
      coalesce(sum(balance_msat) FILTER (WHERE kind = 'withdrawals_paid'), 0) AS withdrawals_paid,
      coalesce(sum(balance_msat) FILTER (WHERE kind = 'network_fees'), 0) AS network_fees
    FROM ledger_accounts
  ) AS sums;--> statement-breakpoint

-- Every way in which the ledger could be wrong, from the entries up; no rows when all is well. Reads everything.
CREATE FUNCTION ledger_faults() RETURNS TABLE (rule text, subject text, detail text) LANGUAGE sql STABLE
  BEGIN ATOMIC
    SELECT 'a transfer sums to zero', transfer_no::text, sum(amount_msat)::text
      FROM ledger_entries GROUP BY transfer_no HAVING sum(amount_msat) <> 0
    UNION ALL
    SELECT 'a balance is the sum of its entries', a.account_no::text, a.balance_msat || ' <> ' || coalesce(e.total, 0)
      FROM ledger_accounts a
      LEFT JOIN (SELECT account_no, sum(amount_msat) AS total FROM ledger_entries GROUP BY account_no) e USING (account_no)
      WHERE a.balance_msat <> coalesce(e.total, 0)
    UNION ALL
    SELECT 'entries belong to an account and a transfer', e.transfer_no::text, e.account_no::text
      FROM ledger_entries e LEFT JOIN ledger_accounts a USING (account_no) LEFT JOIN ledger_transfers t USING (transfer_no)
      WHERE a.account_no IS NULL OR t.transfer_no IS NULL
    UNION ALL
    SELECT 'only what is outside stands below zero', account_no::text, balance_msat::text FROM ledger_accounts
      WHERE balance_msat < 0 AND kind NOT IN ('deposits', 'admin_credits', 'bad_debt')
    UNION ALL
    SELECT 'what is inside equals what came in less what went out', 'all', difference::text FROM ledger_position
      WHERE difference <> 0
    UNION ALL
    SELECT 'one accrual per agreement and period', e.account_no::text, t.period::text
      FROM ledger_entries e JOIN ledger_transfers t USING (transfer_no) WHERE e.is_settlement
      GROUP BY e.account_no, t.period HAVING count(*) > 1
    UNION ALL
    SELECT 'a settlement is what its transfer moved', s.node_no || ' ' || s.period, s.due_msat || ' <> ' || coalesce(e.total, 0)
      FROM settlements s
      LEFT JOIN (SELECT transfer_no, -sum(amount_msat) AS total FROM ledger_entries WHERE is_settlement GROUP BY transfer_no) e
        USING (transfer_no)
      WHERE s.due_msat <> coalesce(e.total, 0)
    UNION ALL
    SELECT 'a settlement transfer has its settlement', t.transfer_no::text, t.node_no || ' ' || t.period
      FROM ledger_transfers t LEFT JOIN settlements s USING (transfer_no)
      WHERE t.kind IN ('accrual', 'void') AND s.transfer_no IS NULL
    UNION ALL
    SELECT 'a hold is what its agreement has still to be settled for', a.agreement_no::text, h.balance_msat || ' <> ' || coalesce(d.due, 0)
      FROM agreements a JOIN ledger_accounts h ON h.account_no = a.hold_no
      LEFT JOIN LATERAL (
        SELECT sum(due_in_period(s.rate_msat, s.rate_rest, s.carry, p.period - s.from_period, l.price_denominator)) AS due
        FROM ledger_settings l, agreement_spans s
        CROSS JOIN LATERAL generate_series(s.from_period, s.until_period - 1) AS p(period)
        WHERE s.agreement_no = a.agreement_no
          AND NOT EXISTS (SELECT FROM settlements x WHERE x.node_no = a.node_no AND x.period = p.period)
      ) d ON true
      WHERE h.balance_msat <> coalesce(d.due, 0);
  END;
