-- Several processes may serve from one store: who they are, and whose what is open is. Until now one did, whose journal has its row.
CREATE TABLE processes (
    number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    process  text COLLATE "C" NOT NULL UNIQUE,
    journal  text COLLATE "C" NOT NULL,
    host     text COLLATE "C" NOT NULL,
    pid      bigint NOT NULL,
    version  text COLLATE "C" NOT NULL,
    began_at bigint NOT NULL,
    seen_at  bigint NOT NULL,
    state    text COLLATE "C" NOT NULL
);
ALTER TABLE holds ADD COLUMN process bigint NOT NULL DEFAULT 0;
ALTER TABLE invocations ADD COLUMN process bigint NOT NULL DEFAULT 0;
