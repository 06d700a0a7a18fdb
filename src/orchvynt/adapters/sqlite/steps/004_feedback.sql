-- What callers said of their answers, in the order in which it came: measured quality is made of the newest of it at a start.
CREATE TABLE feedback (
    number   INTEGER PRIMARY KEY,
    inv      TEXT NOT NULL UNIQUE,
    at       INTEGER NOT NULL,
    provider TEXT NOT NULL,
    model    TEXT NOT NULL,
    workload TEXT NOT NULL,
    score    REAL NOT NULL
) STRICT;
