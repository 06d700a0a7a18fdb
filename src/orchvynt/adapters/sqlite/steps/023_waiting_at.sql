-- At which process a caller of an invocation in review waits, or got its answer; empty where none is left. Where that process is gone, its
-- caller was cut off.
ALTER TABLE departures ADD COLUMN process TEXT NOT NULL DEFAULT '';
CREATE INDEX departures_waiting ON departures (process) WHERE process <> '';
-- The other processes read what changed of some invocations, among all.
CREATE INDEX reviews_by_inv ON reviews (inv);
