"""Every outcome has its sentence; every fact has its line; no part of a record makes `explain` fail."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.lifecycle.explain import lives
from tests.lifecycle.explain.lives import INV, MS, START, received

from orchvynt.lifecycle.explain import explain
from orchvynt.lifecycle.explain.phrases import count, dollars, duration_text, instant_text, listing, quoted
from orchvynt.model import facts as f
from orchvynt.model.candidates import CandidateChosen, CandidateRejected
from orchvynt.model.facts import AnyFact
from orchvynt.model.repeats import AnswerRepeated

OPEN = {"rests_ms": 900, "state": "open", "until": START, "error_rate": 0.5, "because": "model"}


def verdict(record: list[AnyFact]) -> str:
    return explain(record).verdict


def test_a_fallback_that_was_approved() -> None:
    told = explain(lives.approved())
    assert told.verdict == (
        "Asked gpt-4o; got claude, because openai answered 429; $0.0031; approved by token:ana (reason: figures checked)."
    )
    assert (told.outcome, told.model, told.provider, told.tier) == ("answered", "claude", "anthropic", 2)
    assert (told.workflow, told.agent, told.run, told.policy_version) == ("doc-analysis", "drafting", "r1", 3)


def test_the_model_that_was_asked_for_answered() -> None:
    record: list[AnyFact] = [lives.received(), lives.THREE, *lives.answering("att_1", 1, "gpt-4o", "openai")]
    record += [f.AnswerDelivered(INV, START + MS, 200, "gpt-4o", 1), lives.finished("answered", "gpt-4o", "openai", 1)]
    assert verdict(record) == "Asked gpt-4o; got gpt-4o from openai; $0.0031."


def test_a_rule_sent_it_elsewhere() -> None:
    plan = lives.routed(("small", "openai", "rule cheap"), rule="cheap")
    record: list[AnyFact] = [lives.received(), plan, *lives.answering("att_1", 1, "small", "openai")]
    record += [lives.finished("answered", "small", "openai", 1)]
    assert verdict(record) == "Asked gpt-4o; got small (rule cheap); $0.0031."


def test_refused_by_a_budget_with_the_numbers() -> None:
    record: list[AnyFact] = [
        lives.received(),
        lives.THREE,
        f.CandidateSkipped(INV, START + 2 * MS, 1, "gpt-4o", "budget:doc-analysis", {"limit": "2.5", "spent": "2.49"}),
        f.InvocationRefused(INV, START + 3 * MS, "budget_exceeded", 402, "Budget doc-analysis has $0.01 left of $2.50.", {"limit": "2.5"}),
        lives.finished("refused", nanos=0),
    ]
    assert verdict(record) == (
        "Asked gpt-4o; refused (402 budget_exceeded): Budget doc-analysis has $0.01 left of $2.50; nothing was sent to a provider; $0."
    )
    assert explain(record).timeline[2].text == "tier 1: budget doc-analysis had no room for gpt-4o (limit 2.5, spent 2.49)"


def test_what_a_provider_did_not_say_of_its_refusal_is_left_out() -> None:
    detail = {"upstream_status": 404, "upstream_type": "", "upstream_code": ""}
    refused = f.InvocationRefused(INV, START + 3 * MS, "invalid_request", 404, "no such model", detail)
    record: list[AnyFact] = [lives.received(), lives.THREE, refused, lives.finished("refused", nanos=0)]
    assert "no such model (upstream_status 404);" in verdict(record)


def test_a_refusal_without_numbers_in_its_message_gets_them_from_its_detail() -> None:
    refused = f.InvocationRefused(INV, START, "budget_exceeded", 402, "No room.", {"limit": "2.5", "held": "0.1"})
    assert "No room (limit 2.5, held 0.1)" in verdict([lives.received(), refused])


def test_parked_and_waiting_since() -> None:
    told = explain([*lives.fell_back(), *lives.opened()])
    assert told.outcome == "parked"
    assert told.verdict == (
        "Asked gpt-4o; got claude, because openai answered 429; waits at gate money for finance since 2026-01-01T00:00:00.301000Z "
        "(review rev_1); $0.0031 so far."
    )


def test_rejected_by_a_person_and_expired() -> None:
    refused = f.InvocationRefused(INV, START + 500 * MS, "review_rejected", 403, "token:ana rejected the answer.")
    record = [*lives.fell_back(), *lives.opened(), lives.decided("reject", "wrong sum"), refused, lives.finished("refused")]
    assert verdict(record) == (
        "Asked gpt-4o; got claude, because openai answered 429, but token:ana rejected it (reason: wrong sum); $0.0031."
    )
    record = [*lives.fell_back(), *lives.opened(), lives.decided("expire", ""), refused, lives.finished("refused")]
    assert "but nobody decided in time at gate money, so it was rejected (review_expired)" in verdict(record)


def test_all_tiers_failed_with_each_trigger() -> None:
    record: list[AnyFact] = [
        lives.received(),
        lives.THREE,
        *lives.failing("att_1", 1, "gpt-4o", "openai", "rate_limit", 429),
        *lives.failing("att_2", 1, "gpt-4o", "openai", "timeout"),
        f.CandidateSkipped(INV, START + 2 * MS, 2, "claude", "resting"),
        *lives.failing("att_3", 3, "local", "lab", "connection"),
        f.InvocationRefused(INV, START + 500 * MS, "all_providers_failed", 503, "Every tier failed."),
        lives.finished("failed", nanos=0),
    ]
    assert verdict(record) == (
        "Asked gpt-4o; no answer (503 all_providers_failed), because openai did not answer in time (2 tries), claude was resting "
        "and the connection to lab failed; $0."
    )


@pytest.mark.parametrize(
    ("outcome", "status", "said"),
    [
        ("rate_limit", 429, "openai answered 429"),
        ("quota", 429, "openai answered 429 (quota used up)"),
        ("auth", 401, "openai answered 401 (our key was not accepted)"),
        ("overloaded", 503, "openai answered 503 (overloaded)"),
        ("context_length", 400, "openai answered 400 (too long for gpt-4o)"),
        ("content_filter", 400, "openai answered 400 (its content filter refused)"),
        ("server_error", 500, "openai answered 500"),
        ("cancelled", 0, "the call to openai was given up"),
        ("interrupted", 0, "a crash cut off the call to openai"),
    ],
)
def test_a_status_that_does_not_say_it_all_is_told_in_words(outcome: str, status: int, said: str) -> None:
    record: list[AnyFact] = [lives.received(), lives.THREE, *lives.failing("att_1", 1, "gpt-4o", "openai", outcome, status)]
    refused = f.InvocationRefused(INV, START + 500 * MS, "all_providers_failed", 503, "Every tier failed.")
    assert verdict([*record, refused, lives.finished("failed", nanos=0)]).endswith(f"because {said}; $0.")
    twice = [*record, *lives.failing("att_2", 1, "gpt-4o", "openai", outcome, status), refused, lives.finished("failed", nanos=0)]
    tries = said[:-1] + ", 2 tries)" if said.endswith(")") else said + " (2 tries)"
    assert verdict(twice).endswith(f"because {tries}; $0.")


@pytest.mark.parametrize(
    ("why", "detail", "brief", "numbers"),
    [
        ("resting", {"rests_ms": 24_998, "because": "auth"}, "claude was resting (auth)", ", for 24.9 s more"),
        ("breaker", OPEN, "the breaker of claude was open", ", for 900 ms more, after 50% errors"),
        ("breaker", {"state": "half-open", "because": "address"}, "the breaker of the address of claude was half-open", ""),
        ("slow", {"p99_ms": 9_100.5, "because": "latency"}, "claude was too slow", ", with a 99th percentile of 9.1 s"),
        ("ramp", {"because": "breaker"}, "claude was only coming back: its breaker had just closed", ""),
        ("images", {"limit": 3}, "claude was skipped (images)", " (limit 3)"),
    ],
)
def test_why_a_tier_was_passed_by(why: str, detail: dict[str, str | int | float], brief: str, numbers: str) -> None:
    skipped = f.CandidateSkipped(INV, START + 2 * MS, 2, "claude", why, detail)
    record: list[AnyFact] = [lives.received(), lives.THREE, skipped, *lives.answering("att_3", 3, "local", "lab")]
    told = explain([*record, lives.finished("answered", "local", "lab", 3)])
    assert f"because {brief};" in told.verdict
    assert told.timeline[2].text == f"tier 2: {brief}{numbers}"


def test_being_passed_by_is_no_try() -> None:
    rests = [f.CandidateSkipped(INV, START + at * MS, 1, "gpt-4o", "resting", {"because": "overloaded"}) for at in (1, 2, 3)]
    record: list[AnyFact] = [lives.received(), lives.THREE, rests[0], *lives.failing("att_1", 1, "gpt-4o", "openai", "overloaded", 529)]
    refused = f.InvocationRefused(INV, START + 500 * MS, "all_providers_failed", 503, "Every tier failed.")
    assert "because openai answered 529 (overloaded); $0" in verdict([*record, *rests[1:], refused, lives.finished("failed", nanos=0)])
    twice: list[AnyFact] = [lives.received(), lives.THREE, *rests, refused, lives.finished("failed", nanos=0)]
    assert "because gpt-4o was resting (overloaded); $0" in verdict(twice)


def test_the_caller_left() -> None:
    record: list[AnyFact] = [lives.received(), lives.THREE, *lives.answering("att_1", 1, "gpt-4o", "openai")]
    record += [f.CallerLeft(INV, START + MS, "while gpt-4o streamed"), lives.finished("cancelled", "gpt-4o", "openai", 1)]
    assert verdict(record) == "Asked gpt-4o; the caller left (while gpt-4o streamed) after 1 attempt (gpt-4o); $0.0031."


def test_a_crash_settled_at_the_hold() -> None:
    record: list[AnyFact] = [
        lives.received(),
        lives.THREE,
        lives.hold("att_1", 1, "gpt-4o", START + MS),
        lives.sent("att_1", 1, "gpt-4o", "openai", START + MS),
        lives.settled("att_1", START + 2 * MS, 10_000_000, estimated=True, why="interrupted"),
        lives.finished("interrupted", nanos=10_000_000),
    ]
    assert verdict(record) == (
        "Asked gpt-4o; a crash of OrchVynt interrupted it: attempt 1 to openai is settled at its hold of $0.01; $0.01 (estimated)."
    )


def test_a_stream_that_ended_with_an_error_event() -> None:
    record: list[AnyFact] = [
        lives.received(stream=True),
        lives.THREE,
        *lives.answering("att_1", 1, "gpt-4o", "openai")[:2],
        f.AnswerDelivered(INV, START + 110 * MS, 200, "gpt-4o", 1, streaming=True),
        lives.ended("att_1", "cut", START + 120 * MS, 200),
        lives.settled("att_1", START + 120 * MS, estimated=True),
        f.StreamEnded(INV, START + 121 * MS, False, "all_providers_failed", 321),
        lives.finished("failed", "gpt-4o", "openai", 1),
    ]
    assert verdict(record) == (
        "Asked gpt-4o; got gpt-4o from openai, but its stream was cut and ended with an error event (all_providers_failed); "
        "$0.0031 (estimated)."
    )


def test_running_and_the_hold_that_is_still_out() -> None:
    told = explain(
        [
            *lives.fell_back()[:-2],
        ]
    )
    assert told.outcome == "running"
    assert "running: attempt 2 is at anthropic (claude) since 2026-01-01T00:00:00.201000Z" in told.verdict
    assert told.totals.held_usd == "0.01"
    assert told.totals.attempts == 2


def test_an_empty_record() -> None:
    told = explain([])
    assert (told.verdict, told.outcome, told.timeline) == ("Nothing is on record.", "unknown", ())


def test_the_timeline_keeps_the_order_and_says_budget_before_the_attempt() -> None:
    told = explain(lives.approved())
    assert [line.kind for line in told.timeline] == [fact.__struct_config__.tag for fact in lives.approved()]
    texts = [line.text for line in told.timeline]
    assert texts[0] == ("asked for gpt-4o at /v1/chat/completions by agent drafting, workflow doc-analysis, run r1; policy version 3")
    assert texts[1] == (
        "no rule matched; the plan is gpt-4o (requested), then claude (chain default), then local (chain default); not mistral: no tools"
    )
    assert texts[2] == "attempt 1: held $0.01 and 500 tokens on budget doc-analysis (doc-analysis) before the send"
    assert texts[3] == "attempt 1: sent to openai as gpt-4o-upstream (tier 1, gpt-4o)"
    assert texts[4] == 'attempt 1: openai answered 429 (rate_limit) after 12 ms: "slow down"'
    assert texts[6] == "falls back from gpt-4o to claude (tier 2), because of rate_limit"
    assert texts[10] == "attempt 2: settled $0.0031 for 100 tokens in and 50 out"
    assert told.timeline[3].offset_ms == 101.0
    assert told.totals.duration_ms == 900.0


def test_what_a_request_lost_is_told() -> None:
    record = [
        msgspec.structs.replace(fact, dropped=("seed", "temperature")) if isinstance(fact, f.AttemptEnded) else fact
        for fact in lives.approved()
    ]
    texts = [line.text for line in explain(record).timeline if line.kind == "attempt_ended"]
    assert texts[-1] == "attempt 2: anthropic answered after 12 ms, without seed and temperature, which it cannot express"


def test_a_parked_answer_never_reaches_the_explanation() -> None:
    told = msgspec.json.encode(explain(lives.approved()))
    assert b"the secret answer" not in told
    assert b"state" not in {key for line in json.loads(told)["timeline"] for key in line["detail"]}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_part_of_any_record_is_explained(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([lives.approved(), [*lives.fell_back(), *lives.opened(), lives.decided("reject")]]))
    part = data.draw(st.lists(st.sampled_from(range(len(whole))), unique=True))
    told = explain([whole[index] for index in part])
    assert told.verdict.endswith(".")
    assert len(told.timeline) == len(part)
    assert all(line.text for line in told.timeline)
    again = msgspec.json.decode(msgspec.json.encode(told), type=type(told))
    assert msgspec.json.encode(again) == msgspec.json.encode(told)


@settings(max_examples=200, deadline=None)
@given(st.integers(min_value=-(10**20), max_value=10**20))
def test_numbers_are_said_whatever_they_are(number: int) -> None:
    assert dollars(number).lstrip("-").startswith("$")
    assert duration_text(number)
    assert instant_text(number).endswith(("Z", "ns")) or number == 0


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "0 µs"),
        (380_000, "380 µs"),
        (12 * MS, "12 ms"),
        (4_250 * MS, "4.2 s"),
        (185_000 * MS, "3 min 5 s"),
        (7_800_000 * MS, "2 h 10 min"),
    ],
)
def test_durations(nanos: int, text: str) -> None:
    assert duration_text(nanos) == text


def test_small_words() -> None:
    assert listing([]) == ""
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b and c"
    assert count(1, "try", "tries") == "1 try"
    assert count(2, "attempt") == "2 attempts"
    assert quoted("a\n  b") == "a b"
    assert len(quoted("x" * 1000)) == 300
    assert instant_text(0) == ""


def test_a_route_says_who_passed_unmeasured_who_failed_and_who_was_rejected() -> None:
    candidates = (CandidateChosen(1, "claude", "anthropic", "rule floor: cost 0.01, the best of 2", ("p95_ms", "context")),)
    rejected = (CandidateRejected("small", "where: quality 0.79", "where"),)
    fact = f.Routed(INV, START, "floor", candidates, rejected, "", (("broken", "failed: `/` by zero"), ("floor", "matched")))
    assert explain([received(), fact]).timeline[1].text == (
        "rule floor; rule broken failed: `/` by zero; "
        "the plan is claude (rule floor: cost 0.01, the best of 2; unmeasured: p95_ms, context); not small: where: quality 0.79"
    )


def test_feedback_is_told() -> None:
    given = f.FeedbackGiven(INV, START, 0.25, "claude", "anthropic", "extraction", "off-topic", "asked for\na table")
    assert (
        explain([received(), given]).timeline[1].text == 'the caller scored the answer of claude 0.25 of 1 (off-topic): "asked for a table"'
    )


def test_an_idempotency_key_and_what_came_of_it_are_told() -> None:
    first = msgspec.structs.replace(received(), idempotent=True)
    lines = explain([first, AnswerRepeated(INV, START, 200)]).timeline
    assert " with an idempotency key" in lines[0].text
    assert lines[1].text == "the request came again under its idempotency key and was answered the same (status 200)"
