-- The first schema. Applied steps are never edited; a change is a further numbered step: `pre` while older builds still run on the same
-- database, `post` once none does. Tables and columns are those of SQLite's steps, which say what they are for; texts sort by their bytes.

-- One row per journal: how far it is filed, in the same transaction as what was filed. `host` says whose it is; `whole` is 1 once all of
-- it was filed and its process has ended.
CREATE TABLE filed (
    process       text COLLATE "C" PRIMARY KEY,
    host          text NOT NULL,
    segment       bigint NOT NULL,
    "offset"      bigint NOT NULL,
    last_finished text COLLATE "C" NOT NULL,
    whole         bigint NOT NULL
);

-- Each batch of records takes a block of numbers (`filing.BLOCK`), so that processes never give the same one.
CREATE SEQUENCE records_numbered AS bigint INCREMENT BY 4096;

CREATE TABLE frames (
    seq  bigint PRIMARY KEY,
    inv  text COLLATE "C" NOT NULL,
    body bytea NOT NULL
);
CREATE INDEX frames_by_inv ON frames (inv, seq);

CREATE TABLE lookups (
    reference text COLLATE "C" NOT NULL,
    seq       bigint NOT NULL,
    PRIMARY KEY (reference, seq)
);

CREATE TABLE invocations (
    inv             text COLLATE "C" PRIMARY KEY,
    at              bigint NOT NULL,
    endpoint        text COLLATE "C" NOT NULL,
    key_id          text COLLATE "C" NOT NULL,
    workflow        text COLLATE "C" NOT NULL,
    agent           text COLLATE "C" NOT NULL,
    run             text COLLATE "C" NOT NULL,
    requested_model text COLLATE "C" NOT NULL,
    model           text COLLATE "C" NOT NULL,
    provider        text COLLATE "C" NOT NULL,
    rule            text COLLATE "C" NOT NULL,
    tier            bigint NOT NULL,
    outcome         text COLLATE "C" NOT NULL,
    nanos           bigint NOT NULL,
    duration_ns     bigint NOT NULL,
    "key"           text COLLATE "C" NOT NULL,
    session         text COLLATE "C" NOT NULL,
    workload        text COLLATE "C" NOT NULL,
    "user"          text COLLATE "C" NOT NULL,
    context         text COLLATE "C" NOT NULL
);
CREATE INDEX invocations_unfinished ON invocations (inv) WHERE outcome = '';

-- A subject may be longer than an index takes.
CREATE TABLE spend (
    budget        text COLLATE "C" NOT NULL,
    subject       text COLLATE "C" NOT NULL,
    "window"      bigint NOT NULL,
    rolls_ns      bigint NOT NULL,
    ends_at       bigint NOT NULL,
    nanos         bigint NOT NULL,
    tokens        bigint NOT NULL,
    output_tokens bigint NOT NULL,
    invocations   bigint NOT NULL,
    touched_at    bigint NOT NULL
);
CREATE UNIQUE INDEX spend_places ON spend (budget, md5(subject), "window", rolls_ns, ends_at);

CREATE TABLE renamed (
    was  text COLLATE "C" PRIMARY KEY,
    name text COLLATE "C" NOT NULL
);

CREATE TABLE holds (
    attempt text COLLATE "C" PRIMARY KEY,
    placed  bytea NOT NULL,
    sent_at bigint NOT NULL
);

CREATE TABLE reviews (
    review         text COLLATE "C" PRIMARY KEY,
    inv            text COLLATE "C" NOT NULL,
    gate           text COLLATE "C" NOT NULL,
    status         text COLLATE "C" NOT NULL,
    opened_at      bigint NOT NULL,
    decided_at     bigint NOT NULL,
    by             text COLLATE "C" NOT NULL,
    reason         text COLLATE "C" NOT NULL,
    reviewers      text COLLATE "C" NOT NULL,
    require_reason bigint NOT NULL,
    key_id         text COLLATE "C" NOT NULL,
    join_key       text COLLATE "C" NOT NULL,
    escalates_at   bigint NOT NULL,
    escalation     text COLLATE "C" NOT NULL,
    wanted         text COLLATE "C" NOT NULL,
    granted        bigint NOT NULL,
    stage          text COLLATE "C" NOT NULL,
    quorum         bigint NOT NULL,
    not_requester  bigint NOT NULL,
    requester      text COLLATE "C" NOT NULL,
    votes          text COLLATE "C" NOT NULL,
    claimed_by     text COLLATE "C" NOT NULL,
    claimed_until  bigint NOT NULL,
    after_delivery bigint NOT NULL,
    escalations    bigint NOT NULL,
    decision       text COLLATE "C" NOT NULL,
    reminds        text COLLATE "C" NOT NULL,
    reminded       bigint NOT NULL
);
CREATE INDEX reviews_by_inv ON reviews (inv);
CREATE INDEX reviews_by_status ON reviews (status, opened_at, review);
CREATE INDEX reviews_by_opening ON reviews (opened_at, review);

CREATE TABLE departures (
    inv          text COLLATE "C" PRIMARY KEY,
    claim_for_ns bigint NOT NULL,
    left_at      bigint NOT NULL
);

CREATE TABLE policies (
    version    bigint PRIMARY KEY,
    digest     text COLLATE "C" NOT NULL,
    yaml       text COLLATE "C" NOT NULL,
    message    text COLLATE "C" NOT NULL,
    author     text COLLATE "C" NOT NULL,
    applied_at bigint NOT NULL,
    git_commit text COLLATE "C" NOT NULL,
    until      bigint NOT NULL
);

CREATE TABLE changes (
    change   text COLLATE "C" PRIMARY KEY,
    at       bigint NOT NULL,
    open     bigint NOT NULL,
    revision bigint NOT NULL,
    yaml     text COLLATE "C" NOT NULL,
    row      bytea NOT NULL
);
CREATE INDEX changes_by_at ON changes (open, at);

