CREATE TABLE "accounts" (
	"public_key" "bytea" PRIMARY KEY NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"last_sign_in_at_ms" bigint NOT NULL,
	CONSTRAINT "accounts_public_key_length" CHECK (octet_length("public_key") = 32)
);
--> statement-breakpoint
CREATE TABLE "heads" (
	"client_id" "bytea" NOT NULL,
	"vault_id" "bytea" NOT NULL,
	"sequence" bigint NOT NULL,
	"head_hash" "bytea" NOT NULL,
	"head" text NOT NULL,
	"moved_at_ms" bigint NOT NULL,
	CONSTRAINT "heads_client_id_vault_id_pk" PRIMARY KEY("client_id","vault_id"),
	CONSTRAINT "heads_head_hash_length" CHECK (octet_length("head_hash") = 32),
	CONSTRAINT "heads_sequence" CHECK (sequence >= 1)
);
--> statement-breakpoint
CREATE TABLE "identity" (
	"is_only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"mediator_id" "bytea" NOT NULL,
	"network" text NOT NULL,
	"mask_key_check" "bytea" NOT NULL,
	CONSTRAINT "identity_is_only" CHECK (is_only)
);
--> statement-breakpoint
CREATE TABLE "node_certificates" (
	"fingerprint" "bytea" PRIMARY KEY NOT NULL,
	"node_id" "bytea" NOT NULL,
	"issued_at_ms" bigint NOT NULL,
	"expires_at_ms" bigint NOT NULL,
	"revoked_at_ms" bigint,
	CONSTRAINT "node_certificates_fingerprint_length" CHECK (octet_length("fingerprint") = 32)
);
--> statement-breakpoint
CREATE TABLE "nodes" (
	"node_no" integer GENERATED ALWAYS AS IDENTITY (sequence name "nodes_node_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"node_id" "bytea" PRIMARY KEY NOT NULL,
	"operator" text NOT NULL,
	"region" text NOT NULL,
	"addresses" text[] NOT NULL,
	"subnet" text DEFAULT '' NOT NULL,
	"price_sat_per_tb_month" bigint NOT NULL,
	"egress_sat_per_tb" bigint NOT NULL,
	"capacity_bytes" bigint NOT NULL,
	"stored_bytes" bigint DEFAULT 0 NOT NULL,
	"reserved_bytes" bigint DEFAULT 0 NOT NULL,
	"reported_free_bytes" bigint,
	"state" text NOT NULL,
	"is_reached" boolean DEFAULT false NOT NULL,
	"version" text DEFAULT '' NOT NULL,
	"registered_at_ms" bigint NOT NULL,
	"registration_signed_at_ms" bigint NOT NULL,
	"last_seen_at_ms" bigint NOT NULL,
	"last_order" bigint DEFAULT 0 NOT NULL,
	"carried_out_order" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "nodes_node_no_unique" UNIQUE("node_no"),
	CONSTRAINT "nodes_node_id_length" CHECK (octet_length("node_id") = 32),
	CONSTRAINT "nodes_state" CHECK (state IN ('vetting', 'active', 'suspended', 'disqualified', 'leaving')),
	CONSTRAINT "nodes_amounts" CHECK (price_sat_per_tb_month >= 0 AND egress_sat_per_tb >= 0),
	CONSTRAINT "nodes_sizes" CHECK (capacity_bytes >= 0 AND stored_bytes >= 0 AND reserved_bytes >= 0),
	CONSTRAINT "nodes_orders" CHECK (carried_out_order >= 0 AND last_order >= carried_out_order)
);
--> statement-breakpoint
CREATE TABLE "orders" (
	"node_no" integer NOT NULL,
	"order_no" bigint NOT NULL,
	"kind" text NOT NULL,
	"client_id" "bytea" NOT NULL,
	"upload_id" "bytea",
	"shards" jsonb,
	"created_at_ms" bigint NOT NULL,
	CONSTRAINT "orders_node_no_order_no_pk" PRIMARY KEY("node_no","order_no"),
	CONSTRAINT "orders_kind" CHECK (kind IN ('committed', 'delete', 'discard-upload')),
	CONSTRAINT "orders_shards" CHECK ((kind = 'discard-upload') = (shards IS NULL)),
	CONSTRAINT "orders_upload" CHECK (kind = 'delete' OR upload_id IS NOT NULL)
);
--> statement-breakpoint
CREATE TABLE "packs" (
	"pack_no" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "packs_pack_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"client_id" "bytea" NOT NULL,
	"pack_id" "bytea" NOT NULL,
	"vault_id" "bytea" NOT NULL,
	"upload_id" "bytea" NOT NULL,
	"data_shards" smallint NOT NULL,
	"parity_shards" smallint NOT NULL,
	"shard_length_bytes" integer NOT NULL,
	"commit_hash" "bytea" NOT NULL,
	"commit_token" text,
	"sealed_mask_key" "bytea",
	"is_dropped" boolean DEFAULT false NOT NULL,
	"committed_at_ms" bigint NOT NULL,
	CONSTRAINT "packs_by_id" UNIQUE("client_id","pack_id"),
	CONSTRAINT "packs_pack_id_length" CHECK (octet_length("pack_id") = 32),
	CONSTRAINT "packs_shard_length" CHECK (shard_length_bytes > 0 AND shard_length_bytes % 65536 = 0),
	CONSTRAINT "packs_policy" CHECK (data_shards BETWEEN 1 AND 20 AND parity_shards >= data_shards AND data_shards + parity_shards <= 40),
	CONSTRAINT "packs_dropped" CHECK (is_dropped = (sealed_mask_key IS NULL) AND is_dropped = (commit_token IS NULL))
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"token_hash" "bytea" PRIMARY KEY NOT NULL,
	"public_key" "bytea" NOT NULL,
	"role" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"expires_at_ms" bigint NOT NULL,
	CONSTRAINT "sessions_token_hash_length" CHECK (octet_length("token_hash") = 32),
	CONSTRAINT "sessions_role" CHECK (role IN ('client', 'operator', 'admin'))
);
--> statement-breakpoint
CREATE TABLE "shards" (
	"pack_no" bigint NOT NULL,
	"shard_index" smallint NOT NULL,
	"node_no" integer NOT NULL,
	"root" "bytea" NOT NULL,
	"received_at_ms" bigint NOT NULL,
	"receipt_signature" "bytea" NOT NULL,
	"lost_at_ms" bigint,
	CONSTRAINT "shards_pack_no_shard_index_pk" PRIMARY KEY("pack_no","shard_index"),
	CONSTRAINT "shards_one_per_node" UNIQUE("node_no","pack_no"),
	CONSTRAINT "shards_root_length" CHECK (octet_length("root") = 32),
	CONSTRAINT "shards_index" CHECK (shard_index BETWEEN 0 AND 39)
);
--> statement-breakpoint
CREATE TABLE "upload_nodes" (
	"upload_id" "bytea" NOT NULL,
	"node_no" integer NOT NULL,
	CONSTRAINT "upload_nodes_upload_id_node_no_pk" PRIMARY KEY("upload_id","node_no")
);
--> statement-breakpoint
CREATE TABLE "uploads" (
	"upload_id" "bytea" PRIMARY KEY NOT NULL,
	"client_id" "bytea" NOT NULL,
	"vault_id" "bytea" NOT NULL,
	"state" text NOT NULL,
	"quota_bytes_per_node" bigint NOT NULL,
	"committed_bytes_per_node" bigint DEFAULT 0 NOT NULL,
	"opened_at_ms" bigint NOT NULL,
	"active_at_ms" bigint NOT NULL,
	"expires_at_ms" bigint NOT NULL,
	CONSTRAINT "uploads_upload_id_length" CHECK (octet_length("upload_id") = 16),
	CONSTRAINT "uploads_state" CHECK (state IN ('open', 'ended', 'discarded')),
	CONSTRAINT "uploads_quota" CHECK (committed_bytes_per_node BETWEEN 0 AND quota_bytes_per_node)
);
--> statement-breakpoint
CREATE TABLE "used_nonces" (
	"nonce_hash" "bytea" PRIMARY KEY NOT NULL,
	"expires_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "vaults" (
	"client_id" "bytea" NOT NULL,
	"vault_id" "bytea" NOT NULL,
	"data_shards" smallint NOT NULL,
	"parity_shards" smallint NOT NULL,
	"max_price_sat_per_tb_month" bigint,
	"regions" text[] NOT NULL,
	"avoid_operators" text[] NOT NULL,
	"pack_count" bigint DEFAULT 0 NOT NULL,
	"stored_bytes" bigint DEFAULT 0 NOT NULL,
	"created_at_ms" bigint NOT NULL,
	CONSTRAINT "vaults_client_id_vault_id_pk" PRIMARY KEY("client_id","vault_id"),
	CONSTRAINT "vaults_vault_id_length" CHECK (octet_length("vault_id") = 16),
	CONSTRAINT "vaults_policy" CHECK (data_shards BETWEEN 1 AND 20 AND parity_shards >= data_shards AND data_shards + parity_shards <= 40),
	CONSTRAINT "vaults_sizes" CHECK (pack_count >= 0 AND stored_bytes >= 0)
);
--> statement-breakpoint
ALTER TABLE "heads" ADD CONSTRAINT "heads_client_id_vault_id_vaults_client_id_vault_id_fk" FOREIGN KEY ("client_id","vault_id") REFERENCES "public"."vaults"("client_id","vault_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "node_certificates" ADD CONSTRAINT "node_certificates_node_id_nodes_node_id_fk" FOREIGN KEY ("node_id") REFERENCES "public"."nodes"("node_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "orders" ADD CONSTRAINT "orders_node_no_nodes_node_no_fk" FOREIGN KEY ("node_no") REFERENCES "public"."nodes"("node_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "packs" ADD CONSTRAINT "packs_upload_id_uploads_upload_id_fk" FOREIGN KEY ("upload_id") REFERENCES "public"."uploads"("upload_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "packs" ADD CONSTRAINT "packs_client_id_vault_id_vaults_client_id_vault_id_fk" FOREIGN KEY ("client_id","vault_id") REFERENCES "public"."vaults"("client_id","vault_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_public_key_accounts_public_key_fk" FOREIGN KEY ("public_key") REFERENCES "public"."accounts"("public_key") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "shards" ADD CONSTRAINT "shards_pack_no_packs_pack_no_fk" FOREIGN KEY ("pack_no") REFERENCES "public"."packs"("pack_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "shards" ADD CONSTRAINT "shards_node_no_nodes_node_no_fk" FOREIGN KEY ("node_no") REFERENCES "public"."nodes"("node_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "upload_nodes" ADD CONSTRAINT "upload_nodes_upload_id_uploads_upload_id_fk" FOREIGN KEY ("upload_id") REFERENCES "public"."uploads"("upload_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "upload_nodes" ADD CONSTRAINT "upload_nodes_node_no_nodes_node_no_fk" FOREIGN KEY ("node_no") REFERENCES "public"."nodes"("node_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "uploads" ADD CONSTRAINT "uploads_client_id_vault_id_vaults_client_id_vault_id_fk" FOREIGN KEY ("client_id","vault_id") REFERENCES "public"."vaults"("client_id","vault_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "vaults" ADD CONSTRAINT "vaults_client_id_accounts_public_key_fk" FOREIGN KEY ("client_id") REFERENCES "public"."accounts"("public_key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "node_certificates_by_node" ON "node_certificates" USING btree ("node_id","issued_at_ms");--> statement-breakpoint
CREATE INDEX "nodes_by_price" ON "nodes" USING btree ("price_sat_per_tb_month","node_id");--> statement-breakpoint
CREATE INDEX "orders_of_upload" ON "orders" USING btree ("upload_id") WHERE upload_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX "packs_of_vault" ON "packs" USING btree ("client_id","vault_id","pack_id") WHERE NOT is_dropped;--> statement-breakpoint
CREATE INDEX "packs_of_upload" ON "packs" USING btree ("upload_id");--> statement-breakpoint
CREATE INDEX "sessions_by_account" ON "sessions" USING btree ("public_key","created_at_ms");--> statement-breakpoint
CREATE INDEX "sessions_by_expiry" ON "sessions" USING btree ("expires_at_ms");--> statement-breakpoint
CREATE INDEX "uploads_to_do" ON "uploads" USING btree ("state","expires_at_ms") WHERE state <> 'discarded';--> statement-breakpoint
CREATE INDEX "uploads_by_vault" ON "uploads" USING btree ("client_id","vault_id");--> statement-breakpoint
CREATE INDEX "used_nonces_by_expiry" ON "used_nonces" USING btree ("expires_at_ms");