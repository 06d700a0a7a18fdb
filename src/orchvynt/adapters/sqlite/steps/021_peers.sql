-- What processes of one store keep there for one another.
CREATE TABLE served (
    process TEXT PRIMARY KEY,
    row     BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Questions of one to another. An answer waits until whoever asked takes it back.
CREATE TABLE questions (
    seq    INTEGER PRIMARY KEY,
    id     TEXT NOT NULL UNIQUE,
    asks   TEXT NOT NULL,
    by     TEXT NOT NULL,
    what   TEXT NOT NULL,
    body   BLOB NOT NULL,
    answer BLOB
) STRICT;
CREATE INDEX questions_waiting ON questions (asks, seq) WHERE answer IS NULL;

-- What one process does for all: until then (ns UTC; 0: until it is ended).
CREATE TABLE tenures (
    name    TEXT PRIMARY KEY,
    process TEXT NOT NULL,
    until   INTEGER NOT NULL,
    said    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tenures_of ON tenures (process);

-- Which process decides about each open review, and which invocations in review changed, in the order of the commits.
CREATE TABLE review_owners (
    review  TEXT PRIMARY KEY,
    process TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO review_owners SELECT review, '' FROM reviews WHERE status = 'open';
CREATE INDEX review_owners_of ON review_owners (process);
CREATE TABLE review_changes (
    number INTEGER PRIMARY KEY,
    inv    TEXT NOT NULL
) STRICT;

-- How often something changed: secrets; and the number of the newest change of a review.
CREATE TABLE revisions (
    name   TEXT PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