CREATE TABLE tokens (
    name       text COLLATE "C" PRIMARY KEY,
    role       text COLLATE "C" NOT NULL,
    sha256     text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    created_by text COLLATE "C" NOT NULL
);

CREATE TABLE keys (
    id         text COLLATE "C" PRIMARY KEY,
    name       text COLLATE "C" NOT NULL,
    sha256     text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    expires_at bigint NOT NULL,
    used_at    bigint NOT NULL
);

CREATE TABLE people (
    email      text COLLATE "C" PRIMARY KEY,
    name       text COLLATE "C" NOT NULL,
    role       text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    disabled   bigint NOT NULL,
    password   text COLLATE "C" NOT NULL,
    login_at   bigint NOT NULL,
    provider   text COLLATE "C" NOT NULL,
    role_from  text COLLATE "C" NOT NULL,
    revision   bigint NOT NULL
);

CREATE TABLE sessions (
    sha256     text COLLATE "C" PRIMARY KEY,
    email      text COLLATE "C" NOT NULL,
    how        text COLLATE "C" NOT NULL,
    program    bigint NOT NULL,
    created_at bigint NOT NULL,
    used_at    bigint NOT NULL,
    ends_at    bigint NOT NULL,
    groups     text COLLATE "C" NOT NULL
);
CREATE INDEX sessions_of ON sessions (email, created_at);

CREATE TABLE feedback (
    number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    inv      text COLLATE "C" NOT NULL UNIQUE,
    at       bigint NOT NULL,
    provider text COLLATE "C" NOT NULL,
    model    text COLLATE "C" NOT NULL,
    workload text COLLATE "C" NOT NULL,
    score    double precision NOT NULL
);

CREATE TABLE alerting (
    one    bigint PRIMARY KEY CHECK (one = 1),
    memory bytea NOT NULL
);

CREATE TABLE kept_answers (
    scope        text COLLATE "C" PRIMARY KEY,
    request      text COLLATE "C" NOT NULL,
    inv          text COLLATE "C" NOT NULL,
    at           bigint NOT NULL,
    until        bigint NOT NULL,
    status       bigint NOT NULL,
    content_type text COLLATE "C" NOT NULL,
    headers      text COLLATE "C" NOT NULL,
    streamed     bigint NOT NULL,
    body         bytea NOT NULL
);
CREATE INDEX kept_answers_by_until ON kept_answers (until);
CREATE INDEX kept_answers_by_inv ON kept_answers (inv);

CREATE TABLE grants (
    "grant"  text COLLATE "C" PRIMARY KEY,
    inv      text COLLATE "C" NOT NULL,
    at       bigint NOT NULL,
    budget   text COLLATE "C" NOT NULL,
    subject  text COLLATE "C" NOT NULL,
    "window" bigint NOT NULL,
    rolls_ns bigint NOT NULL,
    until    bigint NOT NULL,
    nanos    bigint NOT NULL,
    tokens   bigint NOT NULL,
    by       text COLLATE "C" NOT NULL,
    reason   text COLLATE "C" NOT NULL,
    review   text COLLATE "C" NOT NULL
);
CREATE INDEX grants_by_at ON grants (at);

CREATE TABLE open_attempts (
    attempt        text COLLATE "C" PRIMARY KEY,
    model          text COLLATE "C" NOT NULL,
    provider       text COLLATE "C" NOT NULL,
    upstream_model text COLLATE "C" NOT NULL,
    response_id    text COLLATE "C" NOT NULL
);

CREATE TABLE receipts (
    settled_at           bigint NOT NULL,
    attempt              text COLLATE "C" NOT NULL,
    inv                  text COLLATE "C" NOT NULL,
    model                text COLLATE "C" NOT NULL,
    provider             text COLLATE "C" NOT NULL,
    upstream_model       text COLLATE "C" NOT NULL,
    response_id          text COLLATE "C" NOT NULL,
    price_source         text COLLATE "C" NOT NULL,
    why                  text COLLATE "C" NOT NULL,
    nanos                bigint NOT NULL,
    input_tokens         bigint NOT NULL,
    output_tokens        bigint NOT NULL,
    cached_input_tokens  bigint NOT NULL,
    reasoning_tokens     bigint NOT NULL,
    cache_written_tokens bigint NOT NULL,
    estimated            bigint NOT NULL,
    overrun              bigint NOT NULL,
    PRIMARY KEY (settled_at, attempt)
);

CREATE TABLE news (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    destination text COLLATE "C" NOT NULL,
    fact        bytea NOT NULL
);
CREATE INDEX news_unassigned ON news (seq) WHERE destination = '';

CREATE TABLE messages (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          text COLLATE "C" NOT NULL UNIQUE,
    destination text COLLATE "C" NOT NULL,
    line        text COLLATE "C" NOT NULL,
    body        bytea NOT NULL,
    since       bigint NOT NULL,
    answers     text COLLATE "C" NOT NULL,
    closes      bigint NOT NULL,
    failures    bigint NOT NULL,
    status      text COLLATE "C" NOT NULL,
    why         text COLLATE "C" NOT NULL
);
CREATE INDEX messages_status ON messages (status, seq);

CREATE TABLE told (
    destination text COLLATE "C" NOT NULL,
    review      text COLLATE "C" NOT NULL,
    message     text COLLATE "C" NOT NULL,
    alone       bigint NOT NULL,
    PRIMARY KEY (destination, review)
);

CREATE TABLE whereabouts (
    message   text COLLATE "C" PRIMARY KEY,
    reference text COLLATE "C" NOT NULL,
    at        bigint NOT NULL
);
