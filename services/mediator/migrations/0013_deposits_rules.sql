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
