-- The audit as a chain: every entry holds the hash of the one before it. Entries are never changed; what may be forgotten (the salts of
-- hashes, and the words of a reason) stands apart. The head is anchored in a file beside the journal.
-- Entries of before stay in `audits` until the store has chained them (adapters.sqlite.auditing), which drops that table.
CREATE TABLE audit_entries (
    number   INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    who      TEXT NOT NULL,
    what     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    details  TEXT NOT NULL,
    digests  TEXT NOT NULL,
    salted   TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash     TEXT NOT NULL
) STRICT;
CREATE INDEX audit_entries_by_subject ON audit_entries (subject, what);

CREATE TABLE audit_words (
    number       INTEGER PRIMARY KEY,
    salts        TEXT NOT NULL,
    why          TEXT NOT NULL,
    forgotten_by INTEGER NOT NULL
) STRICT;

-- Which gate matched which invocation, when: what coverage is counted of. Filled from the records by `auditing.fill`.
CREATE TABLE gate_matches (
    gate TEXT NOT NULL,
    at   INTEGER NOT NULL,
    inv  TEXT NOT NULL,
    PRIMARY KEY (gate, at, inv)
) STRICT, WITHOUT ROWID;

-- Decided reviews whose parked state is still in their record, and from when on nobody needs it. Filled, too.
CREATE TABLE review_states (
    review TEXT NOT NULL PRIMARY KEY,
    inv    TEXT NOT NULL,
    due_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX review_states_by_due ON review_states (due_at);

CREATE TABLE legal_holds (
    hold        TEXT NOT NULL PRIMARY KEY,
    at          INTEGER NOT NULL,
    by          TEXT NOT NULL,
    ticket      TEXT NOT NULL,
    "where"     TEXT NOT NULL,
    released_at INTEGER NOT NULL,
    released_by TEXT NOT NULL,
    release_why TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What was reviewed, sealed with a key that is not here. It is kept apart from records, and for its own time.
CREATE TABLE evidence (
    review TEXT NOT NULL PRIMARY KEY,
    inv    TEXT NOT NULL,
    at     INTEGER NOT NULL,
    until  INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    nonce  BLOB NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
CREATE INDEX evidence_by_until ON evidence (until);
CREATE INDEX evidence_by_inv ON evidence (inv);
