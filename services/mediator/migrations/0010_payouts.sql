CREATE TABLE "payout_addresses" (
	"node_no" integer NOT NULL,
	"sequence" bigint NOT NULL,
	"address" text NOT NULL,
	"script" "bytea" NOT NULL,
	"token" text NOT NULL,
	"received_at_ms" bigint NOT NULL,
	"effective_at_ms" bigint NOT NULL,
	CONSTRAINT "payout_addresses_node_no_sequence_pk" PRIMARY KEY("node_no","sequence"),
	CONSTRAINT "payout_addresses_in_time" CHECK (effective_at_ms >= received_at_ms)
);
--> statement-breakpoint
CREATE TABLE "payout_approvals" (
	"approval_no" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "payout_approvals_approval_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"node_no" integer,
	"withdrawal_no" integer,
	"up_to_sats" bigint NOT NULL,
	"approved_by" "bytea" NOT NULL,
	"note" text NOT NULL,
	"approved_at_ms" bigint NOT NULL,
	"used_by" integer,
	CONSTRAINT "payout_approvals_one" CHECK ((node_no IS NULL) <> (withdrawal_no IS NULL))
);
--> statement-breakpoint
CREATE TABLE "payout_batches" (
	"batch_no" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "payout_batches_batch_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"batch_id" "bytea" NOT NULL,
	"state" text NOT NULL,
	"designated_txid" "bytea" NOT NULL,
	"designated_vout" integer NOT NULL,
	"change_index" integer NOT NULL,
	"gross_sats" bigint NOT NULL,
	"fee_sats" bigint NOT NULL,
	"extra_fee_sats" bigint DEFAULT 0 NOT NULL,
	"is_extra_fee_booked" boolean DEFAULT true NOT NULL,
	"planned_at_ms" bigint NOT NULL,
	"settled_txid" "bytea",
	"closed_at_ms" bigint,
	"voided_by_txid" "bytea",
	CONSTRAINT "payout_batches_batch_id_unique" UNIQUE("batch_id"),
	CONSTRAINT "payout_batches_change_index_unique" UNIQUE("change_index"),
	CONSTRAINT "payout_batches_batch_id_length" CHECK (octet_length("batch_id") = 16),
	CONSTRAINT "payout_batches_state" CHECK (state IN ('signed', 'broadcast', 'confirmed', 'final', 'voided')),
	CONSTRAINT "payout_batches_closed" CHECK ((state IN ('final', 'voided')) = (closed_at_ms IS NOT NULL)),
	CONSTRAINT "payout_batches_settled" CHECK (state NOT IN ('confirmed', 'final') OR settled_txid IS NOT NULL),
	CONSTRAINT "payout_batches_voided" CHECK ((state = 'voided') = (voided_by_txid IS NOT NULL)),
	CONSTRAINT "payout_batches_amounts" CHECK (gross_sats > 0 AND fee_sats BETWEEN 0 AND gross_sats AND extra_fee_sats >= 0)
);
--> statement-breakpoint
CREATE TABLE "payout_controls" (
	"paused_by" text PRIMARY KEY NOT NULL,
	"reason" text NOT NULL,
	"paused_at_ms" bigint NOT NULL,
	CONSTRAINT "payout_controls_paused_by" CHECK (paused_by IN ('admin', 'reconciliation'))
);
--> statement-breakpoint
CREATE TABLE "payout_inputs" (
	"batch_no" integer NOT NULL,
	"txid" "bytea" NOT NULL,
	"vout" integer NOT NULL,
	"sats" bigint NOT NULL,
	"address" text NOT NULL,
	"script" "bytea" NOT NULL,
	"is_released" boolean DEFAULT false NOT NULL,
	CONSTRAINT "payout_inputs_batch_no_txid_vout_pk" PRIMARY KEY("batch_no","txid","vout")
);
--> statement-breakpoint
CREATE TABLE "payout_payees" (
	"batch_no" integer NOT NULL,
	"payee_no" integer NOT NULL,
	"node_no" integer,
	"withdrawal_no" integer,
	"address" text NOT NULL,
	"script" "bytea" NOT NULL,
	"gross_sats" bigint NOT NULL,
	"fee_share_sats" bigint NOT NULL,
	CONSTRAINT "payout_payees_batch_no_payee_no_pk" PRIMARY KEY("batch_no","payee_no"),
	CONSTRAINT "payout_payees_one" CHECK ((node_no IS NULL) <> (withdrawal_no IS NULL)),
	CONSTRAINT "payout_payees_amounts" CHECK (fee_share_sats >= 0 AND gross_sats > fee_share_sats)
);
--> statement-breakpoint
CREATE TABLE "payout_steps" (
	"step_no" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "payout_steps_step_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"batch_no" integer NOT NULL,
	"happened_at_ms" bigint NOT NULL,
	"step" text NOT NULL,
	"data" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "payout_transactions" (
	"batch_no" integer NOT NULL,
	"replacement_no" integer NOT NULL,
	"txid" "bytea" NOT NULL,
	"signed" "bytea" NOT NULL,
	"fee_sats" bigint NOT NULL,
	"sat_per_kvb" bigint NOT NULL,
	"signed_at_ms" bigint NOT NULL,
	"signed_at_height" integer NOT NULL,
	"broadcast_at_ms" bigint,
	CONSTRAINT "payout_transactions_batch_no_replacement_no_pk" PRIMARY KEY("batch_no","replacement_no"),
	CONSTRAINT "payout_transactions_txid_unique" UNIQUE("txid"),
	CONSTRAINT "payout_transactions_fee" CHECK (fee_sats >= 0 AND sat_per_kvb >= 0)
);
--> statement-breakpoint
CREATE TABLE "withdrawals" (
	"withdrawal_no" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "withdrawals_withdrawal_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"withdrawal_id" "bytea" NOT NULL,
	"client_id" "bytea" NOT NULL,
	"sequence" bigint NOT NULL,
	"address" text NOT NULL,
	"script" "bytea" NOT NULL,
	"amount_sats" bigint NOT NULL,
	"token" text NOT NULL,
	"state" text NOT NULL,
	"requested_at_ms" bigint NOT NULL,
	"closed_at_ms" bigint,
	CONSTRAINT "withdrawals_withdrawal_id_unique" UNIQUE("withdrawal_id"),
	CONSTRAINT "withdrawals_state" CHECK (state IN ('waiting', 'paying', 'paid', 'voided', 'cancelled')),
	CONSTRAINT "withdrawals_closed" CHECK ((state IN ('waiting', 'paying')) = (closed_at_ms IS NULL)),
	CONSTRAINT "withdrawals_amount" CHECK (amount_sats > 0)
);
--> statement-breakpoint
ALTER TABLE "payout_addresses" ADD CONSTRAINT "payout_addresses_node_no_nodes_node_no_fk" FOREIGN KEY ("node_no") REFERENCES "public"."nodes"("node_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "payout_approvals" ADD CONSTRAINT "payout_approvals_node_no_nodes_node_no_fk" FOREIGN KEY ("node_no") REFERENCES "public"."nodes"("node_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "payout_approvals" ADD CONSTRAINT "payout_approvals_withdrawal_no_withdrawals_withdrawal_no_fk" FOREIGN KEY ("withdrawal_no") REFERENCES "public"."withdrawals"("withdrawal_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "payout_approvals" ADD CONSTRAINT "payout_approvals_used_by_payout_batches_batch_no_fk" FOREIGN KEY ("used_by") REFERENCES "public"."payout_batches"("batch_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "payout_inputs" ADD CONSTRAINT "payout_inputs_batch_no_payout_batches_batch_no_fk" FOREIGN KEY ("batch_no") REFERENCES "public"."payout_batches"("batch_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "payout_payees" ADD CONSTRAINT "payout_payees_batch_no_payout_batches_batch_no_fk" FOREIGN KEY ("batch_no") REFERENCES "public"."payout_batches"("batch_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "payout_payees" ADD CONSTRAINT "payout_payees_node_no_nodes_node_no_fk" FOREIGN KEY ("node_no") REFERENCES "public"."nodes"("node_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "payout_payees" ADD CONSTRAINT "payout_payees_withdrawal_no_withdrawals_withdrawal_no_fk" FOREIGN KEY ("withdrawal_no") REFERENCES "public"."withdrawals"("withdrawal_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "payout_steps" ADD CONSTRAINT "payout_steps_batch_no_payout_batches_batch_no_fk" FOREIGN KEY ("batch_no") REFERENCES "public"."payout_batches"("batch_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "payout_transactions" ADD CONSTRAINT "payout_transactions_batch_no_payout_batches_batch_no_fk" FOREIGN KEY ("batch_no") REFERENCES "public"."payout_batches"("batch_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "payout_approvals_of_node" ON "payout_approvals" USING btree ("node_no") WHERE node_no IS NOT NULL AND used_by IS NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "payout_approvals_of_withdrawal" ON "payout_approvals" USING btree ("withdrawal_no") WHERE withdrawal_no IS NOT NULL AND used_by IS NULL;--> statement-breakpoint
CREATE INDEX "payout_batches_open" ON "payout_batches" USING btree ("batch_no") WHERE state NOT IN ('final', 'voided');--> statement-breakpoint
CREATE INDEX "payout_batches_by_time" ON "payout_batches" USING btree ("planned_at_ms");--> statement-breakpoint
CREATE UNIQUE INDEX "payout_inputs_once" ON "payout_inputs" USING btree ("txid","vout") WHERE NOT is_released;--> statement-breakpoint
CREATE UNIQUE INDEX "payout_payees_of_batch" ON "payout_payees" USING btree ("batch_no","node_no") WHERE node_no IS NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "payout_payees_of_withdrawal" ON "payout_payees" USING btree ("withdrawal_no") WHERE withdrawal_no IS NOT NULL;--> statement-breakpoint
CREATE INDEX "payout_payees_of_node" ON "payout_payees" USING btree ("node_no","batch_no");--> statement-breakpoint
CREATE INDEX "payout_steps_of_batch" ON "payout_steps" USING btree ("batch_no","step_no");--> statement-breakpoint
CREATE UNIQUE INDEX "withdrawals_of_client" ON "withdrawals" USING btree ("client_id","sequence");--> statement-breakpoint
CREATE INDEX "withdrawals_waiting" ON "withdrawals" USING btree ("withdrawal_no") WHERE state = 'waiting';