CREATE TABLE "client_debts" (
	"client_id" "bytea" PRIMARY KEY NOT NULL,
	"owed_msat" bigint NOT NULL,
	"changed_at_ms" bigint NOT NULL,
	CONSTRAINT "client_debts_owed" CHECK (owed_msat >= 0)
);
--> statement-breakpoint
CREATE TABLE "deposit_addresses" (
	"key_no" integer NOT NULL,
	"address_index" integer NOT NULL,
	"address" text NOT NULL,
	"client_id" "bytea" NOT NULL,
	"made_at_ms" bigint NOT NULL,
	CONSTRAINT "deposit_addresses_key_no_address_index_pk" PRIMARY KEY("key_no","address_index"),
	CONSTRAINT "deposit_addresses_address_unique" UNIQUE("address"),
	CONSTRAINT "deposit_addresses_client_id_length" CHECK (octet_length("client_id") = 32),
	CONSTRAINT "deposit_addresses_index" CHECK (address_index >= 0)
);
--> statement-breakpoint
CREATE TABLE "deposit_keys" (
	"key_no" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "deposit_keys_key_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"descriptor" text NOT NULL,
	"next_index" integer DEFAULT 0 NOT NULL,
	"watched_to" integer DEFAULT -1 NOT NULL,
	"made_at_ms" bigint NOT NULL,
	CONSTRAINT "deposit_keys_descriptor_unique" UNIQUE("descriptor")
);
--> statement-breakpoint
CREATE TABLE "deposit_watch" (
	"is_only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"cursor" text,
	"tip_hash" text,
	"best_height" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "deposit_watch_is_only" CHECK (is_only)
);
--> statement-breakpoint
CREATE TABLE "deposits" (
	"deposit_no" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "deposits_deposit_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"txid" "bytea" NOT NULL,
	"vout" integer NOT NULL,
	"address" text NOT NULL,
	"client_id" "bytea",
	"sats" bigint NOT NULL,
	"state" text NOT NULL,
	"confirmations" integer NOT NULL,
	"block_hash" "bytea",
	"required_confirmations" integer NOT NULL,
	"credits" integer DEFAULT 0 NOT NULL,
	"seen_at_ms" bigint NOT NULL,
	"credited_at_ms" bigint,
	"changed_at_ms" bigint NOT NULL,
	CONSTRAINT "deposits_outpoint" UNIQUE("txid","vout"),
	CONSTRAINT "deposits_txid_length" CHECK (octet_length("txid") = 32),
	CONSTRAINT "deposits_vout" CHECK (vout >= 0),
	CONSTRAINT "deposits_sats" CHECK (sats >= 0),
	CONSTRAINT "deposits_state" CHECK (state IN ('seen', 'credited', 'reversed', 'gone')),
	CONSTRAINT "deposits_confirmations" CHECK (confirmations >= 0),
	CONSTRAINT "deposits_credits" CHECK (credits >= 0 AND (credits > 0 OR state NOT IN ('credited', 'reversed'))),
	CONSTRAINT "deposits_credited_to" CHECK (client_id IS NOT NULL OR credits = 0)
);
--> statement-breakpoint
ALTER TABLE "deposit_addresses" ADD CONSTRAINT "deposit_addresses_key_no_deposit_keys_key_no_fk" FOREIGN KEY ("key_no") REFERENCES "public"."deposit_keys"("key_no") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "deposit_addresses_of_client" ON "deposit_addresses" USING btree ("client_id");--> statement-breakpoint
CREATE INDEX "deposits_of_client" ON "deposits" USING btree ("client_id","deposit_no");--> statement-breakpoint
CREATE INDEX "deposits_of_address" ON "deposits" USING btree ("address");--> statement-breakpoint
CREATE INDEX "deposits_in_motion" ON "deposits" USING btree ("confirmations","state");