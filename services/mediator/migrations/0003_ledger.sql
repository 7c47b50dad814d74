CREATE TABLE "agreement_spans" (
	"agreement_no" integer NOT NULL,
	"from_period" integer NOT NULL,
	"until_period" integer NOT NULL,
	"node_no" integer NOT NULL,
	"hold_no" integer NOT NULL,
	"commission_ppm" integer NOT NULL,
	"stored_bytes" bigint NOT NULL,
	"rate_msat" bigint NOT NULL,
	"rate_rest" bigint NOT NULL,
	"carry" bigint NOT NULL,
	"node_token" text,
	CONSTRAINT "agreement_spans_agreement_no_from_period_pk" PRIMARY KEY("agreement_no","from_period"),
	CONSTRAINT "agreement_spans_periods" CHECK (from_period < until_period),
	CONSTRAINT "agreement_spans_amounts" CHECK (stored_bytes >= 0 AND rate_msat >= 0 AND rate_rest >= 0 AND carry >= 0)
);
--> statement-breakpoint
CREATE TABLE "agreements" (
	"agreement_no" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "agreements_agreement_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"agreement_id" "bytea" NOT NULL,
	"client_id" "bytea" NOT NULL,
	"vault_id" "bytea" NOT NULL,
	"node_no" integer NOT NULL,
	"mandate_hash" "bytea" NOT NULL,
	"price_sat_per_tb_month" bigint NOT NULL,
	"commission_ppm" integer NOT NULL,
	"start_period" integer NOT NULL,
	"end_period" integer NOT NULL,
	"hold_no" integer NOT NULL,
	"state" text NOT NULL,
	"ended_by" text,
	"renewed_from" integer,
	"stored_bytes" bigint NOT NULL,
	"opened_at_ms" bigint NOT NULL,
	"node_token" text,
	"termination_token" text,
	CONSTRAINT "agreements_agreement_id_unique" UNIQUE("agreement_id"),
	CONSTRAINT "agreements_hold_no_unique" UNIQUE("hold_no"),
	CONSTRAINT "agreements_renewed_from_unique" UNIQUE("renewed_from"),
	CONSTRAINT "agreements_agreement_id_length" CHECK (octet_length("agreement_id") = 16),
	CONSTRAINT "agreements_state" CHECK (state IN ('active', 'renewed', 'grace', 'ended')),
	CONSTRAINT "agreements_end" CHECK ((state = 'ended') = (ended_by IS NOT NULL)),
	CONSTRAINT "agreements_term" CHECK (end_period >= start_period AND stored_bytes >= 0),
	CONSTRAINT "agreements_price" CHECK (price_sat_per_tb_month >= 0 AND commission_ppm BETWEEN 0 AND 1000000)
);
--> statement-breakpoint
CREATE TABLE "ledger_accounts" (
	"account_no" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "ledger_accounts_account_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"kind" text NOT NULL,
	"client_id" "bytea",
	"available_no" integer,
	"node_no" integer,
	"balance_msat" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "ledger_accounts_kind" CHECK (kind IN ('available', 'hold', 'upload', 'earned', 'withheld', 'commission', 'repair_reserve', 'payouts_in_flight', 'withdrawals_in_flight', 'deposits', 'admin_credits', 'bad_debt', 'payouts_paid', 'withdrawals_paid', 'network_fees')),
	CONSTRAINT "ledger_accounts_balance" CHECK (CASE WHEN kind IN ('deposits', 'admin_credits', 'bad_debt') THEN balance_msat <= 0 ELSE balance_msat >= 0 END),
	CONSTRAINT "ledger_accounts_client" CHECK ((kind = 'available') = (client_id IS NOT NULL)),
	CONSTRAINT "ledger_accounts_owner" CHECK ((kind IN ('hold', 'upload')) = (available_no IS NOT NULL)),
	CONSTRAINT "ledger_accounts_node" CHECK ((kind IN ('hold', 'earned', 'withheld', 'commission')) = (node_no IS NOT NULL))
);
--> statement-breakpoint
CREATE TABLE "ledger_entries" (
	"transfer_no" bigint NOT NULL,
	"account_no" integer NOT NULL,
	"amount_msat" bigint NOT NULL,
	"is_settlement" boolean DEFAULT false NOT NULL,
	CONSTRAINT "ledger_entries_transfer_no_account_no_pk" PRIMARY KEY("transfer_no","account_no"),
	CONSTRAINT "ledger_entries_amount" CHECK (amount_msat <> 0)
);
--> statement-breakpoint
CREATE TABLE "ledger_nodes" (
	"node_no" integer PRIMARY KEY NOT NULL,
	"earned_no" integer NOT NULL,
	"withheld_no" integer NOT NULL,
	"commission_no" integer NOT NULL,
	"last_settled_period" integer DEFAULT 0 NOT NULL,
	"commission_carry" integer DEFAULT 0 NOT NULL,
	"withheld_carry" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "ledger_nodes_carries" CHECK (commission_carry BETWEEN 0 AND 999999 AND withheld_carry BETWEEN 0 AND 999999)
);
--> statement-breakpoint
CREATE TABLE "ledger_rules" (
	"transfer_kind" text NOT NULL,
	"account_kind" text NOT NULL,
	"direction" integer NOT NULL,
	CONSTRAINT "ledger_rules_transfer_kind_account_kind_pk" PRIMARY KEY("transfer_kind","account_kind"),
	CONSTRAINT "ledger_rules_direction" CHECK (direction IN (-1, 1))
);
--> statement-breakpoint
CREATE TABLE "ledger_settings" (
	"is_only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"period_ms" bigint NOT NULL,
	"price_numerator" bigint NOT NULL,
	"price_denominator" bigint NOT NULL,
	CONSTRAINT "ledger_settings_is_only" CHECK (is_only)
);
--> statement-breakpoint
CREATE TABLE "ledger_transfers" (
	"transfer_no" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "ledger_transfers_transfer_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"kind" text NOT NULL,
	"node_no" integer,
	"period" integer,
	"reference" text,
	"note" text,
	"made_at_ms" bigint NOT NULL,
	"made_in" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	CONSTRAINT "ledger_transfers_kind" CHECK (kind IN ('credit', 'deposit', 'deposit_reversed', 'debt_repaid', 'reserve', 'unreserve', 'hold', 'release_hold', 'accrual', 'void', 'storage_time', 'release_withheld', 'repair_cost', 'repair_paid', 'payout', 'payout_confirmed', 'payout_voided', 'withdrawal', 'withdrawal_confirmed', 'withdrawal_voided', 'fee_bump')),
	CONSTRAINT "ledger_transfers_settlement" CHECK (kind NOT IN ('accrual', 'void') OR (node_no IS NOT NULL AND period IS NOT NULL)),
	CONSTRAINT "ledger_transfers_credit" CHECK (kind <> 'credit' OR (reference IS NOT NULL AND note IS NOT NULL))
);
--> statement-breakpoint
CREATE TABLE "mandates" (
	"client_id" "bytea" NOT NULL,
	"vault_id" "bytea" NOT NULL,
	"sequence" bigint NOT NULL,
	"mandate_hash" "bytea" NOT NULL,
	"token" text NOT NULL,
	"max_price_sat_per_tb_month" bigint NOT NULL,
	"regions" text[] NOT NULL,
	"avoid_operators" text[] NOT NULL,
	"monthly_limit_msat" bigint NOT NULL,
	"expires_at_ms" bigint NOT NULL,
	"received_at_ms" bigint NOT NULL,
	CONSTRAINT "mandates_client_id_vault_id_sequence_pk" PRIMARY KEY("client_id","vault_id","sequence"),
	CONSTRAINT "mandates_mandate_hash_unique" UNIQUE("mandate_hash"),
	CONSTRAINT "mandates_mandate_hash_length" CHECK (octet_length("mandate_hash") = 32),
	CONSTRAINT "mandates_amounts" CHECK (max_price_sat_per_tb_month >= 0 AND monthly_limit_msat >= 0)
);
--> statement-breakpoint
CREATE TABLE "settlements" (
	"node_no" integer NOT NULL,
	"period" integer NOT NULL,
	"verdict" text NOT NULL,
	"transfer_no" bigint,
	"agreement_count" integer NOT NULL,
	"due_msat" bigint NOT NULL,
	"commission_msat" bigint NOT NULL,
	"earned_msat" bigint NOT NULL,
	"withheld_msat" bigint NOT NULL,
	"settled_at_ms" bigint NOT NULL,
	CONSTRAINT "settlements_node_no_period_pk" PRIMARY KEY("node_no","period"),
	CONSTRAINT "settlements_verdict" CHECK (verdict IN ('passed', 'failed', 'missed', 'void')),
	CONSTRAINT "settlements_amounts" CHECK (due_msat >= 0 AND commission_msat >= 0 AND earned_msat >= 0 AND withheld_msat >= 0
        AND commission_msat + earned_msat + withheld_msat = CASE verdict WHEN 'passed' THEN due_msat ELSE 0 END)
);
--> statement-breakpoint
CREATE TABLE "upload_offers" (
	"upload_id" "bytea" NOT NULL,
	"node_no" integer NOT NULL,
	"price_sat_per_tb_month" bigint NOT NULL,
	CONSTRAINT "upload_offers_upload_id_node_no_pk" PRIMARY KEY("upload_id","node_no")
);
--> statement-breakpoint
CREATE TABLE "upload_reserves" (
	"upload_id" "bytea" PRIMARY KEY NOT NULL,
	"client_id" "bytea" NOT NULL,
	"vault_id" "bytea" NOT NULL,
	"account_no" integer NOT NULL,
	"mandate_hash" "bytea" NOT NULL,
	"commission_ppm" integer NOT NULL,
	"quota_bytes_per_node" bigint NOT NULL,
	"committed_bytes_per_node" bigint DEFAULT 0 NOT NULL,
	"state" text NOT NULL,
	CONSTRAINT "upload_reserves_account_no_unique" UNIQUE("account_no"),
	CONSTRAINT "upload_reserves_state" CHECK (state IN ('open', 'closing', 'settled')),
	CONSTRAINT "upload_reserves_quota" CHECK (committed_bytes_per_node BETWEEN 0 AND quota_bytes_per_node)
);
--> statement-breakpoint
ALTER TABLE "agreement_spans" ADD CONSTRAINT "agreement_spans_agreement_no_agreements_agreement_no_fk" FOREIGN KEY ("agreement_no") REFERENCES "public"."agreements"("agreement_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agreements" ADD CONSTRAINT "agreements_node_no_nodes_node_no_fk" FOREIGN KEY ("node_no") REFERENCES "public"."nodes"("node_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agreements" ADD CONSTRAINT "agreements_mandate_hash_mandates_mandate_hash_fk" FOREIGN KEY ("mandate_hash") REFERENCES "public"."mandates"("mandate_hash") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agreements" ADD CONSTRAINT "agreements_hold_no_ledger_accounts_account_no_fk" FOREIGN KEY ("hold_no") REFERENCES "public"."ledger_accounts"("account_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agreements" ADD CONSTRAINT "agreements_renewed_from_agreements_agreement_no_fk" FOREIGN KEY ("renewed_from") REFERENCES "public"."agreements"("agreement_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agreements" ADD CONSTRAINT "agreements_client_id_vault_id_vaults_client_id_vault_id_fk" FOREIGN KEY ("client_id","vault_id") REFERENCES "public"."vaults"("client_id","vault_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ledger_accounts" ADD CONSTRAINT "ledger_accounts_available_no_ledger_accounts_account_no_fk" FOREIGN KEY ("available_no") REFERENCES "public"."ledger_accounts"("account_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ledger_accounts" ADD CONSTRAINT "ledger_accounts_node_no_nodes_node_no_fk" FOREIGN KEY ("node_no") REFERENCES "public"."nodes"("node_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ledger_nodes" ADD CONSTRAINT "ledger_nodes_node_no_nodes_node_no_fk" FOREIGN KEY ("node_no") REFERENCES "public"."nodes"("node_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ledger_nodes" ADD CONSTRAINT "ledger_nodes_earned_no_ledger_accounts_account_no_fk" FOREIGN KEY ("earned_no") REFERENCES "public"."ledger_accounts"("account_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ledger_nodes" ADD CONSTRAINT "ledger_nodes_withheld_no_ledger_accounts_account_no_fk" FOREIGN KEY ("withheld_no") REFERENCES "public"."ledger_accounts"("account_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ledger_nodes" ADD CONSTRAINT "ledger_nodes_commission_no_ledger_accounts_account_no_fk" FOREIGN KEY ("commission_no") REFERENCES "public"."ledger_accounts"("account_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ledger_transfers" ADD CONSTRAINT "ledger_transfers_node_no_nodes_node_no_fk" FOREIGN KEY ("node_no") REFERENCES "public"."nodes"("node_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "mandates" ADD CONSTRAINT "mandates_client_id_vault_id_vaults_client_id_vault_id_fk" FOREIGN KEY ("client_id","vault_id") REFERENCES "public"."vaults"("client_id","vault_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "settlements" ADD CONSTRAINT "settlements_node_no_nodes_node_no_fk" FOREIGN KEY ("node_no") REFERENCES "public"."nodes"("node_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "settlements" ADD CONSTRAINT "settlements_transfer_no_ledger_transfers_transfer_no_fk" FOREIGN KEY ("transfer_no") REFERENCES "public"."ledger_transfers"("transfer_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "upload_offers" ADD CONSTRAINT "upload_offers_upload_id_upload_reserves_upload_id_fk" FOREIGN KEY ("upload_id") REFERENCES "public"."upload_reserves"("upload_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "upload_offers" ADD CONSTRAINT "upload_offers_node_no_nodes_node_no_fk" FOREIGN KEY ("node_no") REFERENCES "public"."nodes"("node_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "upload_reserves" ADD CONSTRAINT "upload_reserves_upload_id_uploads_upload_id_fk" FOREIGN KEY ("upload_id") REFERENCES "public"."uploads"("upload_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "upload_reserves" ADD CONSTRAINT "upload_reserves_account_no_ledger_accounts_account_no_fk" FOREIGN KEY ("account_no") REFERENCES "public"."ledger_accounts"("account_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "upload_reserves" ADD CONSTRAINT "upload_reserves_mandate_hash_mandates_mandate_hash_fk" FOREIGN KEY ("mandate_hash") REFERENCES "public"."mandates"("mandate_hash") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "agreement_spans_of_node" ON "agreement_spans" USING btree ("node_no","until_period");--> statement-breakpoint
CREATE UNIQUE INDEX "agreements_one_per_term" ON "agreements" USING btree ("client_id","vault_id","node_no","price_sat_per_tb_month","start_period") WHERE state <> 'ended';--> statement-breakpoint
CREATE INDEX "agreements_running" ON "agreements" USING btree ("end_period") WHERE state <> 'ended';--> statement-breakpoint
CREATE INDEX "agreements_of_node" ON "agreements" USING btree ("node_no","end_period");--> statement-breakpoint
CREATE INDEX "agreements_of_vault" ON "agreements" USING btree ("client_id","vault_id","end_period");--> statement-breakpoint
CREATE UNIQUE INDEX "ledger_accounts_of_client" ON "ledger_accounts" USING btree ("client_id") WHERE kind = 'available';--> statement-breakpoint
CREATE UNIQUE INDEX "ledger_accounts_of_node" ON "ledger_accounts" USING btree ("node_no","kind") WHERE kind IN ('earned', 'withheld', 'commission');--> statement-breakpoint
CREATE UNIQUE INDEX "ledger_accounts_of_mediator" ON "ledger_accounts" USING btree ("kind") WHERE client_id IS NULL AND available_no IS NULL AND node_no IS NULL;--> statement-breakpoint
CREATE INDEX "ledger_accounts_held_for" ON "ledger_accounts" USING btree ("available_no") WHERE available_no IS NOT NULL;--> statement-breakpoint
CREATE INDEX "ledger_entries_of_account" ON "ledger_entries" USING btree ("account_no","transfer_no") WHERE NOT is_settlement;--> statement-breakpoint
CREATE UNIQUE INDEX "ledger_transfers_one_per_period" ON "ledger_transfers" USING btree ("node_no","period") WHERE kind IN ('accrual', 'void');--> statement-breakpoint
CREATE UNIQUE INDEX "ledger_transfers_by_reference" ON "ledger_transfers" USING btree ("kind","reference") WHERE reference IS NOT NULL;--> statement-breakpoint
CREATE INDEX "upload_reserves_of_vault" ON "upload_reserves" USING btree ("client_id","vault_id") WHERE state <> 'settled';