-- Windows of different kinds may begin at the same instant: when a window ends tells them apart, and what is over is not read again.
-- -1: an older build did not say it. The key's columns stand first: `PRAGMA integrity_check` of SQLite 3.40 sees a NULL in every row otherwise.
CREATE TABLE spend_now (
    budget        TEXT NOT NULL,
    subject       TEXT NOT NULL,
    window        INTEGER NOT NULL,
    rolls_ns      INTEGER NOT NULL,
    ends_at       INTEGER NOT NULL,
    nanos         INTEGER NOT NULL,
    tokens        INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    invocations   INTEGER NOT NULL,
    touched_at    INTEGER NOT NULL,
    PRIMARY KEY (budget, subject, window, rolls_ns, ends_at)
) STRICT, WITHOUT ROWID;

INSERT INTO spend_now
SELECT budget, subject, window, rolls_ns, CASE window WHEN 0 THEN 0 ELSE -1 END, nanos, tokens, output_tokens, invocations, touched_at
FROM spend;

DROP TABLE spend;
ALTER TABLE spend_now RENAME TO spend;

-- The names that budgets had: what still comes in under one counts under the other, whatever the policy says of it later.
CREATE TABLE renamed (
    was  TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL
) STRICT, WITHOUT ROWID;
