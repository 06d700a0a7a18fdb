-- What processes of one store keep there for one another.
CREATE TABLE served (
    process text PRIMARY KEY,
    row     bytea NOT NULL
);

-- Questions of one to another. An answer waits until whoever asked takes it back.
CREATE TABLE questions (
    seq    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id     text NOT NULL UNIQUE,
    asks   text NOT NULL,
    by     text NOT NULL,
    what   text NOT NULL,
    body   bytea NOT NULL,
    answer bytea
);
CREATE INDEX questions_waiting ON questions (asks, seq) WHERE answer IS NULL;

-- What one process does for all: until then (ns UTC; 0: until it is ended).
CREATE TABLE tenures (
    name    text COLLATE "C" PRIMARY KEY,
    process text NOT NULL,
    until   bigint NOT NULL,
    said    text NOT NULL
);
CREATE INDEX tenures_of ON tenures (process);

-- Which process decides about each open review, and which invocations in review changed, in the order of the commits.
CREATE TABLE review_owners (
    review  text COLLATE "C" PRIMARY KEY,
    process text NOT NULL
);
INSERT INTO review_owners SELECT review, '' FROM reviews WHERE status = 'open';
CREATE INDEX review_owners_of ON review_owners (process);
CREATE TABLE review_changes (
    number bigint PRIMARY KEY,
    inv    text NOT NULL
);

-- How often something changed: secrets; and the number of the newest change of a review.
CREATE TABLE revisions (
    name   text PRIMARY KEY,
    number bigint NOT NULL
);
