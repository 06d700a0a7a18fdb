-- Rate limits that several processes share: what stands for each subject until `empty_at` (ns UTC), and how many of each process run.
-- `body` is what only the decisions read.
CREATE TABLE rate_levels (
    name     text COLLATE "C" NOT NULL,
    subject  text COLLATE "C" NOT NULL,
    empty_at bigint NOT NULL,
    body     bytea NOT NULL
);
CREATE UNIQUE INDEX rate_level_places ON rate_levels (name, md5(subject));
CREATE INDEX rate_levels_empty ON rate_levels (empty_at);

CREATE TABLE rate_running (
    name    text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    process text COLLATE "C" NOT NULL,
    running bigint NOT NULL
);
CREATE UNIQUE INDEX rate_running_places ON rate_running (name, md5(subject), process);
CREATE INDEX rate_running_of ON rate_running (process);
