-- Queries by name. {rows} stands for as many rows of question marks as a call brings; columns are in the order of their table.

-- name: filed
-- How far the journal of a process is filed.
SELECT segment, "offset" FROM filed WHERE process = ?1;

-- name: set_filed
-- Moves the filed position, and the last finished invocation if this batch finished one.
UPDATE filed SET segment = ?1, "offset" = ?2, last_finished = CASE ?3 WHEN '' THEN last_finished ELSE ?3 END WHERE process = ?4;

-- name: next_seq
-- The number of the next record.
SELECT coalesce(max(seq), 0) + 1 FROM frames;

-- name: add_frames
-- Appends records as the journal encoded them.
INSERT INTO frames (seq, inv, body) VALUES {rows};

-- name: add_lookups
-- Names of records; a reference may name the same record twice.
INSERT OR IGNORE INTO lookups (bucket, reference, seq) VALUES {rows};

-- name: upsert_invocations
-- List rows; what is blank in a new row stays as it was (projection.merge_invocation says the same).
INSERT INTO invocations (
    inv, at, endpoint, key_id, workflow, agent, run, requested_model, model, provider, rule, tier, outcome, nanos, duration_ns, "key",
    session, workload, user, context, process
) VALUES {rows}
ON CONFLICT (inv) DO UPDATE SET
    at = CASE excluded.at WHEN 0 THEN at ELSE excluded.at END,
    endpoint = CASE excluded.endpoint WHEN '' THEN endpoint ELSE excluded.endpoint END,
    key_id = CASE excluded.key_id WHEN '' THEN key_id ELSE excluded.key_id END,
    workflow = CASE excluded.workflow WHEN '' THEN workflow ELSE excluded.workflow END,
    agent = CASE excluded.agent WHEN '' THEN agent ELSE excluded.agent END,
    run = CASE excluded.run WHEN '' THEN run ELSE excluded.run END,
    requested_model = CASE excluded.requested_model WHEN '' THEN requested_model ELSE excluded.requested_model END,
    tier = CASE excluded.model WHEN '' THEN tier ELSE excluded.tier END,
    model = CASE excluded.model WHEN '' THEN model ELSE excluded.model END,
    provider = CASE excluded.provider WHEN '' THEN provider ELSE excluded.provider END,
    rule = CASE excluded.rule WHEN '' THEN rule ELSE excluded.rule END,
    outcome = CASE excluded.outcome WHEN '' THEN outcome ELSE excluded.outcome END,
    nanos = CASE excluded.nanos WHEN 0 THEN nanos ELSE excluded.nanos END,
    duration_ns = CASE excluded.duration_ns WHEN 0 THEN duration_ns ELSE excluded.duration_ns END,
    "key" = CASE excluded.at WHEN 0 THEN "key" ELSE excluded."key" END,
    session = CASE excluded.at WHEN 0 THEN session ELSE excluded.session END,
    workload = CASE excluded.at WHEN 0 THEN workload ELSE excluded.workload END,
    user = CASE excluded.at WHEN 0 THEN user ELSE excluded.user END,
    context = CASE excluded.at WHEN 0 THEN context ELSE excluded.context END,
    process = excluded.process;

-- name: mark_parked
-- An invocation that has not finished is parked while one of its reviews is open. The index is named: left to itself, SQLite goes through
-- all open reviews for each of them.
UPDATE invocations
SET outcome = CASE
    WHEN EXISTS (SELECT 1 FROM reviews INDEXED BY reviews_open WHERE reviews.inv = ?1 AND status = 'open') THEN 'parked' ELSE ''
END
WHERE inv = ?1 AND outcome IN ('', 'parked');

-- name: add_spend
-- Adds to what is settled; a sum beyond 64 bits stays at the largest figure instead of becoming a float.
INSERT INTO spend (budget, subject, window, rolls_ns, nanos, tokens, output_tokens, invocations, touched_at, ends_at) VALUES {rows}
ON CONFLICT (budget, subject, window, rolls_ns, ends_at) DO UPDATE SET
    nanos = CASE WHEN nanos > 9223372036854775807 - excluded.nanos THEN 9223372036854775807 ELSE nanos + excluded.nanos END,
    tokens = CASE WHEN tokens > 9223372036854775807 - excluded.tokens THEN 9223372036854775807 ELSE tokens + excluded.tokens END,
    output_tokens = CASE
        WHEN output_tokens > 9223372036854775807 - excluded.output_tokens THEN 9223372036854775807
        ELSE output_tokens + excluded.output_tokens
    END,
    invocations = invocations + excluded.invocations,
    touched_at = max(touched_at, excluded.touched_at);

-- name: add_holds
-- Holds that are still open at the end of their batch.
INSERT OR REPLACE INTO holds (attempt, placed, sent_at, process) VALUES {rows};

-- name: set_sent
-- The attempt of a hold of an earlier batch went out.
UPDATE holds SET sent_at = ?1 WHERE attempt = ?2;

-- name: release_holds
-- Holds of earlier batches that were settled or voided.
DELETE FROM holds WHERE attempt IN (VALUES {rows});

-- name: put_review
-- A review as it stands after its newest fact.
INSERT OR REPLACE INTO reviews VALUES {rows};

-- name: departure
-- One, by its invocation.
SELECT inv, claim_for_ns, left_at, process FROM departures WHERE inv = ?;

-- name: put_departure
-- As it stands after the newest fact.
INSERT OR REPLACE INTO departures (inv, claim_for_ns, left_at, process) VALUES {rows};

