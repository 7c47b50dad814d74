-- Every way in which deposits and the ledger could disagree; no rows when all is well. Part of what the ledger is asked for.
CREATE FUNCTION deposit_faults() RETURNS TABLE (rule text, subject text, detail text) LANGUAGE sql STABLE
  BEGIN ATOMIC
    -- A deposit's transfers are named after its outpoint, the second and later ones with a number.
    WITH booked AS (
      SELECT d.deposit_no, d.txid, d.vout, d.state, d.credits, d.sats,
        count(*) FILTER (WHERE t.kind = 'deposit') AS credited,
        count(*) FILTER (WHERE t.kind = 'deposit_reversed') AS reversed,
        coalesce(-sum(e.amount_msat), 0) AS standing
      FROM deposits d
      LEFT JOIN generate_series(1, d.credits) AS turn ON true
      LEFT JOIN ledger_transfers t ON t.kind IN ('deposit', 'deposit_reversed')
        AND t.reference = encode(d.txid, 'hex') || ':' || d.vout || CASE WHEN turn = 1 THEN '' ELSE '#' || turn END
      LEFT JOIN ledger_accounts a ON a.kind = 'deposits'
      LEFT JOIN ledger_entries e ON e.transfer_no = t.transfer_no AND e.account_no = a.account_no
      GROUP BY d.deposit_no
    )
    SELECT 'a deposit is booked as its state says', encode(txid, 'hex') || ':' || vout,
        state || ', ' || credits || ' credits: ' || credited || ' booked, ' || reversed || ' reversed, ' || standing || ' msat stand'
      FROM booked
      WHERE credited <> credits OR reversed <> credits - CASE state WHEN 'credited' THEN 1 ELSE 0 END
        OR standing <> CASE state WHEN 'credited' THEN sats * 1000 ELSE 0 END
    UNION ALL
    SELECT 'the account of deposits is what is credited', 'deposits', a.balance_msat || ' <> ' || -c.total
      FROM ledger_accounts a, (SELECT coalesce(sum(sats) * 1000, 0) AS total FROM deposits WHERE state = 'credited') c
      WHERE a.kind = 'deposits' AND a.balance_msat <> -c.total
    UNION ALL
    SELECT 'bad debt is what clients owe', 'bad_debt', a.balance_msat || ' <> ' || -o.total
      FROM ledger_accounts a, (SELECT coalesce(sum(owed_msat), 0) AS total FROM client_debts) o
      WHERE a.kind = 'bad_debt' AND a.balance_msat <> -o.total;
  END;
--> statement-breakpoint

-- What was given to whom, and what came to it, stays as it was, by whatever hand: a deposit that changed its owner or its
-- amount would be taken back from somebody else, or in part.
CREATE FUNCTION deposit_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: what was given or seen stays', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'deposit_stays', TABLE = TG_TABLE_NAME;
END $$;--> statement-breakpoint
CREATE TRIGGER deposit_addresses_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON "deposit_addresses"
  FOR EACH STATEMENT EXECUTE FUNCTION deposit_keep();--> statement-breakpoint
CREATE TRIGGER deposits_keep BEFORE DELETE OR TRUNCATE ON "deposits"
  FOR EACH STATEMENT EXECUTE FUNCTION deposit_keep();--> statement-breakpoint
CREATE TRIGGER deposits_seen BEFORE UPDATE ON "deposits"
  FOR EACH ROW WHEN ((OLD.deposit_no, OLD.txid, OLD.vout, OLD.address, OLD.client_id, OLD.sats)
      IS DISTINCT FROM (NEW.deposit_no, NEW.txid, NEW.vout, NEW.address, NEW.client_id, NEW.sats)
    OR NEW.credits < OLD.credits)
  EXECUTE FUNCTION deposit_keep();--> statement-breakpoint
CREATE TRIGGER client_debts_keep BEFORE DELETE OR TRUNCATE ON "client_debts"
  FOR EACH STATEMENT EXECUTE FUNCTION deposit_keep();--> statement-breakpoint
CREATE TRIGGER deposit_keys_keep BEFORE DELETE OR TRUNCATE ON "deposit_keys"
  FOR EACH STATEMENT EXECUTE FUNCTION deposit_keep();--> statement-breakpoint
-- An index that was given once is not given again.
CREATE TRIGGER deposit_keys_given BEFORE UPDATE ON "deposit_keys"
  FOR EACH ROW WHEN (NEW.descriptor <> OLD.descriptor OR NEW.next_index < OLD.next_index)
  EXECUTE FUNCTION deposit_keep();
