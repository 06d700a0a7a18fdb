-- What is open is that of the journal that did not come to its end, of which there is one at most.
INSERT INTO processes (process, journal, host, pid, version, began_at, seen_at, state)
SELECT
    process, substr(host, strpos(host, ':') + 1), split_part(host, ':', 1), 0, '', 0, 0, CASE whole WHEN 1 THEN 'gone' ELSE 'serving' END
FROM filed ORDER BY whole, process;
UPDATE holds SET process = (SELECT min(number) FROM processes) WHERE EXISTS (SELECT 1 FROM processes);
UPDATE invocations SET process = (SELECT min(number) FROM processes) WHERE outcome = '' AND EXISTS (SELECT 1 FROM processes);
ALTER TABLE filed DROP COLUMN host;
ALTER TABLE filed DROP COLUMN whole;