-- name: add_feedback
-- Scores of answers. The first one of an invocation stands.
INSERT OR IGNORE INTO feedback (inv, at, provider, model, workload, score) VALUES {rows};

-- name: add_grants
-- What was granted of budgets. The first of an id stands.
INSERT OR IGNORE INTO grants VALUES {rows};

-- name: grants
-- All that was granted, oldest first.
SELECT * FROM grants ORDER BY at, "grant";

-- name: grant
-- One, by its id.
SELECT * FROM grants WHERE "grant" = ?;

-- name: keep_answer
-- What the callers of an idempotency key were told. A newer one takes the place of one that has expired.
INSERT OR REPLACE INTO kept_answers (scope, request, inv, at, until, status, content_type, headers, streamed, body) VALUES {rows};

-- name: kept_answer
-- By the scope of an idempotency key.
SELECT scope, request, inv, at, until, status, content_type, headers, streamed, body FROM kept_answers WHERE scope = ?;

-- name: forget_answers
-- Those that have expired.
DELETE FROM kept_answers WHERE until <= ?;

-- name: frames_of
-- The record of one invocation, in the order of writing.
SELECT body FROM frames WHERE inv = ? ORDER BY seq;

-- name: all_frames
-- All records, in the order of writing.
SELECT inv, body FROM frames ORDER BY seq;

-- name: find_last
-- The invocation that finished last.
SELECT last_finished FROM filed WHERE last_finished <> '' ORDER BY last_finished DESC LIMIT 1;

-- name: find_inv
-- Whether there is such an invocation.
SELECT inv FROM frames WHERE inv = ? LIMIT 1;

-- name: find_reference
-- Invocations that a reference names, newest first: one probe per bucket.
WITH RECURSIVE buckets (bucket) AS (
    SELECT max(bucket) FROM lookups
    UNION ALL
    SELECT bucket - 1 FROM buckets WHERE bucket > (SELECT min(bucket) FROM lookups)
)
SELECT DISTINCT frames.inv
FROM buckets
CROSS JOIN lookups ON lookups.bucket = buckets.bucket AND lookups.reference = ?1
CROSS JOIN frames ON frames.seq = lookups.seq
ORDER BY frames.inv DESC
LIMIT ?2;

-- name: newest_invocations
-- A page of the list, newest first.
SELECT
    inv, at, endpoint, key_id, workflow, agent, run, requested_model, model, provider, rule, tier, outcome, nanos, duration_ns
FROM invocations ORDER BY inv DESC LIMIT ?1;

-- name: older_invocations
-- A page of the list, from older than an id.
SELECT
    inv, at, endpoint, key_id, workflow, agent, run, requested_model, model, provider, rule, tier, outcome, nanos, duration_ns
FROM invocations WHERE inv < ?2 ORDER BY inv DESC LIMIT ?1;

-- name: newest_feedback
-- Scores, newest first.
SELECT inv, at, provider, model, workload, score FROM feedback ORDER BY number DESC LIMIT ?;

-- name: spend
-- What was settled in windows that are not over at ?1; of those of older builds (-1), that began after ?2.
SELECT budget, subject, window, rolls_ns, nanos, tokens, output_tokens, invocations, touched_at, ends_at FROM spend
WHERE ends_at = 0 OR ends_at > ?1 OR (ends_at = -1 AND window > ?2);

-- name: forget_ended_spend
-- Windows that were over at ?1; those of older builds (-1), that began before ?2.
DELETE FROM spend WHERE (ends_at > 0 AND ends_at <= ?1) OR (ends_at = -1 AND window <= ?2);

-- name: forget_lifetime
-- A subject that was idle.
DELETE FROM spend WHERE budget = ?1 AND subject = ?2 AND window = ?3 AND rolls_ns = 0 AND ends_at = 0;

-- name: spend_books
-- The names that something is settled under.
SELECT DISTINCT budget FROM spend;

-- name: spend_of
-- Everything that was settled under one name.
SELECT budget, subject, window, rolls_ns, nanos, tokens, output_tokens, invocations, touched_at, ends_at FROM spend WHERE budget = ?;

-- name: remove_spend_of
-- What was settled under one name, which stands under another one now.
DELETE FROM spend WHERE budget = ?;

-- name: renamed
-- Names that budgets had, each with the one that has its spend now.
SELECT was, name FROM renamed ORDER BY was;

-- name: forget_renamed
-- Before they are written anew.
DELETE FROM renamed;

-- name: add_renamed
-- An old name, and the one that has its spend now.
INSERT INTO renamed (was, name) VALUES (?, ?);

-- name: set_claims
-- What a caller said of itself, where a build of before did not keep it.
UPDATE invocations SET "key" = ?2, session = ?3, workload = ?4, user = ?5, context = ?6 WHERE inv = ?1;

-- name: put_open_attempts
-- Attempts that are sent and not settled; what is blank in a new part stays as it was.
INSERT INTO open_attempts (attempt, model, provider, upstream_model, response_id) VALUES {rows}
ON CONFLICT (attempt) DO UPDATE SET
    model = CASE excluded.model WHEN '' THEN model ELSE excluded.model END,
    provider = CASE excluded.provider WHEN '' THEN provider ELSE excluded.provider END,
    upstream_model = CASE excluded.upstream_model WHEN '' THEN upstream_model ELSE excluded.upstream_model END,
    response_id = CASE excluded.response_id WHEN '' THEN response_id ELSE excluded.response_id END;

