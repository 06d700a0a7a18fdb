-- The audit: one chain for all processes. Who adds to it holds the one row of `audit_lock` until the end of the transaction; each process
-- anchors the head that it saw in a file beside its journal.
CREATE TABLE audit_lock (one bigint PRIMARY KEY CHECK (one = 1));
INSERT INTO audit_lock VALUES (1);

CREATE TABLE audit_entries (
    number   bigint PRIMARY KEY,
    at       bigint NOT NULL,
    who      text COLLATE "C" NOT NULL,
    what     text COLLATE "C" NOT NULL,
    subject  text COLLATE "C" NOT NULL,
    details  text COLLATE "C" NOT NULL,
    digests  text COLLATE "C" NOT NULL,
    salted   text COLLATE "C" NOT NULL,
    previous text COLLATE "C" NOT NULL,
    hash     text COLLATE "C" NOT NULL
);
CREATE INDEX audit_entries_by_subject ON audit_entries (subject, what);

CREATE TABLE audit_words (
    number       bigint PRIMARY KEY,
    salts        text COLLATE "C" NOT NULL,
    why          text COLLATE "C" NOT NULL,
    forgotten_by bigint NOT NULL
);

CREATE TABLE gate_matches (
    gate text COLLATE "C" NOT NULL,
    at   bigint NOT NULL,
    inv  text COLLATE "C" NOT NULL,
    PRIMARY KEY (gate, at, inv)
);

CREATE TABLE review_states (
    review text COLLATE "C" PRIMARY KEY,
    inv    text COLLATE "C" NOT NULL,
    due_at bigint NOT NULL
);
CREATE INDEX review_states_by_due ON review_states (due_at);

CREATE TABLE legal_holds (
    hold        text COLLATE "C" PRIMARY KEY,
    at          bigint NOT NULL,
    by          text COLLATE "C" NOT NULL,
    ticket      text COLLATE "C" NOT NULL,
    "where"     text COLLATE "C" NOT NULL,
    released_at bigint NOT NULL,
    released_by text COLLATE "C" NOT NULL,
    release_why text COLLATE "C" NOT NULL
);

CREATE TABLE evidence (
    review text COLLATE "C" PRIMARY KEY,
    inv    text COLLATE "C" NOT NULL,
    at     bigint NOT NULL,
    until  bigint NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    nonce  bytea NOT NULL,
    sealed bytea NOT NULL
);
CREATE INDEX evidence_by_until ON evidence (until);
CREATE INDEX evidence_by_inv ON evidence (inv);
