-- Queries by name, those of SQLite's file in PostgreSQL's words. Where a call brings many rows, the statement runs for each of them.

-- name: filed
-- How far the journal of a process is filed. Nobody files it meanwhile.
SELECT segment, "offset" FROM filed WHERE process = $1 FOR UPDATE;

-- name: set_filed
-- Moves the filed position, and the last finished invocation if this batch finished one.
UPDATE filed SET segment = $1, "offset" = $2, last_finished = CASE $3 WHEN '' THEN last_finished ELSE $3 END WHERE process = $4;

-- name: next_seq
-- The first of a block of numbers for the records of one batch (`filing.BLOCK`).
SELECT nextval('records_numbered');

-- name: add_frames
-- Appends records as the journal encoded them.
INSERT INTO frames (seq, inv, body) VALUES ($1, $2, $3);

-- name: add_lookups
-- Names of records; a reference may name the same record twice. The buckets are SQLite's: here a tree of random texts costs little.
INSERT INTO lookups (reference, seq) SELECT $2, $3 WHERE $1::bigint IS NOT NULL
ON CONFLICT DO NOTHING;

-- name: upsert_invocations
-- List rows; what is blank in a new row stays as it was (projection.merge_invocation says the same).
INSERT INTO invocations (
    inv, at, endpoint, key_id, workflow, agent, run, requested_model, model, provider, rule, tier, outcome, nanos, duration_ns, "key",
    session, workload, "user", context, process
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
ON CONFLICT (inv) DO UPDATE SET
    at = CASE excluded.at WHEN 0 THEN invocations.at ELSE excluded.at END,
    endpoint = CASE excluded.endpoint WHEN '' THEN invocations.endpoint ELSE excluded.endpoint END,
    key_id = CASE excluded.key_id WHEN '' THEN invocations.key_id ELSE excluded.key_id END,
    workflow = CASE excluded.workflow WHEN '' THEN invocations.workflow ELSE excluded.workflow END,
    agent = CASE excluded.agent WHEN '' THEN invocations.agent ELSE excluded.agent END,
    run = CASE excluded.run WHEN '' THEN invocations.run ELSE excluded.run END,
    requested_model = CASE excluded.requested_model WHEN '' THEN invocations.requested_model ELSE excluded.requested_model END,
    tier = CASE excluded.model WHEN '' THEN invocations.tier ELSE excluded.tier END,
    model = CASE excluded.model WHEN '' THEN invocations.model ELSE excluded.model END,
    provider = CASE excluded.provider WHEN '' THEN invocations.provider ELSE excluded.provider END,
    rule = CASE excluded.rule WHEN '' THEN invocations.rule ELSE excluded.rule END,
    outcome = CASE excluded.outcome WHEN '' THEN invocations.outcome ELSE excluded.outcome END,
    nanos = CASE excluded.nanos WHEN 0 THEN invocations.nanos ELSE excluded.nanos END,
    duration_ns = CASE excluded.duration_ns WHEN 0 THEN invocations.duration_ns ELSE excluded.duration_ns END,
    "key" = CASE excluded.at WHEN 0 THEN invocations."key" ELSE excluded."key" END,
    session = CASE excluded.at WHEN 0 THEN invocations.session ELSE excluded.session END,
    workload = CASE excluded.at WHEN 0 THEN invocations.workload ELSE excluded.workload END,
    "user" = CASE excluded.at WHEN 0 THEN invocations."user" ELSE excluded.user END,
    context = CASE excluded.at WHEN 0 THEN invocations.context ELSE excluded.context END,
    process = excluded.process;

-- name: mark_parked
-- An invocation that has not finished is parked while one of its reviews is open.
UPDATE invocations
SET outcome = CASE WHEN EXISTS (SELECT 1 FROM reviews WHERE reviews.inv = $1 AND status = 'open') THEN 'parked' ELSE '' END
WHERE inv = $1 AND outcome IN ('', 'parked');

-- name: add_spend
-- Adds to what is settled; a sum beyond 64 bits stays at the largest figure instead of failing.
INSERT INTO spend (budget, subject, "window", rolls_ns, nanos, tokens, output_tokens, invocations, touched_at, ends_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (budget, md5(subject), "window", rolls_ns, ends_at) DO UPDATE SET
    nanos = least(spend.nanos::numeric + excluded.nanos, 9223372036854775807)::bigint,
    tokens = least(spend.tokens::numeric + excluded.tokens, 9223372036854775807)::bigint,
    output_tokens = least(spend.output_tokens::numeric + excluded.output_tokens, 9223372036854775807)::bigint,
    invocations = spend.invocations + excluded.invocations,
    touched_at = greatest(spend.touched_at, excluded.touched_at);

-- name: add_holds
-- Holds that are still open at the end of their batch.
INSERT INTO holds (attempt, placed, sent_at, process) VALUES ($1, $2, $3, $4)
ON CONFLICT (attempt) DO UPDATE SET placed = excluded.placed, sent_at = excluded.sent_at, process = excluded.process;

-- name: set_sent
-- The attempt of a hold of an earlier batch went out.
UPDATE holds SET sent_at = $1 WHERE attempt = $2;

-- name: release_holds
-- Holds of earlier batches that were settled or voided.
DELETE FROM holds WHERE attempt = $1;

-- name: put_review
-- A review as it stands after its newest fact.
INSERT INTO reviews VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28
) ON CONFLICT (review) DO UPDATE SET
    inv = excluded.inv, gate = excluded.gate, status = excluded.status, opened_at = excluded.opened_at, decided_at =
    excluded.decided_at, by = excluded.by, reason = excluded.reason, reviewers = excluded.reviewers, require_reason =
    excluded.require_reason, key_id = excluded.key_id, join_key = excluded.join_key, escalates_at = excluded.escalates_at, escalation =
    excluded.escalation, wanted = excluded.wanted, granted = excluded.granted, stage = excluded.stage, quorum = excluded.quorum,
    not_requester = excluded.not_requester, requester = excluded.requester, votes = excluded.votes, claimed_by = excluded.claimed_by,
    claimed_until = excluded.claimed_until, after_delivery = excluded.after_delivery, escalations = excluded.escalations, decision =
    excluded.decision, reminds = excluded.reminds, reminded = excluded.reminded;

-- name: departure
-- One, by its invocation.
SELECT inv, claim_for_ns, left_at, process FROM departures WHERE inv = $1;

-- name: put_departure
-- As it stands after the newest fact.
INSERT INTO departures (inv, claim_for_ns, left_at, process) VALUES ($1, $2, $3, $4)
ON CONFLICT (inv) DO UPDATE SET claim_for_ns = excluded.claim_for_ns, left_at = excluded.left_at, process = excluded.process;

-- name: add_feedback
-- Scores of answers. The first one of an invocation stands.
INSERT INTO feedback (inv, at, provider, model, workload, score) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING;

-- name: add_grants
-- What was granted of budgets. The first of an id stands.
INSERT INTO grants VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT DO NOTHING;

-- name: grants
-- All that was granted, oldest first.
SELECT * FROM grants ORDER BY at, "grant";

-- name: grant
-- One, by its id.
SELECT * FROM grants WHERE "grant" = $1;

-- name: keep_answer
-- What the callers of an idempotency key were told. A newer one takes the place of one that has expired.
INSERT INTO kept_answers (scope, request, inv, at, until, status, content_type, headers, streamed, body)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (scope) DO UPDATE SET
    request = excluded.request, inv = excluded.inv, at = excluded.at, until = excluded.until, status = excluded.status, content_type =
    excluded.content_type, headers = excluded.headers, streamed = excluded.streamed, body = excluded.body;

-- name: kept_answer
-- By the scope of an idempotency key.
SELECT scope, request, inv, at, until, status, content_type, headers, streamed, body FROM kept_answers WHERE scope = $1;

-- name: forget_answers
-- Those that have expired.
DELETE FROM kept_answers WHERE until <= $1;

-- name: frames_of
-- The record of one invocation, in the order of writing.
SELECT body FROM frames WHERE inv = $1 ORDER BY seq;

-- name: find_last
-- The invocation that finished last, in whichever process.
SELECT last_finished FROM filed WHERE last_finished <> '' ORDER BY last_finished DESC LIMIT 1;

-- name: find_inv
-- Whether there is such an invocation.
SELECT inv FROM frames WHERE inv = $1 LIMIT 1;

-- name: find_reference
-- Invocations that a reference names, newest first.
SELECT DISTINCT frames.inv FROM lookups JOIN frames ON frames.seq = lookups.seq WHERE reference = $1 ORDER BY frames.inv DESC LIMIT $2;

-- name: newest_invocations
-- A page of the list, newest first.
SELECT
    inv, at, endpoint, key_id, workflow, agent, run, requested_model, model, provider, rule, tier, outcome, nanos, duration_ns
FROM invocations ORDER BY inv DESC LIMIT $1;

-- name: older_invocations
-- A page of the list, from older than an id.
SELECT
    inv, at, endpoint, key_id, workflow, agent, run, requested_model, model, provider, rule, tier, outcome, nanos, duration_ns
FROM invocations WHERE inv < $2 ORDER BY inv DESC LIMIT $1;

-- name: newest_feedback
-- Scores, newest first.
SELECT inv, at, provider, model, workload, score FROM feedback ORDER BY number DESC LIMIT $1;

-- name: spend
-- What was settled in windows that are not over at $1; of those of older builds (-1), that began after $2.
SELECT budget, subject, "window", rolls_ns, nanos, tokens, output_tokens, invocations, touched_at, ends_at FROM spend
WHERE ends_at = 0 OR ends_at > $1 OR (ends_at = -1 AND "window" > $2);

-- name: forget_ended_spend
-- Windows that were over at $1; those of older builds (-1), that began before $2.
DELETE FROM spend WHERE (ends_at > 0 AND ends_at <= $1) OR (ends_at = -1 AND "window" <= $2);

-- name: forget_lifetime
-- A subject that was idle.
DELETE FROM spend WHERE budget = $1 AND subject = $2 AND "window" = $3 AND rolls_ns = 0 AND ends_at = 0;

-- name: spend_books
-- The names that something is settled under.
SELECT DISTINCT budget FROM spend;

-- name: spend_of
-- Everything that was settled under one name.
SELECT budget, subject, "window", rolls_ns, nanos, tokens, output_tokens, invocations, touched_at, ends_at FROM spend WHERE budget = $1;

-- name: remove_spend_of
-- What was settled under one name, which stands under another one now.
DELETE FROM spend WHERE budget = $1;

-- name: renamed
-- Names that budgets had, each with the one that has its spend now.
SELECT was, name FROM renamed ORDER BY was;

-- name: forget_renamed
-- Before they are written anew.
DELETE FROM renamed;

-- name: add_renamed
-- An old name, and the one that has its spend now.
INSERT INTO renamed (was, name) VALUES ($1, $2);

-- name: put_open_attempts
-- Attempts that are sent and not settled; what is blank in a new part stays as it was.
INSERT INTO open_attempts (attempt, model, provider, upstream_model, response_id) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (attempt) DO UPDATE SET
    model = CASE excluded.model WHEN '' THEN open_attempts.model ELSE excluded.model END,
    provider = CASE excluded.provider WHEN '' THEN open_attempts.provider ELSE excluded.provider END,
    upstream_model = CASE excluded.upstream_model WHEN '' THEN open_attempts.upstream_model ELSE excluded.upstream_model END,
    response_id = CASE excluded.response_id WHEN '' THEN open_attempts.response_id ELSE excluded.response_id END;

-- name: take_open_attempts
-- What earlier batches said of attempts that are settled now, or never will be. It takes all values at once.
DELETE FROM open_attempts WHERE attempt = ANY($1::text[]) RETURNING attempt, model, provider, upstream_model, response_id;

-- name: add_receipts
-- An attempt is settled once.
INSERT INTO receipts (
    attempt, inv, settled_at, model, provider, upstream_model, response_id, price_source, why, nanos, input_tokens, output_tokens,
    cached_input_tokens, reasoning_tokens, cache_written_tokens, estimated, overrun
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
ON CONFLICT (settled_at, attempt) DO UPDATE SET
    inv = excluded.inv, model = excluded.model, provider = excluded.provider, upstream_model = excluded.upstream_model, response_id =
    excluded.response_id, price_source = excluded.price_source, why = excluded.why, nanos = excluded.nanos, input_tokens =
    excluded.input_tokens, output_tokens = excluded.output_tokens, cached_input_tokens = excluded.cached_input_tokens, reasoning_tokens
    = excluded.reasoning_tokens, cache_written_tokens = excluded.cache_written_tokens, estimated = excluded.estimated, overrun =
    excluded.overrun;

-- name: receipts
-- Receipts of a time, each with its caller's claims, in the order of settling.
SELECT
    receipts.attempt, receipts.inv, receipts.settled_at, receipts.model, receipts.provider, receipts.upstream_model, receipts.response_id,
    receipts.price_source, receipts.why, receipts.nanos, receipts.input_tokens, receipts.output_tokens, receipts.cached_input_tokens,
    receipts.reasoning_tokens, receipts.cache_written_tokens, receipts.estimated, receipts.overrun, coalesce(claims."key", ''),
    coalesce(claims.key_id, ''), coalesce(claims.workflow, ''), coalesce(claims.agent, ''), coalesce(claims.run, ''),
    coalesce(claims.session, ''), coalesce(claims.workload, ''), coalesce(claims."user", ''), coalesce(claims.context, '')
FROM receipts
LEFT JOIN invocations AS claims ON claims.inv = receipts.inv
WHERE receipts.settled_at >= $1 AND receipts.settled_at < $2 AND (receipts.settled_at, receipts.attempt) > ($4, $5)
ORDER BY receipts.settled_at, receipts.attempt
LIMIT $3;

-- name: spent
-- Receipts of a time summed by {groups}, the costliest first; {claims} joins what callers said, where a group asks for it.
-- Nano-dollars are summed in two halves, so that no sum leaves 64 bits.
SELECT
    count(*), count(DISTINCT receipts.inv), sum(receipts.nanos >> 32)::bigint, sum(receipts.nanos & 4294967295)::bigint,
    sum(estimated)::bigint,
    sum(CASE estimated WHEN 1 THEN receipts.nanos >> 32 ELSE 0 END)::bigint,
    sum(CASE estimated WHEN 1 THEN receipts.nanos & 4294967295 ELSE 0 END)::bigint, sum(overrun)::bigint,
    sum(input_tokens)::bigint, sum(output_tokens)::bigint, sum(cached_input_tokens)::bigint,
    sum(reasoning_tokens)::bigint, sum(cache_written_tokens)::bigint {columns}
FROM receipts {claims}
WHERE settled_at >= :begin AND settled_at < :end
{groups}
ORDER BY sum(receipts.nanos) DESC
LIMIT :limit;

-- name: open_holds
-- Holds of a process without receipt, oldest first (ids sort by time).
SELECT placed, sent_at FROM holds WHERE process = (SELECT number FROM processes WHERE process = $1) ORDER BY attempt;

-- name: unfinished
-- Neither finished nor parked, of a process.
SELECT inv FROM invocations WHERE outcome = '' AND process = (SELECT number FROM processes WHERE process = $1) ORDER BY inv;

-- name: parked
-- Oldest first, those for which {which} holds.
SELECT
    reviews.review, reviews.inv, gate, status, opened_at, decided_at, by, key_id, join_key, escalates_at, escalations, after_delivery, claimed_by,
    claimed_until, votes, reminds, reminded, coalesce(claim_for_ns, :claim_for_ns), coalesce(left_at, 0), coalesce(departures.process, ''),
    coalesce(review_owners.process, ''), reviewers, require_reason, quorum, not_requester, requester, stage
FROM reviews LEFT JOIN departures ON departures.inv = reviews.inv LEFT JOIN review_owners ON review_owners.review = reviews.review
WHERE {which}
ORDER BY opened_at, reviews.review;

-- name: reviews_page
-- A page of the inbox: those that match {conditions}, by their opening.
SELECT * FROM reviews {conditions} ORDER BY opened_at {order}, review {order} LIMIT :limit;

-- name: review
-- One review.
SELECT * FROM reviews WHERE review = $1;

-- name: policies
-- The history, newest first. The texts, which are large, stay where they are.
SELECT version, digest, '', message, author, applied_at, git_commit, until FROM policies ORDER BY version DESC;

-- name: policy
-- One version, with its text.
SELECT version, digest, yaml, message, author, applied_at, git_commit, until FROM policies WHERE version = $1;

-- name: policy_version
-- The version in force, 0 if there is none.
SELECT coalesce(max(version), 0) FROM policies;

-- name: add_policy
-- The next version.
INSERT INTO policies (version, digest, yaml, message, author, applied_at, git_commit, until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: tokens
-- Admin tokens, by name.
SELECT name, role, sha256, created_at, created_by FROM tokens ORDER BY name;

-- name: add_token
-- Nothing is changed if the name is taken.
INSERT INTO tokens (name, role, sha256, created_at, created_by) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING;

-- name: remove_token
-- By name.
DELETE FROM tokens WHERE name = $1;

-- name: keys
-- Issued secrets, by name and age.
SELECT id, name, sha256, created_at, created_by, expires_at, used_at FROM keys ORDER BY name, created_at, id;

-- name: add_key
-- Nothing is changed if the id is taken.
INSERT INTO keys (id, name, sha256, created_at, created_by, expires_at, used_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING;

-- name: expire_other_keys
-- The other secrets of a name end at an instant, unless they end before.
UPDATE keys SET expires_at = $3 WHERE name = $1 AND id <> $2 AND (expires_at = 0 OR expires_at > $3);

-- name: remove_key
-- By id.
DELETE FROM keys WHERE id = $1;

-- name: use_key
-- When a secret was last used, to the later of two instants.
UPDATE keys SET used_at = greatest(used_at, $2) WHERE id = $1;

-- name: alerting
-- What was kept last.
SELECT memory FROM alerting WHERE one = 1;

-- name: keep_alerting
-- In place of what was kept before.
INSERT INTO alerting (one, memory) VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET memory = excluded.memory;

-- name: add_audit_entries
-- Append-only: a number is given once.
INSERT INTO audit_entries (number, at, who, what, subject, details, digests, salted, previous, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: add_audit_words
-- What stands apart from them, in place of what somebody left there.
INSERT INTO audit_words (number, salts, why, forgotten_by) VALUES ($1, $2, $3, $4)
ON CONFLICT (number) DO UPDATE SET salts = excluded.salts, why = excluded.why, forgotten_by = excluded.forgotten_by;

-- name: audit_newest
-- The end of the chain.
SELECT number, hash FROM audit_entries ORDER BY number DESC LIMIT 1;

-- name: has_audit
-- Whether something was noted of a subject.
SELECT 1 FROM audit_entries WHERE subject = $1 AND what = $2 LIMIT 1;

-- name: audits
-- Newest first, below $2 (0: all), of the subject $3, the person $4, and what begins with $5, where they are not empty.
SELECT entries.*, salts, why, forgotten_by FROM audit_entries AS entries LEFT JOIN audit_words ON audit_words.number = entries.number
WHERE ($2::bigint = 0 OR entries.number < $2) AND ($3 = '' OR subject = $3) AND ($4 = '' OR who = $4)
    AND ($5 = '' OR substr(what, 1, length($5)) = $5)
ORDER BY entries.number DESC LIMIT $1;

-- name: audits_of
-- The same of one subject, by its index.
SELECT entries.*, salts, why, forgotten_by FROM audit_entries AS entries LEFT JOIN audit_words ON audit_words.number = entries.number
WHERE subject = $3 AND ($2::bigint = 0 OR entries.number < $2) AND ($4 = '' OR who = $4) AND ($5 = '' OR substr(what, 1, length($5)) = $5)
ORDER BY entries.number DESC LIMIT $1;

-- name: audit_chain
-- Oldest first, behind $1.
SELECT entries.*, salts, why, forgotten_by FROM audit_entries AS entries LEFT JOIN audit_words ON audit_words.number = entries.number
WHERE entries.number > $1 ORDER BY entries.number LIMIT $2;

-- name: words_alone
-- Words that belong to no entry.
SELECT min(number) FROM audit_words WHERE NOT EXISTS (SELECT 1 FROM audit_entries WHERE audit_entries.number = audit_words.number);

-- name: add_matches
-- A gate that matched an invocation, or failed on it.
INSERT INTO gate_matches (gate, at, inv) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING;

-- name: matched
-- Invocations that a gate matched from $2 to before $3, oldest first.
SELECT inv FROM gate_matches WHERE gate = $1 AND at >= $2 AND at < $3 GROUP BY inv ORDER BY min(at), inv;

-- name: records
-- Records by id, those of $2 invocations behind $1.
SELECT frames.inv, body FROM frames
WHERE frames.inv > $1 AND frames.inv <= (SELECT max(inv) FROM (SELECT inv FROM invocations WHERE inv > $1 ORDER BY inv LIMIT $2) AS those)
ORDER BY frames.inv, seq;

-- name: put_states_due
-- When the state of a decided review may go.
INSERT INTO review_states (review, inv, due_at) VALUES ($1, $2, $3)
ON CONFLICT (review) DO UPDATE SET inv = excluded.inv, due_at = excluded.due_at;

-- name: states_due
-- Longest due first.
SELECT review, inv, due_at FROM review_states WHERE due_at <= $1 ORDER BY due_at, review LIMIT $2;

-- name: state_dropped
-- By review.
DELETE FROM review_states WHERE review = $1;

-- name: postpone_state
-- By review.
UPDATE review_states SET due_at = $2 WHERE review = $1;

-- name: numbered_frames_of
-- The rows of a record, to be written anew.
SELECT seq, body FROM frames WHERE inv = $1 ORDER BY seq;

-- name: rewrite_frame
-- A row of a record, without what was dropped.
UPDATE frames SET body = $2 WHERE seq = $1;

-- name: holds
-- Legal holds, oldest first.
SELECT hold, at, by, ticket, "where", released_at, released_by, release_why FROM legal_holds ORDER BY at, hold;

-- name: put_hold
-- A new one, or one that is released.
INSERT INTO legal_holds (hold, at, by, ticket, "where", released_at, released_by, release_why)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (hold) DO UPDATE SET at = excluded.at, by = excluded.by, ticket = excluded.ticket, "where" = excluded."where",
    released_at = excluded.released_at, released_by = excluded.released_by, release_why = excluded.release_why;

-- name: evidence
-- Of one review.
SELECT review, inv, at, until, key_id, nonce, sealed FROM evidence WHERE review = $1;

-- name: keep_evidence
-- The first of a review stands.
INSERT INTO evidence (review, inv, at, until, key_id, nonce, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING;

-- name: expired_evidence
-- By review, behind $3.
SELECT review, inv, at, until, key_id, nonce, sealed FROM evidence WHERE until <= $1 AND review > $3 ORDER BY review LIMIT $2;

-- name: drop_evidence
-- Of one review.
DELETE FROM evidence WHERE review = $1;

-- name: reviews_of
-- Of one invocation.
SELECT review FROM reviews WHERE inv = $1;

-- name: forget_review
-- What people wrote and what names the caller.
UPDATE reviews SET reason = '', requester = '', votes = '', wanted = '', join_key = '' WHERE review = $1;

-- name: forget_claims
-- What a caller said of a person.
UPDATE invocations SET session = '', "user" = '', context = '' WHERE inv = $1;

-- name: forget_kept_answer
-- An answer that was kept for an idempotency key.
DELETE FROM kept_answers WHERE inv = $1;

-- name: forget_evidence
-- Of one invocation.
DELETE FROM evidence WHERE inv = $1;

-- name: all_news
-- What is still to be told.
SELECT seq, fact FROM news;

-- name: rewrite_news
-- Without what was forgotten.
UPDATE news SET fact = $2 WHERE seq = $1;

-- name: all_messages
-- What waits, for a receiver or for a person.
SELECT seq, body FROM messages;

-- name: rewrite_message
-- Without what was forgotten.
UPDATE messages SET body = $2 WHERE seq = $1;

-- name: numbers_of
-- Entries of one subject whose words are there.
SELECT entries.number FROM audit_entries AS entries JOIN audit_words ON audit_words.number = entries.number
WHERE subject = $1 AND forgotten_by = 0 AND salts <> '{}';

-- name: forget_words
-- Salts and reason of an entry.
UPDATE audit_words SET salts = '{}', why = '', forgotten_by = $2 WHERE number = $1;

-- name: people
-- By address.
SELECT email, name, role, created_at, created_by, disabled, password, login_at, provider, role_from, revision FROM people ORDER BY email;

-- name: person
-- By address.
SELECT email, name, role, created_at, created_by, disabled, password, login_at, provider, role_from, revision FROM people WHERE email = $1;

-- name: add_person
-- Nothing is changed if the address is taken.
INSERT INTO people (email, name, role, created_at, created_by, disabled, password, login_at, provider, role_from, revision)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT DO NOTHING;

-- name: change_person
-- Nothing is changed if somebody else was first.
UPDATE people SET name = :name, role = :role, disabled = :disabled, password = :password, provider = :provider, role_from = :role_from,
revision = :revision WHERE email = :email AND revision = :revision - 1;

-- name: log_in
-- Nothing is changed if the person is another one by now.
UPDATE people SET login_at = $1 WHERE email = $2 AND revision = $3 AND disabled = 0;

-- name: session
-- One session, with the person as it is now.
SELECT p.email, p.name, p.role, p.created_at, p.created_by, p.disabled, p.password, p.login_at, p.provider, p.role_from, p.revision,
s.sha256, s.email, s.how, s.program, s.created_at, s.used_at, s.ends_at, s.groups
FROM sessions s JOIN people p ON p.email = s.email WHERE s.sha256 = $1;

-- name: add_session
-- A new one.
INSERT INTO sessions (sha256, email, how, program, created_at, used_at, ends_at, groups) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: end_oldest_sessions
-- All of a person but the newest.
DELETE FROM sessions WHERE email = $1 AND sha256 NOT IN (
    SELECT sha256 FROM sessions WHERE email = $1 ORDER BY created_at DESC, sha256 DESC LIMIT $2
);

-- name: use_session
-- When it was last used, to the later of two instants.
UPDATE sessions SET used_at = greatest(used_at, $2) WHERE sha256 = $1;

-- name: end_session
-- By the digest of its id.
DELETE FROM sessions WHERE sha256 = $1;

-- name: end_sessions
-- All of a person but one.
DELETE FROM sessions WHERE email = $1 AND sha256 <> $2;

-- name: forget_sessions
-- Those that are over.
DELETE FROM sessions WHERE ends_at < $1 OR used_at < $2;

-- name: add_news
-- What is to be told.
INSERT INTO news (destination, fact) VALUES ($1, $2);

-- name: news_unassigned
-- For nobody yet, the oldest first.
SELECT seq, destination, fact FROM news WHERE destination = '' AND seq > $1 ORDER BY seq LIMIT $2;

-- name: news_assigned
-- For destinations, the oldest first.
SELECT seq, destination, fact FROM news WHERE destination <> '' AND seq > $1 ORDER BY seq LIMIT $2;

-- name: remove_news
-- It was told, or nobody wants it.
DELETE FROM news WHERE seq = $1;

-- name: add_message
-- A message, once.
INSERT INTO messages (id, destination, line, body, since, answers, closes, failures, status, why)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT DO NOTHING;

-- name: messages
-- The oldest first, without their bodies.
SELECT id, destination, line, ''::bytea, since, answers, closes, failures, status, why FROM messages
WHERE status = $1 AND seq > coalesce((SELECT seq FROM messages WHERE id = $2), 0) ORDER BY seq LIMIT $3;

-- name: message
-- One message, whole.
SELECT id, destination, line, body, since, answers, closes, failures, status, why FROM messages WHERE id = $1;

-- name: undeliverable
-- How many wait for a person.
SELECT destination, count(*) FROM messages WHERE status = 'undeliverable' GROUP BY destination;

-- name: message_failed
-- It was not taken.
UPDATE messages SET failures = $2, why = $3, status = $4 WHERE id = $1;

-- name: message_again
-- It is sent once more.
UPDATE messages SET failures = 0, status = 'waiting', since = $2 WHERE id = $1;

-- name: remove_message
-- It was delivered.
DELETE FROM messages WHERE id = $1;

-- name: add_whereabouts
-- Where it went.
INSERT INTO whereabouts (message, reference, at) VALUES ($1, $2, $3)
ON CONFLICT (message) DO UPDATE SET reference = excluded.reference, at = excluded.at;

-- name: whereabouts
-- Where it went.
SELECT reference FROM whereabouts WHERE message = $1;

-- name: add_told
-- The first message that told of it counts.
INSERT INTO told (destination, review, message, alone) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING;

-- name: told
-- Which message told of it.
SELECT destination, review, message, alone FROM told WHERE destination = $1 AND review = $2;

-- name: remove_told
-- It was told how that ended.
DELETE FROM told WHERE destination = $1 AND review = $2;

-- name: forget_undeliverable
-- Nobody sent them again.
DELETE FROM messages WHERE status = 'undeliverable' AND since < $1;

-- name: forget_whereabouts
-- Nobody asks any more.
DELETE FROM whereabouts WHERE at < $1;

-- name: add_change
-- A change of the policy that waits.
INSERT INTO changes (change, at, open, revision, yaml, row) VALUES ($1, $2, $3, $4, $5, $6);

-- name: change
-- One change, with its text.
SELECT row, yaml FROM changes WHERE change = $1;

-- name: open_changes
-- Those that wait, oldest first, without their texts.
SELECT row FROM changes WHERE open = 1 ORDER BY at, change;

-- name: all_changes
-- Those that wait, and the newest that do not, oldest first, without their texts.
SELECT row FROM (
    SELECT at, change, row FROM changes WHERE open = 1
    UNION ALL
    SELECT at, change, row FROM (SELECT at, change, row FROM changes WHERE open = 0 ORDER BY at DESC, change DESC LIMIT 1000) AS decided
) AS found ORDER BY at, change;

-- name: put_change
-- What became of a change, unless somebody else was faster.
UPDATE changes SET open = $1, revision = $2, row = $3 WHERE change = $4 AND revision = $2 - 1;

-- name: asks_one_of
-- A condition of the inbox: one of {groups} is asked.
EXISTS (SELECT 1 FROM json_array_elements_text(reviewers::json) AS asked (name) WHERE asked.name IN ({groups}))

-- name: lock_chain
-- One process after another adds to the audit, until the end of its transaction.
SELECT one FROM audit_lock FOR UPDATE;

-- name: lock_account
-- Waits, then until the transaction ends: questions about one account are decided one after the other.
SELECT pg_advisory_xact_lock($1);

-- name: store_now
-- The store's clock, in ns UTC.
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000;

-- name: account
-- What is settled on one account (no process), and its leases: of one moment.
SELECT ''::text AS process, "window", ends_at, nanos, tokens, output_tokens, invocations, touched_at AS first, 0::bigint AS second, ''::bytea AS body
FROM spend
WHERE (budget = :budget OR budget IN (SELECT was FROM renamed WHERE name = :budget))
    AND md5(subject) = md5(:subject) AND subject = :subject AND rolls_ns = :rolls AND (
    (:rolls > 0 AND ends_at > :now)
    OR (:rolls = 0 AND (ends_at = :ends OR (ends_at = -1 AND :ends > 0)) AND (:ends = 0 OR "window" = :start))
)
UNION ALL
SELECT process, 0::bigint, 0::bigint, settled_nanos, settled_tokens, settled_output, settled_calls, wanted_since, wanted_at, body FROM leases
WHERE budget = :budget AND md5(subject) = md5(:subject) AND subject = :subject AND "start" = :start AND "end" = :until;

-- name: put_lease
-- What was filed of it stays as it is.
INSERT INTO leases (
    budget, subject, "start", "end", process, settled_nanos, settled_tokens, settled_output, settled_calls, wanted_since, wanted_at, body
) VALUES ($1, $2, $3, $4, $5, 0, 0, 0, 0, $6, $7, $8)
ON CONFLICT (budget, md5(subject), "start", "end", process) DO UPDATE SET
    wanted_since = excluded.wanted_since, wanted_at = excluded.wanted_at, body = excluded.body;

-- name: has_leases
-- Whether the process has any.
SELECT 1 FROM leases WHERE process = $1 LIMIT 1;

-- name: file_lease
-- Receipts of a process are filed, perhaps under the former name of their budget. A sum beyond 64 bits stays at the largest figure.
UPDATE leases SET
    settled_nanos = least(settled_nanos::numeric + $1::bigint, 9223372036854775807)::bigint,
    settled_tokens = least(settled_tokens::numeric + $2::bigint, 9223372036854775807)::bigint,
    settled_output = least(settled_output::numeric + $3::bigint, 9223372036854775807)::bigint,
    settled_calls = settled_calls + $4
WHERE budget = coalesce((SELECT name FROM renamed WHERE was = $5), $5)
    AND md5(subject) = md5($6) AND subject = $6 AND "start" = $7 AND "end" = $8 AND process = $9;

-- name: holders
-- Of the holds that are given back, those that another process placed, and whose.
SELECT holds.attempt, processes.process FROM holds JOIN processes ON processes.number = holds.process
WHERE holds.process <> :process AND holds.attempt IN (SELECT json_array_elements_text(:attempts::json));

-- name: end_lease
-- One, which holds nothing any more.
DELETE FROM leases WHERE budget = $1 AND md5(subject) = md5($2) AND subject = $2 AND "start" = $3 AND "end" = $4 AND process = $5;

-- name: end_leases
-- Those of a process that is gone.
DELETE FROM leases WHERE process = $1;

-- name: forget_ended_leases
-- Those of windows that were over at $1; one that rolls has no start.
DELETE FROM leases WHERE "start" > 0 AND "end" <= $1;

-- name: recalls
-- What others wait for, on accounts of which $1 has a lease, and for longer than $1 itself. Who did not ask for $2 ns waits no more.
SELECT other.budget, other.subject, other."start", other."end", other.body FROM leases AS other
JOIN leases AS mine
    ON mine.budget = other.budget AND md5(mine.subject) = md5(other.subject)
    AND mine.subject = other.subject AND mine."start" = other."start" AND mine."end" = other."end"
WHERE other.wanted_at > 0 AND other.wanted_at > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000 - $2
    AND other.process <> $1 AND mine.process = $1
    AND (
        mine.wanted_at <= (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000 - $2
        OR (other.wanted_since, other.process) < (mine.wanted_since, mine.process)
    );

-- name: leases
-- Of windows that are not over at $1, in the order of their accounts.
SELECT
    budget, subject, "start", "end", process, settled_nanos, settled_tokens, settled_output, settled_calls, wanted_since, wanted_at, body
FROM leases WHERE "start" = 0 OR "end" > $1 ORDER BY budget, subject, "start", "end", process;

-- name: lease_books
-- The names that something is leased under.
SELECT DISTINCT budget FROM leases;

-- name: leases_of
-- Those under one name.
SELECT
    subject, "start", "end", process, settled_nanos, settled_tokens, settled_output, settled_calls, wanted_since, wanted_at, body
FROM leases WHERE budget = $1;

-- name: remove_leases_of
-- Those under one name, which stand under another one now.
DELETE FROM leases WHERE budget = $1;

-- name: grants_of
-- What one subject was granted of one budget, oldest first.
SELECT * FROM grants WHERE budget = $1 AND md5(subject) = md5($2) AND subject = $2 ORDER BY at, "grant";

-- name: forget_lifetimes
-- A subject that was idle, whichever of its lives it is.
DELETE FROM spend WHERE budget = $1 AND md5(subject) = md5($2) AND subject = $2 AND rolls_ns = 0 AND ends_at = 0;

-- name: told_share
-- The highest threshold that was told of an account.
SELECT share FROM told_shares WHERE budget = $1 AND md5(subject) = md5($2) AND subject = $2 AND "start" = $3 AND "end" = $4;

-- name: tell_share
-- A higher one is told.
INSERT INTO told_shares (budget, subject, "start", "end", share) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (budget, md5(subject), "start", "end") DO UPDATE SET share = greatest(told_shares.share, excluded.share);

-- name: forget_told
-- Of a lifetime that begins anew.
DELETE FROM told_shares WHERE budget = $1 AND md5(subject) = md5($2) AND subject = $2 AND "end" = 0;

-- name: forget_ended_told
-- Of windows that were over at $1.
DELETE FROM told_shares WHERE "end" > 0 AND "end" <= $1;

-- name: processes
-- In the order in which they came, and for how long each was silent.
SELECT process, journal, host, pid, version, began_at, seen_at, state, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000 - seen_at FROM processes ORDER BY number;

-- name: process_number
-- Its short name in rows of others.
SELECT number FROM processes WHERE process = $1;

-- name: process_begins
-- A process with its journal, a new one or one that comes back.
INSERT INTO processes (process, journal, host, pid, version, began_at, seen_at, state)
VALUES ($1, $2, $3, $4, $5, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000, 'serving')
ON CONFLICT (process) DO UPDATE SET
    journal = excluded.journal, host = excluded.host, pid = excluded.pid, version = excluded.version, began_at = excluded.began_at,
    seen_at = excluded.seen_at, state = excluded.state;

-- name: process_seen
-- It is there, and in this state.
UPDATE processes SET seen_at = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000, state = $2 WHERE process = $1;

-- name: process_gone
-- Nothing is left of it.
UPDATE processes SET state = 'gone' WHERE process = $1;

-- name: add_filed
-- Of a journal that begins.
INSERT INTO filed (process, segment, "offset", last_finished) VALUES ($1, 0, 0, '') ON CONFLICT DO NOTHING;

-- name: journals_filed
-- How far each journal of a machine is filed.
SELECT journal, segment, "offset" FROM filed JOIN processes ON processes.process = filed.process WHERE host = $1;

-- name: pulse
-- What tells whether anything changed, and the store's clock.
SELECT
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000,
    (SELECT coalesce(max(version), 0) FROM policies),
    coalesce((SELECT number FROM revisions WHERE name = 'reviews'), 0),
    coalesce((SELECT number FROM revisions WHERE name = 'keys'), 0);

-- name: keys_changed
-- Secrets are not what they were.
INSERT INTO revisions VALUES ('keys', 1) ON CONFLICT (name) DO UPDATE SET number = revisions.number + 1;

-- name: put_served
-- What a process serves.
INSERT INTO served VALUES ($1, $2) ON CONFLICT (process) DO UPDATE SET row = excluded.row;

-- name: served
-- What all of them serve.
SELECT row FROM served ORDER BY process;

-- name: ask
-- A question of one process to another.
INSERT INTO questions (id, asks, by, what, body) VALUES ($1, $2, $3, $4, $5);

-- name: questions
-- Those that a process has not answered.
SELECT id, asks, by, what, body FROM questions WHERE asks = $1 AND answer IS NULL ORDER BY seq;

-- name: answer
-- The answer, unless it was taken back.
UPDATE questions SET answer = $1 WHERE id = $2 AND answer IS NULL;

-- name: answer_to
-- The answer, if there is one.
SELECT answer FROM questions WHERE id = $1 AND answer IS NOT NULL;

-- name: take_back
-- Nobody waits for it.
DELETE FROM questions WHERE id = $1;

-- name: take_tenure
-- It is free, or over, or this process has it.
INSERT INTO tenures (name, process, until, said)
VALUES (
    :name, :process,
    CASE :for_ns::bigint WHEN 0 THEN 0 ELSE (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000 + :for_ns::bigint END, :said
)
ON CONFLICT (name) DO UPDATE SET process = excluded.process, until = excluded.until, said = excluded.said
WHERE
    tenures.process = excluded.process
    OR (tenures.until > 0 AND tenures.until <= (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000);

-- name: tenure
-- Who has it.
SELECT name, process, said FROM tenures WHERE name = $1;

-- name: end_tenure
-- It is free, if it is still the one that was taken.
DELETE FROM tenures WHERE name = $1 AND process = $2 AND said = $3;

-- name: forget_served
-- Of a process that is gone.
DELETE FROM served WHERE process = $1;

-- name: forget_tenures
-- Of a process that is gone.
DELETE FROM tenures WHERE process = $1;

-- name: forget_questions
-- To or of a process that is gone.
DELETE FROM questions WHERE asks = $1 OR by = $1;

-- name: changed_reviews
-- Which invocations in review changed behind a number.
SELECT number, inv FROM review_changes WHERE number > $1 ORDER BY number LIMIT $2;

-- name: count_review_changes
-- Numbers for so many changes: the last one. Others that change something wait until this is committed.
WITH counted AS (
    INSERT INTO revisions VALUES ('reviews', $1::bigint) ON CONFLICT (name) DO UPDATE SET number = revisions.number + $1::bigint
    RETURNING number
) SELECT number FROM counted;

-- name: add_review_change
-- A change, under its number.
INSERT INTO review_changes (number, inv) VALUES ($1, $2);

-- name: drop_review_changes
-- The oldest: whoever did not look for so long reads all reviews.
DELETE FROM review_changes WHERE number <= $1;

-- name: own_review
-- The process that opened it decides about it.
INSERT INTO review_owners (review, process) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: disown_review
-- It is decided.
DELETE FROM review_owners WHERE review = $1;

-- name: review_owner
-- Who decides about it.
SELECT process FROM review_owners WHERE review = $1;

-- name: adopt_review
-- Somebody else decides about it, unless somebody was faster.
UPDATE review_owners SET process = $1 WHERE review = $2 AND process = $3;

-- name: orphaned_reviews
-- Open ones that none of the living decides about, their invocations, and who did.
SELECT review_owners.review, inv, process FROM review_owners JOIN reviews ON reviews.review = review_owners.review
WHERE process NOT IN (SELECT json_array_elements_text(:living::json)) AND process <> :process;

-- name: cut_off
-- Whoever waited at a process that is gone left then: for what is open, or was decided a moment before.
WITH cut AS (
    UPDATE departures SET left_at = :at, process = '' WHERE process = :process AND process <> ''
    AND EXISTS (SELECT 1 FROM reviews WHERE reviews.inv = departures.inv AND (status = 'open' OR decided_at > :since))
    RETURNING inv
) SELECT inv FROM cut;

-- name: parked_at_start
-- A condition of `parked`: those that are open, and those that a caller may still come back for.
status = 'open' OR :now - decided_at < :joinable_ns
OR :now - coalesce(nullif(left_at, 0), decided_at) < coalesce(claim_for_ns, :claim_for_ns)

-- name: parked_of
-- A condition of `parked`: those of some invocations.
reviews.inv IN (SELECT json_array_elements_text(:invocations::json))
-- name: move_columns
-- All tables with their columns.
SELECT table_name::text, column_name::text FROM information_schema.columns
JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1, 2;

-- name: move_first
-- Whether a table holds a row.
SELECT 1 FROM {table} LIMIT 1;

-- name: move_all
-- The rows of a table.
SELECT {columns} FROM {table};

-- name: move_row
-- One row, with its own number where the table numbers them.
INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({numbers});

-- name: move_last
-- What was finished last, in the store that it came from: nothing is filed here yet.
UPDATE filed SET last_finished = $1;

-- name: move_sequences
-- Tables number on behind what is there. Records are numbered in blocks (`filing.BLOCK`).
SELECT
    setval('records_numbered', (SELECT (coalesce(max(seq), 0) / 4096 + 1) * 4096 + 1 FROM frames), false),
    setval(pg_get_serial_sequence('feedback', 'number'), (SELECT coalesce(max(number), 0) + 1 FROM feedback), false),
    setval(pg_get_serial_sequence('news', 'seq'), (SELECT coalesce(max(seq), 0) + 1 FROM news), false),
    setval(pg_get_serial_sequence('messages', 'seq'), (SELECT coalesce(max(seq), 0) + 1 FROM messages), false);

-- name: rate
-- What stands for one subject of a rate limit, and how many of it run in other processes than $3 that were seen within $4 ns.
SELECT
    (SELECT body FROM rate_levels WHERE name = $1 AND md5(subject) = md5($2) AND subject = $2),
    (
        SELECT coalesce(sum(running), 0)::bigint FROM rate_running JOIN processes ON processes.process = rate_running.process
        WHERE name = $1 AND md5(subject) = md5($2) AND subject = $2 AND rate_running.process <> $3 AND state <> 'gone'
            AND seen_at > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000 - $4
    );

-- name: rates_of
-- All subjects of one rate limit, and how many run in processes that were seen within $2 ns.
SELECT
    subject, body, (
        SELECT coalesce(sum(running), 0)::bigint FROM rate_running JOIN processes ON processes.process = rate_running.process
        WHERE rate_running.name = rate_levels.name AND md5(rate_running.subject) = md5(rate_levels.subject)
            AND rate_running.subject = rate_levels.subject AND state <> 'gone' AND seen_at > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000 - $2
    )
FROM rate_levels WHERE name = $1 ORDER BY subject;

-- name: put_rate
-- What stands for one subject now.
INSERT INTO rate_levels (name, subject, empty_at, body) VALUES ($1, $2, $3, $4)
ON CONFLICT (name, md5(subject)) DO UPDATE SET empty_at = excluded.empty_at, body = excluded.body;

-- name: put_running
-- So many of one process run.
INSERT INTO rate_running (name, subject, process, running) VALUES ($1, $2, $3, $4)
ON CONFLICT (name, md5(subject), process) DO UPDATE SET running = excluded.running;

-- name: end_running
-- None of one process runs.
DELETE FROM rate_running WHERE name = $1 AND md5(subject) = md5($2) AND subject = $2 AND process = $3;

-- name: end_rates
-- Nothing runs in a process that is gone.
DELETE FROM rate_running WHERE process = $1;

-- name: forget_rates
-- At most $2 of those of which nothing is left at $1.
DELETE FROM rate_levels WHERE ctid IN (
    SELECT ctid FROM rate_levels WHERE empty_at <= $1 AND NOT EXISTS (
        SELECT 1 FROM rate_running WHERE rate_running.name = rate_levels.name AND md5(rate_running.subject) = md5(rate_levels.subject)
    ) LIMIT $2
);