-- name: take_open_attempts
-- What earlier batches said of attempts that are settled now, or never will be.
DELETE FROM open_attempts WHERE attempt IN (VALUES {rows}) RETURNING attempt, model, provider, upstream_model, response_id;

-- name: add_receipts
-- An attempt is settled once.
INSERT OR REPLACE INTO receipts (
    attempt, inv, settled_at, model, provider, upstream_model, response_id, price_source, why, nanos, input_tokens, output_tokens,
    cached_input_tokens, reasoning_tokens, cache_written_tokens, estimated, overrun
) VALUES {rows};

-- name: receipts
-- Receipts of a time, each with its caller's claims, in the order of settling.
SELECT
    receipts.attempt, receipts.inv, receipts.settled_at, receipts.model, receipts.provider, receipts.upstream_model, receipts.response_id,
    receipts.price_source, receipts.why, receipts.nanos, receipts.input_tokens, receipts.output_tokens, receipts.cached_input_tokens,
    receipts.reasoning_tokens, receipts.cache_written_tokens, receipts.estimated, receipts.overrun, coalesce(claims."key", ''),
    coalesce(claims.key_id, ''), coalesce(claims.workflow, ''), coalesce(claims.agent, ''), coalesce(claims.run, ''),
    coalesce(claims.session, ''), coalesce(claims.workload, ''), coalesce(claims.user, ''), coalesce(claims.context, '')
FROM receipts
LEFT JOIN invocations AS claims ON claims.inv = receipts.inv
WHERE receipts.settled_at >= ?1 AND receipts.settled_at < ?2 AND (receipts.settled_at, receipts.attempt) > (?4, ?5)
ORDER BY receipts.settled_at, receipts.attempt
LIMIT ?3;

-- name: spent
-- Receipts of a time summed by {groups}, the costliest first; {claims} joins what callers said, where a group asks for it.
-- Nano-dollars are summed in two halves, so that no sum leaves 64 bits.
SELECT
    count(*), count(DISTINCT receipts.inv), sum(receipts.nanos >> 32), sum(receipts.nanos & 4294967295), sum(estimated),
    sum(CASE estimated WHEN 1 THEN receipts.nanos >> 32 ELSE 0 END),
    sum(CASE estimated WHEN 1 THEN receipts.nanos & 4294967295 ELSE 0 END), sum(overrun),
    sum(input_tokens), sum(output_tokens), sum(cached_input_tokens), sum(reasoning_tokens), sum(cache_written_tokens) {columns}
FROM receipts {claims}
WHERE settled_at >= :begin AND settled_at < :end
{groups}
ORDER BY total(receipts.nanos) DESC
LIMIT :limit;

-- name: open_holds
-- Holds of a process without receipt, oldest first (ids sort by time).
SELECT placed, sent_at FROM holds WHERE process = (SELECT number FROM processes WHERE process = ?1) ORDER BY attempt;

-- name: unfinished
-- Neither finished nor parked, of a process.
SELECT inv FROM invocations WHERE outcome = '' AND process = (SELECT number FROM processes WHERE process = ?1) ORDER BY inv;

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

-- name: asks_one_of
-- A condition of the inbox: one of {groups} is asked.
EXISTS (SELECT 1 FROM json_each(reviewers) WHERE value IN ({groups}))

-- name: review
-- One review.
SELECT * FROM reviews WHERE review = ?;

-- name: policies
-- The history, newest first. The texts, which are large, stay where they are.
SELECT version, digest, '', message, author, applied_at, git_commit, until FROM policies ORDER BY version DESC;

-- name: policy
-- One version, with its text.
SELECT version, digest, yaml, message, author, applied_at, git_commit, until FROM policies WHERE version = ?;

-- name: policy_version
-- The version in force, 0 if there is none.
SELECT coalesce(max(version), 0) FROM policies;

-- name: add_policy
-- The next version.
INSERT INTO policies (version, digest, yaml, message, author, applied_at, git_commit, until) VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: tokens
-- Admin tokens, by name.
SELECT name, role, sha256, created_at, created_by FROM tokens ORDER BY name;

-- name: add_token
-- Nothing is changed if the name is taken.
INSERT OR IGNORE INTO tokens (name, role, sha256, created_at, created_by) VALUES (?, ?, ?, ?, ?);

-- name: remove_token
-- By name.
DELETE FROM tokens WHERE name = ?;

-- name: keys
-- Issued secrets, by name and age.
SELECT id, name, sha256, created_at, created_by, expires_at, used_at FROM keys ORDER BY name, created_at, id;

-- name: add_key
-- Nothing is changed if the id is taken.
INSERT OR IGNORE INTO keys (id, name, sha256, created_at, created_by, expires_at, used_at) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: expire_other_keys
-- The other secrets of a name end at an instant, unless they end before.
UPDATE keys SET expires_at = ?3 WHERE name = ?1 AND id <> ?2 AND (expires_at = 0 OR expires_at > ?3);

-- name: remove_key
-- By id.
DELETE FROM keys WHERE id = ?;

-- name: use_key
-- When a secret was last used, to the later of two instants.
UPDATE keys SET used_at = max(used_at, ?2) WHERE id = ?1;

-- name: alerting
-- What was kept last.
SELECT memory FROM alerting WHERE one = 1;

-- name: keep_alerting
-- In place of what was kept before.
INSERT INTO alerting (one, memory) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET memory = excluded.memory;

-- name: has_old_audits
-- Whether entries of before step 015 still stand in a table of their own.
SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'audits';

