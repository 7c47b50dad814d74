-- The rules of payouts that hold for every statement, by whatever hand it comes.

-- 1. What was signed stays as it was signed: nobody is paid something else, or somewhere else, under the same name.
CREATE FUNCTION payout_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: what was signed stays', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_signed_stays', TABLE = TG_TABLE_NAME;
END $$;--> statement-breakpoint
CREATE TRIGGER payout_payees_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON "payout_payees"
  FOR EACH STATEMENT EXECUTE FUNCTION payout_keep();--> statement-breakpoint
CREATE TRIGGER payout_addresses_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON "payout_addresses"
  FOR EACH STATEMENT EXECUTE FUNCTION payout_keep();--> statement-breakpoint
CREATE TRIGGER payout_transactions_keep BEFORE DELETE OR TRUNCATE ON "payout_transactions"
  FOR EACH STATEMENT EXECUTE FUNCTION payout_keep();--> statement-breakpoint
CREATE TRIGGER payout_transactions_signed BEFORE UPDATE ON "payout_transactions"
  FOR EACH ROW WHEN ((OLD.batch_no, OLD.replacement_no, OLD.txid, OLD.signed, OLD.fee_sats)
    IS DISTINCT FROM (NEW.batch_no, NEW.replacement_no, NEW.txid, NEW.signed, NEW.fee_sats))
  EXECUTE FUNCTION payout_keep();--> statement-breakpoint
CREATE TRIGGER payout_batches_keep BEFORE DELETE OR TRUNCATE ON "payout_batches"
  FOR EACH STATEMENT EXECUTE FUNCTION payout_keep();--> statement-breakpoint
CREATE TRIGGER payout_batches_signed BEFORE UPDATE ON "payout_batches"
  FOR EACH ROW WHEN (
    (OLD.batch_id, OLD.designated_txid, OLD.designated_vout, OLD.change_index, OLD.gross_sats, OLD.fee_sats)
      IS DISTINCT FROM
    (NEW.batch_id, NEW.designated_txid, NEW.designated_vout, NEW.change_index, NEW.gross_sats, NEW.fee_sats)
    -- Final and void are the end of it.
    OR (OLD.state IN ('final', 'voided') AND NEW.state <> OLD.state))
  EXECUTE FUNCTION payout_keep();--> statement-breakpoint
CREATE TRIGGER withdrawals_keep BEFORE DELETE OR TRUNCATE ON "withdrawals"
  FOR EACH STATEMENT EXECUTE FUNCTION payout_keep();--> statement-breakpoint
CREATE TRIGGER withdrawals_signed BEFORE UPDATE ON "withdrawals"
  FOR EACH ROW WHEN (
    (OLD.withdrawal_id, OLD.client_id, OLD.address, OLD.script, OLD.amount_sats)
      IS DISTINCT FROM (NEW.withdrawal_id, NEW.client_id, NEW.address, NEW.script, NEW.amount_sats)
    OR (OLD.state IN ('paid', 'voided', 'cancelled') AND NEW.state <> OLD.state))
  EXECUTE FUNCTION payout_keep();--> statement-breakpoint

-- 2. Every way in which payouts and ledger could disagree; no rows when all is well.
CREATE FUNCTION payout_faults() RETURNS TABLE (rule text, subject text, detail text) LANGUAGE sql STABLE
  BEGIN ATOMIC
    SELECT 'payouts in flight are what open batches owe nodes', 'all', a.balance_msat || ' <> ' || b.sats * 1000
      FROM (SELECT balance_msat FROM ledger_accounts WHERE kind = 'payouts_in_flight') a,
        (SELECT coalesce(sum(p.gross_sats), 0) AS sats FROM payout_payees p JOIN payout_batches USING (batch_no)
          WHERE p.node_no IS NOT NULL AND state NOT IN ('final', 'voided')) b
      WHERE a.balance_msat <> b.sats * 1000
    UNION ALL
    SELECT 'withdrawals in flight are what was asked for and is not paid', 'all', a.balance_msat || ' <> ' || b.sats * 1000
      FROM (SELECT balance_msat FROM ledger_accounts WHERE kind = 'withdrawals_in_flight') a,
        (SELECT coalesce(sum(amount_sats), 0) AS sats FROM withdrawals WHERE state IN ('waiting', 'paying')) b
      WHERE a.balance_msat <> b.sats * 1000
    UNION ALL
    SELECT 'a batch is the sum of its payees', b.batch_no::text,
        b.gross_sats || ' ' || b.fee_sats || ' <> ' || p.gross || ' ' || p.shares
      FROM payout_batches b JOIN LATERAL (
        SELECT coalesce(sum(gross_sats), 0) AS gross, coalesce(sum(fee_share_sats), 0) AS shares
        FROM payout_payees WHERE batch_no = b.batch_no) p ON true
      WHERE b.gross_sats <> p.gross OR b.fee_sats <> p.shares
    UNION ALL
    SELECT 'a batch has a signed transaction', b.batch_no::text, ''
      FROM payout_batches b
      WHERE NOT EXISTS (SELECT FROM payout_transactions t WHERE t.batch_no = b.batch_no AND t.replacement_no = 0)
    UNION ALL
    SELECT 'a batch has taken its designated output', b.batch_no::text, b.designated_txid::text
      FROM payout_batches b
      WHERE NOT EXISTS (SELECT FROM payout_inputs i
        WHERE i.batch_no = b.batch_no AND i.txid = b.designated_txid AND i.vout = b.designated_vout
          AND i.is_released = (b.state IN ('final', 'voided')))
    UNION ALL
    SELECT 'a withdrawal is where its batch is', w.withdrawal_no::text, w.state || ' in ' || coalesce(b.state, 'none')
      FROM withdrawals w LEFT JOIN payout_payees p USING (withdrawal_no) LEFT JOIN payout_batches b USING (batch_no)
      WHERE w.state <> CASE WHEN b.state IS NULL THEN CASE w.state WHEN 'cancelled' THEN 'cancelled' ELSE 'waiting' END
        WHEN b.state = 'final' THEN 'paid' WHEN b.state = 'voided' THEN 'voided' ELSE 'paying' END;
  END;
