-- Fewer trees to write for each invocation: what a caller said of itself stands in the row of its list, and a receipt has one place, in
-- the order of settling, in which accounts read it. An attempt that is not settled yet waits apart.
ALTER TABLE invocations ADD COLUMN "key" TEXT NOT NULL DEFAULT '';
ALTER TABLE invocations ADD COLUMN session TEXT NOT NULL DEFAULT '';
ALTER TABLE invocations ADD COLUMN workload TEXT NOT NULL DEFAULT '';
ALTER TABLE invocations ADD COLUMN user TEXT NOT NULL DEFAULT '';
ALTER TABLE invocations ADD COLUMN context TEXT NOT NULL DEFAULT '';
UPDATE invocations SET
    "key" = claims."key", session = claims.session, workload = claims.workload, user = claims.user, context = claims.context
FROM claims WHERE claims.inv = invocations.inv;
DROP TABLE claims;

-- What earlier batches said of attempts that are not settled.
CREATE TABLE open_attempts (
    attempt        TEXT PRIMARY KEY,
    model          TEXT NOT NULL,
    provider       TEXT NOT NULL,
    upstream_model TEXT NOT NULL,
    response_id    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO open_attempts SELECT attempt, model, provider, upstream_model, response_id FROM receipts WHERE settled_at = 0;

CREATE TABLE receipts_now (
    settled_at           INTEGER NOT NULL,
    attempt              TEXT NOT NULL,
    inv                  TEXT NOT NULL,
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
    overrun              INTEGER NOT NULL,
    PRIMARY KEY (settled_at, attempt)
) STRICT, WITHOUT ROWID;
INSERT INTO receipts_now
SELECT
    settled_at, attempt, inv, model, provider, upstream_model, response_id, price_source, why, nanos, input_tokens, output_tokens,
    cached_input_tokens, reasoning_tokens, cache_written_tokens, estimated, overrun
FROM receipts WHERE settled_at > 0 ORDER BY settled_at, attempt;
DROP TABLE receipts;
ALTER TABLE receipts_now RENAME TO receipts;
