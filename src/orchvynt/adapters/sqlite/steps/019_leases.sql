-- Where several processes share a store: what of each account is committed to which of them. An account is a budget's, of a subject, in the
-- window from `start` to `end`: 0 and 0 for a lifetime, 0 and its length for one that rolls. `settled_…` is what was filed of the lease;
-- `wanted_…` are instants of the store's clock, 0 where nobody waits. `body` is what only the decisions read.
CREATE TABLE leases (
    budget         TEXT NOT NULL,
    subject        TEXT NOT NULL,
    "start"        INTEGER NOT NULL,
    "end"          INTEGER NOT NULL,
    process        TEXT NOT NULL,
    settled_nanos  INTEGER NOT NULL,
    settled_tokens INTEGER NOT NULL,
    settled_output INTEGER NOT NULL,
    settled_calls  INTEGER NOT NULL,
    wanted_since   INTEGER NOT NULL,
    wanted_at      INTEGER NOT NULL,
    body           BLOB NOT NULL,
    PRIMARY KEY (budget, subject, "start", "end", process)
) STRICT, WITHOUT ROWID;
CREATE INDEX leases_wanted ON leases (wanted_at) WHERE wanted_at > 0;
CREATE INDEX leases_of_process ON leases (process);

-- The highest threshold that was told of an account, in parts of 10,000.
CREATE TABLE told_shares (
    budget  TEXT NOT NULL,
    subject TEXT NOT NULL,
    "start" INTEGER NOT NULL,
    "end"   INTEGER NOT NULL,
    share   INTEGER NOT NULL,
    PRIMARY KEY (budget, subject, "start", "end")
) STRICT, WITHOUT ROWID;
