-- The first schema. Applied steps are never edited; a change is a further numbered file.
-- Pages of 8 KiB are set before this step: records are about 1 KiB, and fewer pages are checksummed, written and checkpointed.

-- How far the journal is filed, in the same transaction as what was filed: this is what makes filing exactly once.
CREATE TABLE filed (
    only_row      INTEGER PRIMARY KEY CHECK (only_row = 1),
    segment       INTEGER NOT NULL,
    offset        INTEGER NOT NULL,
    last_finished TEXT NOT NULL
) STRICT;
INSERT INTO filed VALUES (1, 0, 0, '');

-- Facts as the journal encoded them. One row per invocation and batch; payloads of one row are joined by line breaks.
CREATE TABLE frames (
    seq  INTEGER PRIMARY KEY,
    inv  TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX frames_by_inv ON frames (inv);

-- What names an invocation. References are random text, and random inserts into one large tree dirty a page each; a bucket of
-- 1,024 records keeps the inserts on a few hot pages, and a search asks every bucket (measured: 61 against 15 µs an invocation).
CREATE TABLE lookups (
    bucket    INTEGER NOT NULL,
    reference TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    PRIMARY KEY (bucket, reference, seq)
) STRICT, WITHOUT ROWID;

-- One line of a list for each invocation. Ids sort by time, so the newest are at the end.
CREATE TABLE invocations (
    inv             TEXT PRIMARY KEY,
    at              INTEGER NOT NULL,
    endpoint        TEXT NOT NULL,
    key_id          TEXT NOT NULL,
    workflow        TEXT NOT NULL,
    agent           TEXT NOT NULL,
    run             TEXT NOT NULL,
    requested_model TEXT NOT NULL,
    model           TEXT NOT NULL,
    provider        TEXT NOT NULL,
    rule            TEXT NOT NULL,
    tier            INTEGER NOT NULL,
    outcome         TEXT NOT NULL,
    nanos           INTEGER NOT NULL,
    duration_ns     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX invocations_unfinished ON invocations (inv) WHERE outcome = '';

CREATE TABLE spend (
    budget  TEXT NOT NULL,
    subject TEXT NOT NULL,
    window  INTEGER NOT NULL,
    nanos   INTEGER NOT NULL,
    tokens  INTEGER NOT NULL,
    PRIMARY KEY (budget, subject, window)
) STRICT, WITHOUT ROWID;

-- Holds without receipt; `placed` is the HoldPlaced fact as JSON.
CREATE TABLE holds (
    attempt TEXT PRIMARY KEY,
    placed  BLOB NOT NULL,
    sent_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The parked state itself stays in the record's facts.
CREATE TABLE reviews (
    review         TEXT PRIMARY KEY,
    inv            TEXT NOT NULL,
    gate           TEXT NOT NULL,
    status         TEXT NOT NULL,
    opened_at      INTEGER NOT NULL,
    decided_at     INTEGER NOT NULL,
    by             TEXT NOT NULL,
    reason         TEXT NOT NULL,
    reviewers      TEXT NOT NULL,
    require_reason INTEGER NOT NULL,
    key_id         TEXT NOT NULL,
    join_key       TEXT NOT NULL,
    escalates_at   INTEGER NOT NULL,
    escalation     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reviews_open ON reviews (inv) WHERE status = 'open';

CREATE TABLE policies (
    version    INTEGER PRIMARY KEY,
    digest     TEXT NOT NULL,
    yaml       TEXT NOT NULL,
    message    TEXT NOT NULL,
    author     TEXT NOT NULL,
    applied_at INTEGER NOT NULL,
    git_commit TEXT NOT NULL
) STRICT;

CREATE TABLE tokens (
    name       TEXT PRIMARY KEY,
    role       TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audits (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    what    TEXT NOT NULL,
    why     TEXT NOT NULL,
    subject TEXT NOT NULL
) STRICT;
