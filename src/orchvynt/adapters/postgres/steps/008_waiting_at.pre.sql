-- At which process a caller of an invocation in review waits, or got its answer; empty where none is left. Where that process is gone, its
-- caller was cut off.
ALTER TABLE departures ADD COLUMN process text NOT NULL DEFAULT '';
CREATE INDEX departures_waiting ON departures (process) WHERE process <> '';