-- name: old_audits
-- Those, oldest first.
SELECT at, who, what, why, subject FROM audits ORDER BY number;

-- name: drop_old_audits
-- Once they are chained.
DROP TABLE IF EXISTS audits;

-- name: add_audit_entries
-- Append-only: a number is given once.
INSERT INTO audit_entries (number, at, who, what, subject, details, digests, salted, previous, hash) VALUES {rows};

-- name: add_audit_words
-- What stands apart from them, in place of what somebody left there.
INSERT OR REPLACE INTO audit_words (number, salts, why, forgotten_by) VALUES {rows};

-- name: audit_newest
-- The end of the chain.
SELECT number, hash FROM audit_entries ORDER BY number DESC LIMIT 1;

-- name: has_audit
-- Whether something was noted of a subject.
SELECT 1 FROM audit_entries WHERE subject = ? AND what = ? LIMIT 1;

-- name: audits
-- Newest first, below ?2 (0: all), of the subject ?3, the person ?4, and what begins with ?5, where they are not empty.
SELECT entries.*, salts, why, forgotten_by FROM audit_entries AS entries LEFT JOIN audit_words ON audit_words.number = entries.number
WHERE (?2 = 0 OR entries.number < ?2) AND (?3 = '' OR subject = ?3) AND (?4 = '' OR who = ?4)
    AND (?5 = '' OR substr(what, 1, length(?5)) = ?5)
ORDER BY entries.number DESC LIMIT ?1;

-- name: audits_of
-- The same of one subject, by its index.
SELECT entries.*, salts, why, forgotten_by FROM audit_entries AS entries LEFT JOIN audit_words ON audit_words.number = entries.number
WHERE subject = ?3 AND (?2 = 0 OR entries.number < ?2) AND (?4 = '' OR who = ?4) AND (?5 = '' OR substr(what, 1, length(?5)) = ?5)
ORDER BY entries.number DESC LIMIT ?1;

-- name: audit_chain
-- Oldest first, behind ?1.
SELECT entries.*, salts, why, forgotten_by FROM audit_entries AS entries LEFT JOIN audit_words ON audit_words.number = entries.number
WHERE entries.number > ?1 ORDER BY entries.number LIMIT ?2;

-- name: words_alone
-- Words that belong to no entry.
SELECT min(number) FROM audit_words WHERE NOT EXISTS (SELECT 1 FROM audit_entries WHERE audit_entries.number = audit_words.number);

-- name: add_matches
-- A gate that matched an invocation, or failed on it.
INSERT OR IGNORE INTO gate_matches (gate, at, inv) VALUES {rows};

-- name: matched
-- Invocations that a gate matched from ?2 to before ?3, oldest first.
SELECT inv FROM gate_matches WHERE gate = ?1 AND at >= ?2 AND at < ?3 GROUP BY inv ORDER BY min(at), inv;

-- name: records
-- Records by id, those of ?2 invocations behind ?1.
SELECT frames.inv, body FROM frames
WHERE frames.inv > ?1 AND frames.inv <= (SELECT max(inv) FROM (SELECT inv FROM invocations WHERE inv > ?1 ORDER BY inv LIMIT ?2))
ORDER BY frames.inv, seq;

-- name: put_states_due
-- When the state of a decided review may go.
INSERT OR REPLACE INTO review_states (review, inv, due_at) VALUES {rows};

-- name: states_due
-- Longest due first.
SELECT review, inv, due_at FROM review_states WHERE due_at <= ?1 ORDER BY due_at, review LIMIT ?2;

-- name: state_dropped
-- By review.
DELETE FROM review_states WHERE review = ?;

-- name: postpone_state
-- By review.
UPDATE review_states SET due_at = ?2 WHERE review = ?1;

-- name: numbered_frames_of
-- The rows of a record, to be written anew.
SELECT seq, body FROM frames WHERE inv = ? ORDER BY seq;

-- name: rewrite_frame
-- A row of a record, without what was dropped.
UPDATE frames SET body = ?2 WHERE seq = ?1;

-- name: holds
-- Legal holds, oldest first.
SELECT hold, at, by, ticket, "where", released_at, released_by, release_why FROM legal_holds ORDER BY at, hold;

-- name: put_hold
-- A new one, or one that is released.
INSERT OR REPLACE INTO legal_holds (hold, at, by, ticket, "where", released_at, released_by, release_why) VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: evidence
-- Of one review.
SELECT review, inv, at, until, key_id, nonce, sealed FROM evidence WHERE review = ?;

-- name: keep_evidence
-- The first of a review stands.
INSERT OR IGNORE INTO evidence (review, inv, at, until, key_id, nonce, sealed) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: expired_evidence
-- By review, behind ?3.
SELECT review, inv, at, until, key_id, nonce, sealed FROM evidence WHERE until <= ?1 AND review > ?3 ORDER BY review LIMIT ?2;

-- name: drop_evidence
-- Of one review.
DELETE FROM evidence WHERE review = ?;

-- name: reviews_of
-- Of one invocation.
SELECT review FROM reviews WHERE inv = ?;

-- name: forget_review
-- What people wrote and what names the caller.
UPDATE reviews SET reason = '', requester = '', votes = '', wanted = '', join_key = '' WHERE review = ?;

-- name: forget_claims
-- What a caller said of a person.
UPDATE invocations SET session = '', user = '', context = '' WHERE inv = ?;

-- name: forget_kept_answer
-- An answer that was kept for an idempotency key.
DELETE FROM kept_answers WHERE inv = ?;

