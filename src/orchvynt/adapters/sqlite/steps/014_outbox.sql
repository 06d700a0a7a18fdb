-- What is to be told of reviews: filed with the fact, first for nobody (destination ''), then for each destination.
CREATE TABLE news (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    destination TEXT NOT NULL,
    fact BLOB NOT NULL
) STRICT;
CREATE INDEX news_unassigned ON news (seq) WHERE destination = '';

-- Messages on their way, in their order; those that are undeliverable wait for a person.
CREATE TABLE messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    destination TEXT NOT NULL,
    line TEXT NOT NULL,
    body BLOB NOT NULL,
    since INTEGER NOT NULL,
    answers TEXT NOT NULL,
    closes INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    status TEXT NOT NULL,
    why TEXT NOT NULL
) STRICT;
CREATE INDEX messages_status ON messages (status, seq);

-- Which message told a destination of a review that is open, so that the outcome finds its thread.
CREATE TABLE told (
    destination TEXT NOT NULL,
    review TEXT NOT NULL,
    message TEXT NOT NULL,
    alone INTEGER NOT NULL,
    PRIMARY KEY (destination, review)
) STRICT, WITHOUT ROWID;

-- Where a delivered message went, in the channel's own words.
CREATE TABLE whereabouts (
    message TEXT PRIMARY KEY,
    reference TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
