-- Several processes may serve from one store, each with a journal of its own. Where this store was in use, there was one, whose id is made
-- at the next start.
CREATE TABLE processes (
    number   INTEGER PRIMARY KEY,
    process  TEXT NOT NULL UNIQUE,
    journal  TEXT NOT NULL UNIQUE,
    host     TEXT NOT NULL,
    pid      INTEGER NOT NULL,
    version  TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    seen_at  INTEGER NOT NULL,
    state    TEXT NOT NULL
) STRICT;
INSERT INTO processes
SELECT 1, '', 'main', '', 0, '', 0, 0, 'serving' FROM filed
WHERE segment > 0 OR EXISTS (SELECT 1 FROM policies) OR EXISTS (SELECT 1 FROM frames);

CREATE TABLE filed_now (
    process       TEXT PRIMARY KEY,
    segment       INTEGER NOT NULL,
    "offset"      INTEGER NOT NULL,
    last_finished TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO filed_now SELECT '', segment, "offset", last_finished FROM filed WHERE EXISTS (SELECT 1 FROM processes);
DROP TABLE filed;
ALTER TABLE filed_now RENAME TO filed;

-- The number of the process that filed last of it: whoever takes that process over knows what it had open.
ALTER TABLE holds ADD COLUMN process INTEGER NOT NULL DEFAULT 1;
ALTER TABLE invocations ADD COLUMN process INTEGER NOT NULL DEFAULT 1;
