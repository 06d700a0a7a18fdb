-- What the callers of idempotency keys were told, until it expires. `scope` and `request` are digests; `headers` are JSON.
-- Bodies may be megabytes, so the table has row numbers: its trees of keys stay small.
CREATE TABLE kept_answers (
    scope        TEXT PRIMARY KEY,
    request      TEXT NOT NULL,
    inv          TEXT NOT NULL,
    at           INTEGER NOT NULL,
    until        INTEGER NOT NULL,
    status       INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    headers      TEXT NOT NULL,
    streamed     INTEGER NOT NULL,
    body         BLOB NOT NULL
) STRICT;
CREATE INDEX kept_answers_by_until ON kept_answers (until);
