ALTER TABLE "upload_offers" ADD COLUMN "uncommitted_bytes" bigint;--> statement-breakpoint
ALTER TABLE "upload_offers" ADD COLUMN "lain_ms" bigint;--> statement-breakpoint
ALTER TABLE "upload_reserves" ADD COLUMN "discarded_at_ms" bigint;--> statement-breakpoint
CREATE INDEX "upload_reserves_to_settle" ON "upload_reserves" USING btree ("discarded_at_ms") WHERE state = 'closing' AND discarded_at_ms IS NOT NULL;--> statement-breakpoint
ALTER TABLE "upload_offers" ADD CONSTRAINT "upload_offers_answer" CHECK ((uncommitted_bytes IS NULL) = (lain_ms IS NULL) AND uncommitted_bytes >= 0 AND lain_ms >= 0);--> statement-breakpoint
ALTER TABLE "upload_reserves" ADD CONSTRAINT "upload_reserves_discarded" CHECK (discarded_at_ms IS NULL OR state <> 'open');