-- The mediator's own money in its wallets, and what stays as it was published or booked.

-- 1. Two more accounts, and the ways that money may go through them.
ALTER TABLE "ledger_rules" DISABLE TRIGGER ledger_rules_keep;--> statement-breakpoint
INSERT INTO "ledger_rules" ("transfer_kind", "account_kind", "direction") VALUES
  ('funding', 'capital', -1),
  ('funding', 'float', 1),
  ('funding_returned', 'float', -1),
  ('funding_returned', 'commission', -1),
  ('funding_returned', 'capital', 1),
  ('sweep_fee', 'float', -1),
  ('sweep_fee', 'commission', -1),
  ('sweep_fee', 'network_fees', 1);--> statement-breakpoint
ALTER TABLE "ledger_rules" ENABLE TRIGGER ledger_rules_keep;--> statement-breakpoint
INSERT INTO "ledger_accounts" ("kind") VALUES ('float'), ('capital');--> statement-breakpoint

-- 2. Both sides of the ledger, with them.
CREATE OR REPLACE VIEW ledger_position AS
  SELECT available, held, earned, withheld, commission, repair_reserve, payouts_in_flight, withdrawals_in_flight, deposits,
    admin_credits, bad_debt, payouts_paid, withdrawals_paid, network_fees,
    available + held + earned + withheld + commission + repair_reserve + payouts_in_flight + withdrawals_in_flight + "float"
      - (deposits + admin_credits + capital - payouts_paid - withdrawals_paid - network_fees + bad_debt) AS difference,
    "float", capital
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
      coalesce(sum(balance_msat) FILTER (WHERE kind = 'network_fees'), 0) AS network_fees,
      coalesce(sum(balance_msat) FILTER (WHERE kind = 'float'), 0) AS "float",
      coalesce(-sum(balance_msat) FILTER (WHERE kind = 'capital'), 0) AS capital
    FROM ledger_accounts
  ) AS sums;--> statement-breakpoint
CREATE OR REPLACE FUNCTION ledger_faults() RETURNS TABLE (rule text, subject text, detail text) LANGUAGE sql STABLE
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
      WHERE balance_msat < 0 AND kind NOT IN ('deposits', 'admin_credits', 'bad_debt', 'capital')
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
  END;--> statement-breakpoint

-- 3. What was published stays: only its tree may be forgotten.
CREATE FUNCTION published_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: what was published or booked stays', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'published_stays', TABLE = TG_TABLE_NAME;
END $$;--> statement-breakpoint
CREATE TRIGGER liability_roots_keep BEFORE DELETE OR TRUNCATE ON "liability_roots"
  FOR EACH STATEMENT EXECUTE FUNCTION published_keep();--> statement-breakpoint
CREATE TRIGGER liability_roots_signed BEFORE UPDATE ON "liability_roots"
  FOR EACH ROW WHEN ((OLD.sequence, OLD.token, OLD.message_hash, OLD.root, OLD.total_msat, OLD.leaf_count,
      OLD.through_transfer_no, OLD.made_at_ms)
    IS DISTINCT FROM (NEW.sequence, NEW.token, NEW.message_hash, NEW.root, NEW.total_msat, NEW.leaf_count,
      NEW.through_transfer_no, NEW.made_at_ms))
  EXECUTE FUNCTION published_keep();--> statement-breakpoint
CREATE TRIGGER liability_nodes_keep BEFORE UPDATE ON "liability_nodes"
  FOR EACH STATEMENT EXECUTE FUNCTION published_keep();--> statement-breakpoint
CREATE TRIGGER liability_leaves_keep BEFORE UPDATE ON "liability_leaves"
  FOR EACH STATEMENT EXECUTE FUNCTION published_keep();--> statement-breakpoint
CREATE TRIGGER wallet_movements_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON "wallet_movements"
  FOR EACH STATEMENT EXECUTE FUNCTION published_keep();--> statement-breakpoint
CREATE TRIGGER reconciliations_keep BEFORE DELETE OR TRUNCATE ON "reconciliations"
  FOR EACH STATEMENT EXECUTE FUNCTION published_keep();
