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

-- What was settled before is read from the records by `receipts.fill`, in the same transaction, so that no statement begins with a gap.
