-- A version that was applied over a watched file is in force until this instant (ns UTC); 0: for good.
ALTER TABLE policies ADD COLUMN until INTEGER NOT NULL DEFAULT 0;
