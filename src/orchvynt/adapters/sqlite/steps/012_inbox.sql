-- The inbox of reviewers: how a review was decided, its reminders (still to come, as JSON; and how many came), and an order to read it in.
ALTER TABLE reviews ADD COLUMN decision TEXT NOT NULL DEFAULT '';
ALTER TABLE reviews ADD COLUMN reminds TEXT NOT NULL DEFAULT '';
ALTER TABLE reviews ADD COLUMN reminded INTEGER NOT NULL DEFAULT 0;
UPDATE reviews
SET decision = CASE status WHEN 'approved' THEN 'approve' WHEN 'rejected' THEN 'reject' WHEN 'expired' THEN 'expire' ELSE '' END;
CREATE INDEX reviews_by_status ON reviews (status, opened_at, review);
CREATE INDEX reviews_by_opening ON reviews (opened_at, review);
