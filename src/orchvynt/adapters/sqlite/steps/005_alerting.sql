-- What alerts have told and have still to deliver: one value, which only they read.
CREATE TABLE alerting (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    memory BLOB NOT NULL
) STRICT;