-- name: forget_evidence
-- Of one invocation.
DELETE FROM evidence WHERE inv = ?;

-- name: all_news
-- What is still to be told.
SELECT seq, fact FROM news;

-- name: rewrite_news
-- Without what was forgotten.
UPDATE news SET fact = ?2 WHERE seq = ?1;

-- name: all_messages
-- What waits, for a receiver or for a person.
SELECT seq, body FROM messages;

-- name: rewrite_message
-- Without what was forgotten.
UPDATE messages SET body = ?2 WHERE seq = ?1;

-- name: numbers_of
-- Entries of one subject whose words are there.
SELECT entries.number FROM audit_entries AS entries JOIN audit_words ON audit_words.number = entries.number
WHERE subject = ? AND forgotten_by = 0 AND salts <> '{}';

-- name: forget_words
-- Salts and reason of an entry.
UPDATE audit_words SET salts = '{}', why = '', forgotten_by = ?2 WHERE number = ?1;

-- name: people
-- By address.
SELECT email, name, role, created_at, created_by, disabled, password, login_at, provider, role_from, revision FROM people ORDER BY email;

-- name: person
-- By address.
SELECT email, name, role, created_at, created_by, disabled, password, login_at, provider, role_from, revision FROM people WHERE email = ?;

-- name: add_person
-- Nothing is changed if the address is taken.
INSERT OR IGNORE INTO people (email, name, role, created_at, created_by, disabled, password, login_at, provider, role_from, revision)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: change_person
-- Nothing is changed if somebody else was first.
UPDATE people SET name = :name, role = :role, disabled = :disabled, password = :password, provider = :provider, role_from = :role_from,
revision = :revision WHERE email = :email AND revision = :revision - 1;

-- name: log_in
-- Nothing is changed if the person is another one by now.
UPDATE people SET login_at = ? WHERE email = ? AND revision = ? AND NOT disabled;

-- name: session
-- One session, with the person as it is now.
SELECT p.email, p.name, p.role, p.created_at, p.created_by, p.disabled, p.password, p.login_at, p.provider, p.role_from, p.revision,
s.sha256, s.email, s.how, s.program, s.created_at, s.used_at, s.ends_at, s.groups
FROM sessions s JOIN people p ON p.email = s.email WHERE s.sha256 = ?;

-- name: add_session
-- A new one.
INSERT INTO sessions (sha256, email, how, program, created_at, used_at, ends_at, groups) VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: end_oldest_sessions
-- All of a person but the newest.
DELETE FROM sessions WHERE email = ?1 AND sha256 NOT IN (
    SELECT sha256 FROM sessions WHERE email = ?1 ORDER BY created_at DESC, sha256 DESC LIMIT ?2
);

-- name: use_session
-- When it was last used, to the later of two instants.
UPDATE sessions SET used_at = max(used_at, ?2) WHERE sha256 = ?1;

-- name: end_session
-- By the digest of its id.
DELETE FROM sessions WHERE sha256 = ?;

-- name: end_sessions
-- All of a person but one.
DELETE FROM sessions WHERE email = ? AND sha256 <> ?;

-- name: forget_sessions
-- Those that are over.
DELETE FROM sessions WHERE ends_at < ? OR used_at < ?;

-- name: add_news
-- What is to be told.
INSERT INTO news (destination, fact) VALUES {rows};

-- name: news_unassigned
-- For nobody yet, the oldest first.
SELECT seq, destination, fact FROM news WHERE destination = '' AND seq > ?1 ORDER BY seq LIMIT ?2;

-- name: news_assigned
-- For destinations, the oldest first.
SELECT seq, destination, fact FROM news WHERE destination <> '' AND seq > ?1 ORDER BY seq LIMIT ?2;

-- name: remove_news
-- It was told, or nobody wants it.
DELETE FROM news WHERE seq = ?1;

-- name: add_message
-- A message, once.
INSERT OR IGNORE INTO messages (id, destination, line, body, since, answers, closes, failures, status, why)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10);

-- name: messages
-- The oldest first, without their bodies.
SELECT id, destination, line, x'', since, answers, closes, failures, status, why FROM messages
WHERE status = ?1 AND seq > coalesce((SELECT seq FROM messages WHERE id = ?2), 0) ORDER BY seq LIMIT ?3;

-- name: message
-- One message, whole.
SELECT id, destination, line, body, since, answers, closes, failures, status, why FROM messages WHERE id = ?1;

-- name: undeliverable
-- How many wait for a person.
SELECT destination, count(*) FROM messages WHERE status = 'undeliverable' GROUP BY destination;

-- name: message_failed
-- It was not taken.
UPDATE messages SET failures = ?2, why = ?3, status = ?4 WHERE id = ?1;

-- name: message_again
-- It is sent once more.
UPDATE messages SET failures = 0, status = 'waiting', since = ?2 WHERE id = ?1;

-- name: remove_message
-- It was delivered.
DELETE FROM messages WHERE id = ?1;

-- name: add_whereabouts
-- Where it went.
INSERT OR REPLACE INTO whereabouts (message, reference, at) VALUES (?1, ?2, ?3);

-- name: whereabouts
-- Where it went.
SELECT reference FROM whereabouts WHERE message = ?1;

-- name: add_told
-- The first message that told of it counts.
INSERT OR IGNORE INTO told (destination, review, message, alone) VALUES (?1, ?2, ?3, ?4);

