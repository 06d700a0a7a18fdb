-- Changes of the policy that wait, or waited, for people: the row as JSON without the policy's text, which stands beside it.
CREATE TABLE changes (
    change   TEXT PRIMARY KEY,
    at       INTEGER NOT NULL,
    open     INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    yaml     TEXT NOT NULL,
    row      BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX changes_by_at ON changes (open, at);
