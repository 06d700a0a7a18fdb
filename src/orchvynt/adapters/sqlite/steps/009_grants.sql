-- What people granted of budgets, on top of their limits: for the window that began at `window`, for one of the length `rolls_ns`, or for
-- a lifetime (both 0). `inv` and `review` are empty where an operator granted it unasked.
CREATE TABLE grants (
    "grant"  TEXT PRIMARY KEY,
    inv      TEXT NOT NULL,
    at       INTEGER NOT NULL,
    budget   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    window   INTEGER NOT NULL,
    rolls_ns INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    nanos    INTEGER NOT NULL,
    tokens   INTEGER NOT NULL,
    by       TEXT NOT NULL,
    reason   TEXT NOT NULL,
    review   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_at ON grants (at);

-- A review may ask for more of a budget: `wanted` is what is asked, as JSON (empty: it asks about an answer), `granted` what was given.
ALTER TABLE reviews ADD COLUMN wanted TEXT NOT NULL DEFAULT '';
ALTER TABLE reviews ADD COLUMN granted INTEGER NOT NULL DEFAULT 0;