-- name: told
-- Which message told of it.
SELECT destination, review, message, alone FROM told WHERE destination = ?1 AND review = ?2;

-- name: remove_told
-- It was told how that ended.
DELETE FROM told WHERE destination = ?1 AND review = ?2;

-- name: forget_undeliverable
-- Nobody sent them again.
DELETE FROM messages WHERE status = 'undeliverable' AND since < ?1;

-- name: forget_whereabouts
-- Nobody asks any more.
DELETE FROM whereabouts WHERE at < ?1;

-- name: add_change
-- A change of the policy that waits.
INSERT INTO changes (change, at, open, revision, yaml, row) VALUES (?, ?, ?, ?, ?, ?);

-- name: change
-- One change, with its text.
SELECT row, yaml FROM changes WHERE change = ?;

-- name: open_changes
-- Those that wait, oldest first, without their texts.
SELECT row FROM changes WHERE open = 1 ORDER BY at, change;

-- name: all_changes
-- Those that wait, and the newest that do not, oldest first, without their texts.
SELECT row FROM (
    SELECT at, change, row FROM changes WHERE open = 1
    UNION ALL
    SELECT at, change, row FROM (SELECT at, change, row FROM changes WHERE open = 0 ORDER BY at DESC, change DESC LIMIT 1000)
) ORDER BY at, change;

-- name: put_change
-- What became of a change, unless somebody else was faster.
UPDATE changes SET open = ?1, revision = ?2, row = ?3 WHERE change = ?4 AND revision = ?2 - 1;

-- name: lock_account
-- Nothing to do here: who writes is alone until the transaction ends.
SELECT ?1;

-- name: store_now
-- The store's clock, in ns UTC.
SELECT CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000000;

-- name: account
-- What is settled on one account (no process), and its leases: of one moment.
SELECT '' AS process, "window", ends_at, nanos, tokens, output_tokens, invocations, touched_at AS first, 0 AS second, x'' AS body
FROM spend
WHERE (budget = :budget OR budget IN (SELECT was FROM renamed WHERE name = :budget))
    AND subject = :subject AND rolls_ns = :rolls AND (
    (:rolls > 0 AND ends_at > :now)
    OR (:rolls = 0 AND (ends_at = :ends OR (ends_at = -1 AND :ends > 0)) AND (:ends = 0 OR "window" = :start))
)
UNION ALL
SELECT process, 0, 0, settled_nanos, settled_tokens, settled_output, settled_calls, wanted_since, wanted_at, body FROM leases
WHERE budget = :budget AND subject = :subject AND "start" = :start AND "end" = :until;

-- name: put_lease
-- What was filed of it stays as it is.
INSERT INTO leases (
    budget, subject, "start", "end", process, settled_nanos, settled_tokens, settled_output, settled_calls, wanted_since, wanted_at, body
) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0, 0, ?6, ?7, ?8)
ON CONFLICT (budget, subject, "start", "end", process) DO UPDATE SET
    wanted_since = excluded.wanted_since, wanted_at = excluded.wanted_at, body = excluded.body;

-- name: has_leases
-- Whether the process has any.
SELECT 1 FROM leases WHERE process = ?1 LIMIT 1;

-- name: file_lease
-- Receipts of a process are filed, perhaps under the former name of their budget. A sum beyond 64 bits stays at the largest figure.
UPDATE leases SET
    settled_nanos = CASE WHEN settled_nanos > 9223372036854775807 - ?1 THEN 9223372036854775807 ELSE settled_nanos + ?1 END,
    settled_tokens = CASE WHEN settled_tokens > 9223372036854775807 - ?2 THEN 9223372036854775807 ELSE settled_tokens + ?2 END,
    settled_output = CASE WHEN settled_output > 9223372036854775807 - ?3 THEN 9223372036854775807 ELSE settled_output + ?3 END,
    settled_calls = settled_calls + ?4
WHERE budget = coalesce((SELECT name FROM renamed WHERE was = ?5), ?5)
    AND subject = ?6 AND "start" = ?7 AND "end" = ?8 AND process = ?9;

-- name: holders
-- Of the holds that are given back, those that another process placed, and whose.
SELECT holds.attempt, processes.process FROM holds JOIN processes ON processes.number = holds.process
WHERE holds.process <> :process AND holds.attempt IN (SELECT value FROM json_each(:attempts));

-- name: end_lease
-- One, which holds nothing any more.
DELETE FROM leases WHERE budget = ?1 AND subject = ?2 AND "start" = ?3 AND "end" = ?4 AND process = ?5;

-- name: end_leases
-- Those of a process that is gone.
DELETE FROM leases WHERE process = ?;

-- name: forget_ended_leases
-- Those of windows that were over at ?1; one that rolls has no start.
DELETE FROM leases WHERE "start" > 0 AND "end" <= ?1;

-- name: recalls
-- What others wait for, on accounts of which ?1 has a lease, and for longer than ?1 itself. Who did not ask for ?2 ns waits no more.
SELECT other.budget, other.subject, other."start", other."end", other.body FROM leases AS other
JOIN leases AS mine
    ON mine.budget = other.budget AND mine.subject = other.subject AND mine."start" = other."start" AND mine."end" = other."end"
WHERE other.wanted_at > 0 AND other.wanted_at > CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000000 - ?2
    AND other.process <> ?1 AND mine.process = ?1
    AND (
        mine.wanted_at <= CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000000 - ?2
        OR (other.wanted_since, other.process) < (mine.wanted_since, mine.process)
    );

