-- What every attempt cost, and whose it was: statements, spend by whatever callers say, and reconciling with invoices are made of it.
-- A row begins when its attempt is sent and is a receipt once it is settled; `settled_at` is 0 until then.
CREATE TABLE receipts (
    attempt              TEXT PRIMARY KEY,
    inv                  TEXT NOT NULL,
    settled_at           INTEGER NOT NULL,
    model                TEXT NOT NULL,
    provider             TEXT NOT NULL,
    upstream_model       TEXT NOT NULL,
    response_id          TEXT NOT NULL,
    price_source         TEXT NOT NULL,
    why                  TEXT NOT NULL,
    nanos                INTEGER NOT NULL,
    input_tokens         INTEGER NOT NULL,
    output_tokens        INTEGER NOT NULL,
    cached_input_tokens  INTEGER NOT NULL,
    reasoning_tokens     INTEGER NOT NULL,
    cache_written_tokens INTEGER NOT NULL,
    estimated            INTEGER NOT NULL,
    overrun              INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX receipts_by_settled_at ON receipts (settled_at) WHERE settled_at > 0;

-- What callers said of themselves, for receipts that come hours later and in another life of the process. `context` is JSON.
CREATE TABLE claims (
    inv      TEXT PRIMARY KEY,
    "key"    TEXT NOT NULL,
    key_id   TEXT NOT NULL,
    workflow TEXT NOT NULL,
    agent    TEXT NOT NULL,
    run      TEXT NOT NULL,
    session  TEXT NOT NULL,
    workload TEXT NOT NULL,
    user     TEXT NOT NULL,
    context  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What was settled before this step is in the records: their facts are read once more, so that no statement begins with a gap.
-- A row of frames is one JSON list of facts a line.
CREATE TEMP TABLE facts_before AS
SELECT frames.seq, lists.key AS list, facts.key AS place, facts.value ->> '$.fact' AS kind, facts.value AS fact
FROM frames
JOIN json_each('[' || replace(CAST(frames.body AS TEXT), char(10), ',') || ']') AS lists
JOIN json_each(lists.value) AS facts
WHERE facts.value ->> '$.fact' IN ('invocation_received', 'attempt_sent', 'attempt_ended', 'attempt_settled');

INSERT OR IGNORE INTO claims
SELECT
    fact ->> '$.inv',
    coalesce(fact ->> '$.key', ''),
    coalesce(fact ->> '$.key_id', ''),
    coalesce(fact ->> '$.claims.workflow', ''),
    coalesce(fact ->> '$.claims.agent', ''),
    coalesce(fact ->> '$.claims.run', ''),
    coalesce(fact ->> '$.claims.session', ''),
    coalesce(fact ->> '$.claims.workload', ''),
    coalesce(fact ->> '$.claims.user', ''),
    coalesce(fact -> '$.claims.context', '')
FROM facts_before WHERE kind = 'invocation_received';

INSERT OR IGNORE INTO receipts
SELECT
    fact ->> '$.attempt', fact ->> '$.inv', 0, fact ->> '$.model', fact ->> '$.provider', fact ->> '$.upstream_model', '', '', '',
    0, 0, 0, 0, 0, 0, 0, 0
FROM facts_before WHERE kind = 'attempt_sent' ORDER BY 1;

INSERT INTO receipts
SELECT fact ->> '$.attempt', fact ->> '$.inv', 0, '', '', '', fact ->> '$.response_id', '', '', 0, 0, 0, 0, 0, 0, 0, 0
FROM facts_before WHERE kind = 'attempt_ended' AND fact ->> '$.response_id' <> ''
ON CONFLICT (attempt) DO UPDATE SET response_id = excluded.response_id;

-- Figures beyond 64 bits, which JSON reads as floats, are the largest, as they are in `spend`; of tokens, 2^40.
INSERT INTO receipts
SELECT
    fact ->> '$.attempt', fact ->> '$.inv', fact ->> '$.at', '', '', '', '', fact ->> '$.price_source', coalesce(fact ->> '$.why', ''),
    CASE typeof(fact ->> '$.nanos') WHEN 'integer' THEN fact ->> '$.nanos' ELSE 9223372036854775807 END,
    CAST(min(coalesce(fact ->> '$.usage.input_tokens', 0), 1099511627776) AS INTEGER),
    CAST(min(coalesce(fact ->> '$.usage.output_tokens', 0), 1099511627776) AS INTEGER),
    CAST(min(coalesce(fact ->> '$.usage.cached_input_tokens', 0), 1099511627776) AS INTEGER),
    CAST(min(coalesce(fact ->> '$.usage.reasoning_tokens', 0), 1099511627776) AS INTEGER),
    CAST(min(coalesce(fact ->> '$.usage.cache_written_tokens', 0), 1099511627776) AS INTEGER),
    coalesce(fact ->> '$.usage.estimated', 0),
    coalesce(fact ->> '$.overrun', 0)
FROM facts_before WHERE kind = 'attempt_settled' ORDER BY seq, list, place
ON CONFLICT (attempt) DO UPDATE SET
    settled_at = excluded.settled_at, price_source = excluded.price_source, why = excluded.why, nanos = excluded.nanos,
    input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, cached_input_tokens = excluded.cached_input_tokens,
    reasoning_tokens = excluded.reasoning_tokens, cache_written_tokens = excluded.cache_written_tokens,
    estimated = excluded.estimated, overrun = excluded.overrun;

DROP TABLE facts_before;
