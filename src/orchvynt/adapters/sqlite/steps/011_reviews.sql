-- Reviews as people decide them: how many must approve, who asked, the votes so far as JSON (empty: none), and who has claimed it until when.
ALTER TABLE reviews ADD COLUMN stage TEXT NOT NULL DEFAULT 'output';
ALTER TABLE reviews ADD COLUMN quorum INTEGER NOT NULL DEFAULT 1;
ALTER TABLE reviews ADD COLUMN not_requester INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reviews ADD COLUMN requester TEXT NOT NULL DEFAULT '';
ALTER TABLE reviews ADD COLUMN votes TEXT NOT NULL DEFAULT '';
ALTER TABLE reviews ADD COLUMN claimed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE reviews ADD COLUMN claimed_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reviews ADD COLUMN after_delivery INTEGER NOT NULL DEFAULT 0;
UPDATE reviews SET stage = 'budget' WHERE wanted <> '';
ALTER TABLE reviews ADD COLUMN escalations INTEGER NOT NULL DEFAULT 0;