-- name: leases
-- Of windows that are not over at ?1, in the order of their accounts.
SELECT
    budget, subject, "start", "end", process, settled_nanos, settled_tokens, settled_output, settled_calls, wanted_since, wanted_at, body
FROM leases WHERE "start" = 0 OR "end" > ?1 ORDER BY budget, subject, "start", "end", process;

-- name: lease_books
-- The names that something is leased under.
SELECT DISTINCT budget FROM leases;

-- name: leases_of
-- Those under one name.
SELECT
    subject, "start", "end", process, settled_nanos, settled_tokens, settled_output, settled_calls, wanted_since, wanted_at, body
FROM leases WHERE budget = ?;

-- name: remove_leases_of
-- Those under one name, which stand under another one now.
DELETE FROM leases WHERE budget = ?;

-- name: grants_of
-- What one subject was granted of one budget, oldest first.
SELECT * FROM grants WHERE budget = ?1 AND subject = ?2 ORDER BY at, "grant";

-- name: forget_lifetimes
-- A subject that was idle, whichever of its lives it is.
DELETE FROM spend WHERE budget = ?1 AND subject = ?2 AND rolls_ns = 0 AND ends_at = 0;

-- name: told_share
-- The highest threshold that was told of an account.
SELECT share FROM told_shares WHERE budget = ?1 AND subject = ?2 AND "start" = ?3 AND "end" = ?4;

-- name: tell_share
-- A higher one is told.
INSERT INTO told_shares (budget, subject, "start", "end", share) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (budget, subject, "start", "end") DO UPDATE SET share = max(share, excluded.share);

-- name: forget_told
-- Of a lifetime that begins anew.
DELETE FROM told_shares WHERE budget = ?1 AND subject = ?2 AND "end" = 0;

-- name: forget_ended_told
-- Of windows that were over at ?1.
DELETE FROM told_shares WHERE "end" > 0 AND "end" <= ?1;

-- name: processes
-- In the order in which they came, and for how long each was silent.
SELECT process, journal, host, pid, version, began_at, seen_at, state, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000 - seen_at FROM processes ORDER BY number;

-- name: process_number
-- Its short name in rows of others.
SELECT number FROM processes WHERE process = ?1;

-- name: process_begins
-- A process with its journal, a new one or one that comes back.
INSERT INTO processes (process, journal, host, pid, version, began_at, seen_at, state)
VALUES (?1, ?2, ?3, ?4, ?5, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000, 'serving')
ON CONFLICT (process) DO UPDATE SET
    journal = excluded.journal, host = excluded.host, pid = excluded.pid, version = excluded.version, began_at = excluded.began_at,
    seen_at = excluded.seen_at, state = excluded.state;

-- name: process_seen
-- It is there, and in this state.
UPDATE processes SET seen_at = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000, state = ?2 WHERE process = ?1;

-- name: process_gone
-- Nothing is left of it.
UPDATE processes SET state = 'gone' WHERE process = ?1;

-- name: add_filed
-- Of a journal that begins.
INSERT INTO filed (process, segment, "offset", last_finished) VALUES (?1, 0, 0, '') ON CONFLICT DO NOTHING;

-- name: name_first_process
-- The one of before there were several gets its id.
UPDATE processes SET process = ?1 WHERE process = '';

-- name: name_first_filed
-- As its process.
UPDATE filed SET process = ?1 WHERE process = '';

-- name: journals_filed
-- How far each journal of a machine is filed.
SELECT journal, segment, "offset" FROM filed JOIN processes ON processes.process = filed.process WHERE host = ?1;

-- name: pulse
-- What tells whether anything changed, and the store's clock.
SELECT
    CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000,
    (SELECT coalesce(max(version), 0) FROM policies),
    coalesce((SELECT number FROM revisions WHERE name = 'reviews'), 0),
    coalesce((SELECT number FROM revisions WHERE name = 'keys'), 0);

-- name: keys_changed
-- Secrets are not what they were.
INSERT INTO revisions VALUES ('keys', 1) ON CONFLICT (name) DO UPDATE SET number = number + 1;

-- name: put_served
-- What a process serves.
INSERT OR REPLACE INTO served VALUES (?, ?);

-- name: served
-- What all of them serve.
SELECT row FROM served ORDER BY process;

-- name: ask
-- A question of one process to another.
INSERT INTO questions (id, asks, by, what, body) VALUES (?, ?, ?, ?, ?);

-- name: questions
-- Those that a process has not answered.
SELECT id, asks, by, what, body FROM questions WHERE asks = ? AND answer IS NULL ORDER BY seq;

-- name: answer
-- The answer, unless it was taken back.
UPDATE questions SET answer = ?1 WHERE id = ?2 AND answer IS NULL;

-- name: answer_to
-- The answer, if there is one.
SELECT answer FROM questions WHERE id = ? AND answer IS NOT NULL;

-- name: take_back
-- Nobody waits for it.
DELETE FROM questions WHERE id = ?;

-- name: take_tenure
-- It is free, or over, or this process has it.
INSERT INTO tenures (name, process, until, said)
VALUES (
    :name, :process,
    CASE :for_ns WHEN 0 THEN 0 ELSE CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000 + :for_ns END, :said
)
ON CONFLICT (name) DO UPDATE SET process = excluded.process, until = excluded.until, said = excluded.said
WHERE
    tenures.process = excluded.process
    OR (tenures.until > 0 AND tenures.until <= CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000);

-- name: tenure
-- Who has it.
SELECT name, process, said FROM tenures WHERE name = ?;

