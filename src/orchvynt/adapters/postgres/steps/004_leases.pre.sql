-- What of each account is committed to which process. An account is a budget's, of a subject, in the window from `start` to `end`: 0 and 0
-- for a lifetime, 0 and its length for one that rolls. `settled_…` is what was filed of the lease; `wanted_…` are instants of the
-- database's clock, 0 where nobody waits. `body` is what only the decisions read.
CREATE TABLE leases (
    budget         text COLLATE "C" NOT NULL,
    subject        text COLLATE "C" NOT NULL,
    "start"        bigint NOT NULL,
    "end"          bigint NOT NULL,
    process        text COLLATE "C" NOT NULL,
    settled_nanos  bigint NOT NULL,
    settled_tokens bigint NOT NULL,
    settled_output bigint NOT NULL,
    settled_calls  bigint NOT NULL,
    wanted_since   bigint NOT NULL,
    wanted_at      bigint NOT NULL,
    body           bytea NOT NULL
);
CREATE UNIQUE INDEX lease_places ON leases (budget, md5(subject), "start", "end", process);
CREATE INDEX leases_wanted ON leases (wanted_at) WHERE wanted_at > 0;
CREATE INDEX leases_of_process ON leases (process);

-- The highest threshold that was told of an account, in parts of 10,000.
CREATE TABLE told_shares (
    budget  text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    "start" bigint NOT NULL,
    "end"   bigint NOT NULL,
    share   bigint NOT NULL
);
CREATE UNIQUE INDEX told_share_places ON told_shares (budget, md5(subject), "start", "end");
