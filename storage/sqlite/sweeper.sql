-- Which sweep is under way, so that nobody removes bundles that it may not have read,
-- see retention.go.
ALTER TABLE retention ADD COLUMN sweeper INTEGER NOT NULL DEFAULT 0;  -- its epoch; 0: none is
ALTER TABLE retention ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;  -- when it was last heard of