-- name: end_tenure
-- It is free, if it is still the one that was taken.
DELETE FROM tenures WHERE name = ? AND process = ? AND said = ?;

-- name: forget_served
-- Of a process that is gone.
DELETE FROM served WHERE process = ?;

-- name: forget_tenures
-- Of a process that is gone.
DELETE FROM tenures WHERE process = ?;

-- name: forget_questions
-- To or of a process that is gone.
DELETE FROM questions WHERE asks = ?1 OR by = ?1;

-- name: changed_reviews
-- Which invocations in review changed behind a number.
SELECT number, inv FROM review_changes WHERE number > ? ORDER BY number LIMIT ?;

-- name: count_review_changes
-- Numbers for so many changes: the last one. Others that change something wait until this is committed.
INSERT INTO revisions VALUES ('reviews', ?1) ON CONFLICT (name) DO UPDATE SET number = number + ?1 RETURNING number;

-- name: add_review_change
-- A change, under its number.
INSERT INTO review_changes (number, inv) VALUES (?, ?);

-- name: drop_review_changes
-- The oldest: whoever did not look for so long reads all reviews.
DELETE FROM review_changes WHERE number <= ?;

-- name: own_review
-- The process that opened it decides about it.
INSERT OR IGNORE INTO review_owners (review, process) VALUES (?, ?);

-- name: disown_review
-- It is decided.
DELETE FROM review_owners WHERE review = ?;

-- name: review_owner
-- Who decides about it.
SELECT process FROM review_owners WHERE review = ?;

-- name: adopt_review
-- Somebody else decides about it, unless somebody was faster.
UPDATE review_owners SET process = ?1 WHERE review = ?2 AND process = ?3;

-- name: orphaned_reviews
-- Open ones that none of the living decides about, their invocations, and who did.
SELECT review_owners.review, inv, process FROM review_owners JOIN reviews ON reviews.review = review_owners.review
WHERE process NOT IN (SELECT value FROM json_each(:living)) AND process <> :process;

-- name: cut_off
-- Whoever waited at a process that is gone left then: for what is open, or was decided a moment before.
UPDATE departures SET left_at = :at, process = '' WHERE process = :process AND process <> ''
AND EXISTS (SELECT 1 FROM reviews WHERE reviews.inv = departures.inv AND (status = 'open' OR decided_at > :since))
RETURNING inv;

-- name: parked_at_start
-- A condition of `parked`: those that are open, and those that a caller may still come back for.
status = 'open' OR :now - decided_at < :joinable_ns
OR :now - coalesce(nullif(left_at, 0), decided_at) < coalesce(claim_for_ns, :claim_for_ns)

-- name: parked_of
-- A condition of `parked`: those of some invocations.
reviews.inv IN (SELECT value FROM json_each(:invocations))
-- name: move_columns
-- All tables with their columns.
SELECT tables.name, columns.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY tables.name, columns.name;

-- name: move_first
-- Whether a table holds a row.
SELECT 1 FROM {table} LIMIT 1;

-- name: move_all
-- The rows of a table.
SELECT {columns} FROM {table};

-- name: move_row
-- One row, with its own number where the table numbers them.
INSERT INTO {table} ({columns}) VALUES ({marks});

-- name: move_last
-- What was finished last, in the store that it came from.
UPDATE filed SET last_finished = ?;

-- name: move_sequences
-- Tables number on behind what is there.
SELECT 1;

-- name: rate
-- What stands for one subject of a rate limit, and how many of it run in other processes than ?3 that were seen within ?4 ns.
SELECT
    (SELECT body FROM rate_levels WHERE name = ?1 AND subject = ?2),
    (
        SELECT coalesce(sum(running), 0) FROM rate_running JOIN processes ON processes.process = rate_running.process
        WHERE name = ?1 AND subject = ?2 AND rate_running.process <> ?3 AND state <> 'gone'
            AND seen_at > CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000000 - ?4
    );

-- name: rates_of
-- All subjects of one rate limit, and how many run in processes that were seen within ?2 ns.
SELECT
    subject, body, (
        SELECT coalesce(sum(running), 0) FROM rate_running JOIN processes ON processes.process = rate_running.process
        WHERE rate_running.name = rate_levels.name AND rate_running.subject = rate_levels.subject AND state <> 'gone'
            AND seen_at > CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000000 - ?2
    )
FROM rate_levels WHERE name = ?1 ORDER BY subject;

-- name: put_rate
-- What stands for one subject now.
INSERT INTO rate_levels (name, subject, empty_at, body) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (name, subject) DO UPDATE SET empty_at = excluded.empty_at, body = excluded.body;

-- name: put_running
-- So many of one process run.
INSERT INTO rate_running (name, subject, process, running) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (name, subject, process) DO UPDATE SET running = excluded.running;

-- name: end_running
-- None of one process runs.
DELETE FROM rate_running WHERE name = ?1 AND subject = ?2 AND process = ?3;

-- name: end_rates
-- Nothing runs in a process that is gone.
DELETE FROM rate_running WHERE process = ?;

-- name: forget_rates
-- At most ?2 of those of which nothing is left at ?1.
DELETE FROM rate_levels WHERE (name, subject) IN (
    SELECT name, subject FROM rate_levels WHERE empty_at <= ?1 AND NOT EXISTS (
        SELECT 1 FROM rate_running WHERE rate_running.name = rate_levels.name AND rate_running.subject = rate_levels.subject
    ) LIMIT ?2
);
