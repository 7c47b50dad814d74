ALTER TABLE "events" ADD COLUMN "once_key" text;--> statement-breakpoint
ALTER TABLE "events" ADD CONSTRAINT "events_once_key_unique" UNIQUE("once_key");