CREATE TABLE "alive_marks" (
	"part" text PRIMARY KEY NOT NULL,
	"seen_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "carried_leaves" (
	"node_no" integer NOT NULL,
	"pack_no" bigint NOT NULL,
	"shard_index" smallint NOT NULL,
	"leaf_index" integer NOT NULL,
	"period" integer NOT NULL,
	CONSTRAINT "carried_leaves_pack_no_shard_index_leaf_index_pk" PRIMARY KEY("pack_no","shard_index","leaf_index")
);
--> statement-breakpoint
CREATE TABLE "challenge_periods" (
	"period" integer PRIMARY KEY NOT NULL,
	"starts_at_ms" bigint NOT NULL,
	"period_ms" bigint NOT NULL,
	"secret_hash" "bytea" NOT NULL,
	"commitment" text NOT NULL,
	"committed_at_ms" bigint NOT NULL,
	"sealed_secret" "bytea" NOT NULL,
	"planned_at_ms" bigint,
	"secret" "bytea",
	CONSTRAINT "challenge_periods_secret_hash_length" CHECK (octet_length("secret_hash") = 32),
	CONSTRAINT "challenge_periods_commitment_first" CHECK (committed_at_ms < starts_at_ms)
);
--> statement-breakpoint
CREATE TABLE "challenges" (
	"challenge_id" "bytea" PRIMARY KEY NOT NULL,
	"node_no" integer NOT NULL,
	"period" integer NOT NULL,
	"state" text NOT NULL,
	"due_at_ms" bigint NOT NULL,
	"issued_at_ms" bigint,
	"deadline_at_ms" bigint,
	"message" "bytea",
	"shards_asked" integer DEFAULT 0 NOT NULL,
	"roots" "bytea",
	"asked_packs" bigint[],
	"asked_indexes" smallint[],
	"answered_at_ms" bigint,
	"proof_hash" "bytea",
	"answer_faults" jsonb,
	"outcome" text,
	"void_reason" text,
	"verdict" text,
	"shards_lost" integer DEFAULT 0 NOT NULL,
	"judged_at_ms" bigint,
	"frame_until_ms" bigint,
	CONSTRAINT "challenges_one_per_period" UNIQUE("node_no","period"),
	CONSTRAINT "challenges_challenge_id_length" CHECK (octet_length("challenge_id") = 16),
	CONSTRAINT "challenges_state" CHECK (state IN ('planned', 'open', 'answered', 'judged', 'void')),
	CONSTRAINT "challenges_issued" CHECK (state IN ('planned', 'void') OR (issued_at_ms IS NOT NULL AND deadline_at_ms > issued_at_ms AND message IS NOT NULL)),
	CONSTRAINT "challenges_answered" CHECK ((proof_hash IS NULL) = (answered_at_ms IS NULL) AND (state <> 'answered' OR proof_hash IS NOT NULL)),
	CONSTRAINT "challenges_judged" CHECK ((state = 'judged') = (outcome IS NOT NULL) AND (state = 'judged') = (verdict IS NOT NULL)),
	CONSTRAINT "challenges_void" CHECK ((state = 'void') = (void_reason IS NOT NULL))
);
--> statement-breakpoint
CREATE TABLE "events" (
	"event_no" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "events_event_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"made_in" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"kind" text NOT NULL,
	"node_id" "bytea",
	"client_id" "bytea",
	"happened_at_ms" bigint NOT NULL,
	"data" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "late_losses" (
	"pack_no" bigint NOT NULL,
	"shard_index" smallint NOT NULL,
	"node_no" integer NOT NULL,
	"report_hash" "bytea" NOT NULL,
	"challenge_id" "bytea",
	CONSTRAINT "late_losses_pack_no_shard_index_pk" PRIMARY KEY("pack_no","shard_index")
);
--> statement-breakpoint
CREATE TABLE "loss_reports" (
	"report_hash" "bytea" PRIMARY KEY NOT NULL,
	"node_no" integer NOT NULL,
	"token" text NOT NULL,
	"received_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "node_lines" (
	"node_no" integer PRIMARY KEY NOT NULL,
	"epoch" integer DEFAULT 0 NOT NULL,
	"leaves" bigint NOT NULL,
	"live_leaves" bigint NOT NULL,
	CONSTRAINT "node_lines_leaves" CHECK (live_leaves BETWEEN 0 AND leaves)
);
--> statement-breakpoint
CREATE TABLE "node_reputations" (
	"node_no" integer PRIMARY KEY NOT NULL,
	"proofs_good" double precision NOT NULL,
	"proofs_bad" double precision NOT NULL,
	"availability_good" double precision NOT NULL,
	"availability_bad" double precision NOT NULL,
	"passed_periods" integer NOT NULL,
	"failed_periods" integer NOT NULL,
	"absent_periods" integer NOT NULL,
	"last_period" integer NOT NULL,
	"is_serving" boolean DEFAULT true NOT NULL,
	"next_check_at_ms" bigint NOT NULL,
	"probe" jsonb
);
--> statement-breakpoint
CREATE TABLE "outages" (
	"part" text NOT NULL,
	"from_ms" bigint NOT NULL,
	"until_ms" bigint NOT NULL,
	CONSTRAINT "outages_part_from_ms_pk" PRIMARY KEY("part","from_ms")
);
--> statement-breakpoint
CREATE TABLE "retrieval_checks" (
	"check_no" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "retrieval_checks_check_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"node_no" integer NOT NULL,
	"checked_at_ms" bigint NOT NULL,
	"client_id" "bytea" NOT NULL,
	"pack_id" "bytea" NOT NULL,
	"shard_index" smallint NOT NULL,
	"from_byte" integer NOT NULL,
	"length_bytes" integer NOT NULL,
	"outcome" text NOT NULL,
	"detail" text NOT NULL,
	CONSTRAINT "retrieval_checks_outcome" CHECK (outcome IN ('served', 'refused', 'unreachable', 'wrong'))
);
--> statement-breakpoint
CREATE TABLE "shard_places" (
	"pack_no" bigint NOT NULL,
	"shard_index" smallint NOT NULL,
	"node_no" integer NOT NULL,
	"start_leaf" bigint NOT NULL,
	"line_no" integer NOT NULL,
	"vault_leaf" bigint NOT NULL,
	"leaves" integer NOT NULL,
	"is_lost" boolean DEFAULT false NOT NULL,
	"shown_period" integer,
	CONSTRAINT "shard_places_pack_no_shard_index_pk" PRIMARY KEY("pack_no","shard_index"),
	CONSTRAINT "shard_places_leaves" CHECK (leaves > 0 AND start_leaf >= 0 AND vault_leaf >= 0)
);
--> statement-breakpoint
CREATE TABLE "vault_lines" (
	"line_no" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "vault_lines_line_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"node_no" integer NOT NULL,
	"client_id" "bytea" NOT NULL,
	"vault_id" "bytea" NOT NULL,
	"leaves" bigint NOT NULL,
	"live_leaves" bigint NOT NULL,
	"shown_period" integer,
	CONSTRAINT "vault_lines_by_name" UNIQUE("node_no","client_id","vault_id"),
	CONSTRAINT "vault_lines_leaves" CHECK (live_leaves BETWEEN 0 AND leaves)
);
--> statement-breakpoint
ALTER TABLE "carried_leaves" ADD CONSTRAINT "carried_leaves_pack_no_shard_index_shards_pack_no_shard_index_fk" FOREIGN KEY ("pack_no","shard_index") REFERENCES "public"."shards"("pack_no","shard_index") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "challenges" ADD CONSTRAINT "challenges_node_no_nodes_node_no_fk" FOREIGN KEY ("node_no") REFERENCES "public"."nodes"("node_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "challenges" ADD CONSTRAINT "challenges_period_challenge_periods_period_fk" FOREIGN KEY ("period") REFERENCES "public"."challenge_periods"("period") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "late_losses" ADD CONSTRAINT "late_losses_pack_no_packs_pack_no_fk" FOREIGN KEY ("pack_no") REFERENCES "public"."packs"("pack_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "late_losses" ADD CONSTRAINT "late_losses_report_hash_loss_reports_report_hash_fk" FOREIGN KEY ("report_hash") REFERENCES "public"."loss_reports"("report_hash") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "late_losses" ADD CONSTRAINT "late_losses_challenge_id_challenges_challenge_id_fk" FOREIGN KEY ("challenge_id") REFERENCES "public"."challenges"("challenge_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "loss_reports" ADD CONSTRAINT "loss_reports_node_no_nodes_node_no_fk" FOREIGN KEY ("node_no") REFERENCES "public"."nodes"("node_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "node_lines" ADD CONSTRAINT "node_lines_node_no_nodes_node_no_fk" FOREIGN KEY ("node_no") REFERENCES "public"."nodes"("node_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "node_reputations" ADD CONSTRAINT "node_reputations_node_no_nodes_node_no_fk" FOREIGN KEY ("node_no") REFERENCES "public"."nodes"("node_no") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "retrieval_checks" ADD CONSTRAINT "retrieval_checks_node_no_nodes_node_no_fk" FOREIGN KEY ("node_no") REFERENCES "public"."nodes"("node_no") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "shard_places" ADD CONSTRAINT "shard_places_line_no_vault_lines_line_no_fk" FOREIGN KEY ("line_no") REFERENCES "public"."vault_lines"("line_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "shard_places" ADD CONSTRAINT "shard_places_pack_no_shard_index_shards_pack_no_shard_index_fk" FOREIGN KEY ("pack_no","shard_index") REFERENCES "public"."shards"("pack_no","shard_index") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "vault_lines" ADD CONSTRAINT "vault_lines_node_no_nodes_node_no_fk" FOREIGN KEY ("node_no") REFERENCES "public"."nodes"("node_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "vault_lines" ADD CONSTRAINT "vault_lines_client_id_vault_id_vaults_client_id_vault_id_fk" FOREIGN KEY ("client_id","vault_id") REFERENCES "public"."vaults"("client_id","vault_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "carried_leaves_of_node" ON "carried_leaves" USING btree ("node_no","period");--> statement-breakpoint
CREATE INDEX "challenge_periods_to_reveal" ON "challenge_periods" USING btree ("starts_at_ms") WHERE secret IS NULL;--> statement-breakpoint
CREATE INDEX "challenges_planned" ON "challenges" USING btree ("due_at_ms") WHERE state = 'planned';--> statement-breakpoint
CREATE INDEX "challenges_open" ON "challenges" USING btree ("deadline_at_ms") WHERE state IN ('open', 'answered');--> statement-breakpoint
CREATE INDEX "challenges_pending" ON "challenges" USING btree ("node_no","period") WHERE state IN ('planned', 'open', 'answered');--> statement-breakpoint
CREATE INDEX "challenges_of_period" ON "challenges" USING btree ("period");--> statement-breakpoint
CREATE INDEX "challenges_with_frame" ON "challenges" USING btree ("frame_until_ms") WHERE frame_until_ms IS NOT NULL;--> statement-breakpoint
CREATE INDEX "events_in_order" ON "events" USING btree ("made_in","event_no");--> statement-breakpoint
CREATE INDEX "events_by_time" ON "events" USING btree ("happened_at_ms");--> statement-breakpoint
CREATE INDEX "late_losses_of_node" ON "late_losses" USING btree ("node_no") WHERE challenge_id IS NULL;--> statement-breakpoint
CREATE INDEX "late_losses_of_challenge" ON "late_losses" USING btree ("challenge_id") WHERE challenge_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX "loss_reports_of_node" ON "loss_reports" USING btree ("node_no","received_at_ms");--> statement-breakpoint
CREATE INDEX "node_reputations_to_check" ON "node_reputations" USING btree ("next_check_at_ms");--> statement-breakpoint
CREATE INDEX "outages_by_end" ON "outages" USING btree ("until_ms");--> statement-breakpoint
CREATE INDEX "retrieval_checks_of_node" ON "retrieval_checks" USING btree ("node_no","checked_at_ms");--> statement-breakpoint
CREATE INDEX "shard_places_on_node" ON "shard_places" USING btree ("node_no","start_leaf");--> statement-breakpoint
CREATE INDEX "shard_places_on_vault_line" ON "shard_places" USING btree ("line_no","vault_leaf");