-- Rate limits that several processes share: what stands for each subject until `empty_at` (ns UTC), and how many of each process run.
-- `body` is what only the decisions read.
CREATE TABLE rate_levels (
    name     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    empty_at INTEGER NOT NULL,
    body     BLOB NOT NULL,
    PRIMARY KEY (name, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX rate_levels_empty ON rate_levels (empty_at);

CREATE TABLE rate_running (
    name    TEXT NOT NULL,
    subject TEXT NOT NULL,
    process TEXT NOT NULL,
    running INTEGER NOT NULL,
    PRIMARY KEY (name, subject, process)
) STRICT, WITHOUT ROWID;
CREATE INDEX rate_running_of ON rate_running (process);
