-- When the last caller of a parked invocation left (ns UTC; 0: it waits), and how long from then on the same request joins.
CREATE TABLE departures (
    inv TEXT PRIMARY KEY,
    claim_for_ns INTEGER NOT NULL,
    left_at INTEGER NOT NULL
) WITHOUT ROWID;
-- Older builds let a caller come back for a day, and did not file when it had left.
INSERT OR IGNORE INTO departures SELECT inv, 86400000000000, 0 FROM reviews;
