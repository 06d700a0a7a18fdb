-- At which process the caller of an invocation in review waits: where that is gone, its caller was cut off.
ALTER TABLE departures ADD COLUMN process TEXT NOT NULL DEFAULT '';
CREATE INDEX departures_waiting ON departures (process) WHERE left_at = 0;
