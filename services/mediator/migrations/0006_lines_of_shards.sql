-- Places the packs' shards behind one another at the end of the lines of their nodes and vaults, in the order of the
-- packs. Those that have a place keep it, those that are lost get none: running twice changes nothing.
CREATE FUNCTION place_shards(p_pack_nos bigint[]) RETURNS void LANGUAGE sql AS $$
  WITH fresh AS (
    SELECT s.pack_no, s.shard_index, s.node_no, p.client_id, p.vault_id, p.shard_length_bytes / 1024 AS leaves
    FROM shards s JOIN packs p ON p.pack_no = s.pack_no
    WHERE s.pack_no = ANY(p_pack_nos) AND s.lost_at_ms IS NULL
      AND NOT EXISTS (SELECT FROM shard_places x WHERE x.pack_no = s.pack_no AND x.shard_index = s.shard_index)
  ), spans AS (
    SELECT *,
      sum(leaves) OVER (PARTITION BY node_no ORDER BY pack_no, shard_index) - leaves AS node_at,
      sum(leaves) OVER (PARTITION BY node_no) AS node_leaves,
      sum(leaves) OVER (PARTITION BY node_no, client_id, vault_id ORDER BY pack_no, shard_index) - leaves AS vault_at,
      sum(leaves) OVER (PARTITION BY node_no, client_id, vault_id) AS vault_leaves
    FROM fresh
  ), node_line AS (
    INSERT INTO node_lines (node_no, leaves, live_leaves)
      SELECT node_no, sum(leaves), sum(leaves) FROM fresh GROUP BY node_no ORDER BY node_no
      ON CONFLICT (node_no) DO UPDATE SET leaves = node_lines.leaves + excluded.leaves,
        live_leaves = node_lines.live_leaves + excluded.live_leaves
      RETURNING node_no, leaves
  ), vault_line AS (
    INSERT INTO vault_lines (node_no, client_id, vault_id, leaves, live_leaves)
      SELECT node_no, client_id, vault_id, sum(leaves), sum(leaves) FROM fresh
      GROUP BY node_no, client_id, vault_id ORDER BY node_no, client_id, vault_id
      ON CONFLICT (node_no, client_id, vault_id) DO UPDATE SET leaves = vault_lines.leaves + excluded.leaves,
        live_leaves = vault_lines.live_leaves + excluded.live_leaves
      RETURNING line_no, node_no, client_id, vault_id, leaves
  )
  INSERT INTO shard_places (pack_no, shard_index, node_no, start_leaf, line_no, vault_leaf, leaves)
    SELECT s.pack_no, s.shard_index, s.node_no, n.leaves - s.node_leaves + s.node_at,
      v.line_no, v.leaves - s.vault_leaves + s.vault_at, s.leaves
    FROM spans s JOIN node_line n ON n.node_no = s.node_no
    JOIN vault_line v ON v.node_no = s.node_no AND v.client_id = s.client_id AND v.vault_id = s.vault_id;
$$;--> statement-breakpoint

-- A place is written once an hour or so where its shard is shown: with room on the page, no index is touched.
ALTER TABLE "shard_places" SET (fillfactor = 80);--> statement-breakpoint

SELECT place_shards(coalesce(array_agg(pack_no), '{}')) FROM packs WHERE NOT is_dropped;
