-- What is settled also counts output and invocations; windows that roll are kept by their slices, beside those of the calendar.
-- `touched_at` is the last receipt: subjects without a window are forgotten when they were idle for long enough.
CREATE TABLE spend_now (
    budget        TEXT NOT NULL,
    subject       TEXT NOT NULL,
    window        INTEGER NOT NULL,
    rolls_ns      INTEGER NOT NULL,
    nanos         INTEGER NOT NULL,
    tokens        INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    invocations   INTEGER NOT NULL,
    touched_at    INTEGER NOT NULL,
    PRIMARY KEY (budget, subject, window, rolls_ns)
) STRICT, WITHOUT ROWID;

-- Of what was settled before this step the division is not known: its output counts as input, and no invocation was counted.
INSERT INTO spend_now
SELECT budget, subject, window, 0, nanos, tokens, 0, 0, CAST(strftime('%s', 'now') AS INTEGER) * 1000000000 FROM spend;

DROP TABLE spend;
ALTER TABLE spend_now RENAME TO spend;
