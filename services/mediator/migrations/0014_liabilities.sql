CREATE TABLE "liability_leaves" (
	"sequence" integer NOT NULL,
	"kind" text NOT NULL,
	"owner_id" "bytea" NOT NULL,
	"position" integer NOT NULL,
	"salt" "bytea" NOT NULL,
	"amount_msat" bigint NOT NULL,
	"free_msat" bigint NOT NULL,
	"bound_msat" bigint NOT NULL,
	"in_flight_msat" bigint NOT NULL,
	CONSTRAINT "liability_leaves_sequence_kind_owner_id_pk" PRIMARY KEY("sequence","kind","owner_id"),
	CONSTRAINT "liability_leaves_kind" CHECK (kind IN ('client', 'node')),
	CONSTRAINT "liability_leaves_sum" CHECK (amount_msat = free_msat + bound_msat + in_flight_msat AND amount_msat > 0)
);
--> statement-breakpoint
CREATE TABLE "liability_nodes" (
	"sequence" integer NOT NULL,
	"level" smallint NOT NULL,
	"position" integer NOT NULL,
	"hash" "bytea" NOT NULL,
	"sum_msat" bigint NOT NULL,
	CONSTRAINT "liability_nodes_sequence_level_position_pk" PRIMARY KEY("sequence","level","position"),
	CONSTRAINT "liability_nodes_sum" CHECK (sum_msat >= 0)
);
--> statement-breakpoint
CREATE TABLE "liability_roots" (
	"sequence" integer PRIMARY KEY NOT NULL,
	"token" text NOT NULL,
	"message_hash" "bytea" NOT NULL,
	"root" "bytea" NOT NULL,
	"total_msat" bigint NOT NULL,
	"leaf_count" integer NOT NULL,
	"through_transfer_no" bigint NOT NULL,
	"made_at_ms" bigint NOT NULL,
	"has_tree" boolean DEFAULT true NOT NULL,
	CONSTRAINT "liability_roots_message_hash_unique" UNIQUE("message_hash"),
	CONSTRAINT "liability_roots_root_length" CHECK (octet_length("root") = 32),
	CONSTRAINT "liability_roots_amounts" CHECK (sequence > 0 AND total_msat >= 0 AND leaf_count >= 0)
);
--> statement-breakpoint
CREATE TABLE "reconciliations" (
	"number" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "reconciliations_number_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"state" text NOT NULL,
	"checked_at_ms" bigint NOT NULL,
	"tip_height" integer NOT NULL,
	"tip_hash" "bytea" NOT NULL,
	"chain_sats" bigint NOT NULL,
	"ledger_msat" bigint NOT NULL,
	"pending_sats" bigint NOT NULL,
	"pending" jsonb NOT NULL,
	"differences" jsonb NOT NULL,
	"resolved_by" "bytea",
	"resolved_at_ms" bigint,
	"note" text,
	CONSTRAINT "reconciliations_state" CHECK (state IN ('balanced', 'differs', 'resolved')),
	CONSTRAINT "reconciliations_balanced" CHECK ((state = 'balanced') = (jsonb_array_length(differences) = 0)),
	CONSTRAINT "reconciliations_resolved" CHECK ((state = 'resolved') = (resolved_by IS NOT NULL) AND (state = 'resolved') = (note IS NOT NULL))
);
--> statement-breakpoint
CREATE TABLE "wallet_cursors" (
	"wallet" text PRIMARY KEY NOT NULL,
	"cursor" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "wallet_movements" (
	"movement_no" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "wallet_movements_movement_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"txid" "bytea" NOT NULL,
	"kind" text NOT NULL,
	"sats" bigint NOT NULL,
	"transfer_no" bigint NOT NULL,
	"note" text,
	"booked_at_ms" bigint NOT NULL,
	CONSTRAINT "wallet_movements_transfer_no_unique" UNIQUE("transfer_no"),
	CONSTRAINT "wallet_movements_kind" CHECK (kind IN ('funding', 'sweep_fee', 'funding_returned')),
	CONSTRAINT "wallet_movements_sats" CHECK (sats <> 0 AND (kind = 'funding') = (sats > 0))
);
--> statement-breakpoint
CREATE TABLE "wallet_outputs" (
	"txid" "bytea" NOT NULL,
	"vout" integer NOT NULL,
	"wallet" text NOT NULL,
	"address" text NOT NULL,
	"sats" bigint NOT NULL,
	"spent_by" "bytea",
	CONSTRAINT "wallet_outputs_txid_vout_pk" PRIMARY KEY("txid","vout"),
	CONSTRAINT "wallet_outputs_wallet" CHECK (wallet IN ('deposits', 'payouts')),
	CONSTRAINT "wallet_outputs_sats" CHECK (sats >= 0)
);
--> statement-breakpoint
ALTER TABLE "ledger_accounts" DROP CONSTRAINT "ledger_accounts_kind";--> statement-breakpoint
ALTER TABLE "ledger_accounts" DROP CONSTRAINT "ledger_accounts_balance";--> statement-breakpoint
ALTER TABLE "ledger_transfers" DROP CONSTRAINT "ledger_transfers_kind";--> statement-breakpoint
ALTER TABLE "liability_leaves" ADD CONSTRAINT "liability_leaves_sequence_liability_roots_sequence_fk" FOREIGN KEY ("sequence") REFERENCES "public"."liability_roots"("sequence") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "liability_nodes" ADD CONSTRAINT "liability_nodes_sequence_liability_roots_sequence_fk" FOREIGN KEY ("sequence") REFERENCES "public"."liability_roots"("sequence") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "reconciliations_open" ON "reconciliations" USING btree ("number") WHERE state = 'differs';--> statement-breakpoint
CREATE INDEX "wallet_movements_of_transaction" ON "wallet_movements" USING btree ("txid");--> statement-breakpoint
CREATE INDEX "wallet_outputs_open" ON "wallet_outputs" USING btree ("wallet") WHERE spent_by IS NULL;--> statement-breakpoint
ALTER TABLE "ledger_accounts" ADD CONSTRAINT "ledger_accounts_kind" CHECK (kind IN ('available', 'hold', 'upload', 'earned', 'withheld', 'commission', 'repair_reserve', 'payouts_in_flight', 'withdrawals_in_flight', 'float', 'deposits', 'admin_credits', 'bad_debt', 'payouts_paid', 'withdrawals_paid', 'network_fees', 'capital'));--> statement-breakpoint
ALTER TABLE "ledger_accounts" ADD CONSTRAINT "ledger_accounts_balance" CHECK (CASE WHEN kind IN ('deposits', 'admin_credits', 'bad_debt', 'capital') THEN balance_msat <= 0 ELSE balance_msat >= 0 END);--> statement-breakpoint
ALTER TABLE "ledger_transfers" ADD CONSTRAINT "ledger_transfers_kind" CHECK (kind IN ('credit', 'deposit', 'deposit_reversed', 'debt_repaid', 'reserve', 'unreserve', 'hold', 'release_hold', 'accrual', 'void', 'storage_time', 'release_withheld', 'repair_cost', 'repair_paid', 'payout', 'payout_confirmed', 'payout_voided', 'withdrawal', 'withdrawal_confirmed', 'withdrawal_voided', 'fee_bump', 'funding', 'funding_returned', 'sweep_fee'));