-- People by their address in lower case, and their sessions by the digest of an id. Of a password there is an argon2id hash, empty for none.
CREATE TABLE people (
    email      TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    disabled   INTEGER NOT NULL,
    password   TEXT NOT NULL,
    login_at   INTEGER NOT NULL,
    provider   TEXT NOT NULL,
    role_from  TEXT NOT NULL,
    revision   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    sha256     TEXT PRIMARY KEY,
    email      TEXT NOT NULL REFERENCES people (email),
    how        TEXT NOT NULL,
    program    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL,
    groups     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of ON sessions (email, created_at);
