"""Coverage is exact: over generated records it says what whoever made them knows."""

from random import Random
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.decisions.audit.coverage import CLASSES, Counting, Coverage
from orchvynt.model import facts as f

GATE = "financial"
DECISIONS: tuple[f.Decision, ...] = ("approve", "edit", "respond", "reject", "expire")
WORDS = {"approve": "approved", "edit": "edited", "respond": "edited", "reject": "rejected", "expire": "timed_out"}


def judged(inv: str, at: int, verdict: str = "matched", gate: str = GATE) -> f.GateJudged:
    return f.GateJudged(inv, at, gate, "output", verdict)  # type: ignore[arg-type]


def opened(inv: str, at: int, number: int = 1, gate: str = GATE, after: bool = False) -> f.ReviewOpened:
    return f.ReviewOpened(inv, at, f"rev_{inv}.{number}", gate, ("finance",), "k", "j", b"", after_delivery=after)


def decided(inv: str, at: int, decision: f.Decision, by: str, number: int = 1) -> f.ReviewDecided:
    return f.ReviewDecided(inv, at, f"rev_{inv}.{number}", decision, by, b"")


def delivered(inv: str, at: int) -> f.AnswerDelivered:
    return f.AnswerDelivered(inv, at, 200, "gpt-4o", 1)


def count(records: list[list[f.AnyFact]], gate: str = GATE) -> Coverage:
    counting = Counting(gate)
    for record in records:
        counting.add(record)
    return counting.total()


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 40))
def test_it_says_what_was_made(seed: int, size: int) -> None:
    chance = Random(seed)
    records: list[list[f.AnyFact]] = []
    wanted = dict.fromkeys(CLASSES, 0)
    after = 0
    observed = 0
    undecided: list[str] = []
    times: dict[str, list[int]] = {}
    for number in range(size):
        inv, at = f"inv_{number:03}", number * 1_000
        kind = chance.choice(["decided", "decided", "open", "undecided", "after", "passed", "ended", "other gate", "observed"])
        record: list[f.AnyFact] = [judged(inv, at, chance.choice(["matched", "failed"]))]
        if kind == "passed":
            record = [judged(inv, at, "passed"), delivered(inv, at)]
        elif kind == "observed":
            record = [judged(inv, at, "would_match"), delivered(inv, at)]
            observed += 1
        elif kind == "decided":
            record.append(opened(inv, at))
            span = 0
            for voter in range(chance.randrange(3)):
                span += chance.randrange(1, 1_000)
                by = f"p{voter}@x"
                record.append(f.ReviewVoted(inv, at + span, f"rev_{inv}.1", f.Vote(by, "approve", "", at + span)))
                times.setdefault(by, []).append(span)
            decision = chance.choice(DECISIONS)
            by, span = chance.choice(["token:a", "b@x"]), span + chance.randrange(1, 1_000)
            record += [decided(inv, at + span, decision, by), decided(inv, at + span + 1, "reject", "late@x")]
            if decision != "expire":
                times.setdefault(by, []).append(span)
            if decision in ("approve", "edit", "respond") and chance.random() < 0.8:
                record.append(delivered(inv, at + span + 2))
            wanted[WORDS[decision]] += 1  # type: ignore[index]
        elif kind == "open":
            record.append(opened(inv, at))
            wanted["open"] += 1
        elif kind == "undecided":
            record += [delivered(inv, at), *([opened(inv, at + 1)] if chance.random() < 0.5 else [])]
            wanted["undecided"] += 1
            undecided.append(inv)
        elif kind == "after":
            record += [delivered(inv, at), opened(inv, at + 1, after=True)]
            after += 1
        elif kind == "ended":
            wanted["ended"] += 1
        else:
            record += [judged(inv, at, gate="other"), opened(inv, at, gate="other"), decided(inv, at + 1, "reject", "c@x")]
            wanted["rejected"] += 1
        records.append(record)
    found = count(records)
    assert {name: getattr(found.held, name) for name in CLASSES} == wanted
    assert found.held.matched == sum(wanted.values())
    assert (found.after_delivery.matched, found.after_delivery.open, found.observed) == (after, after, observed)
    assert list(found.undecided) == undecided
    assert {one.by: (one.votes, one.median_ns, one.max_ns) for one in found.reviewers} == {
        by: (len(spans), int(median(spans)), max(spans)) for by, spans in times.items()
    }


@pytest.mark.parametrize(
    ("record", "became"),
    [
        ([judged("i", 1), opened("i", 1), decided("i", 2, "approve", "a"), opened("i", 2, 2), delivered("i", 3)], "undecided"),
        ([judged("i", 1), opened("i", 1), decided("i", 2, "approve", "a"), opened("i", 2, 2)], "open"),
        ([judged("i", 1), opened("i", 1, gate="other")], "open"),
        ([judged("i", 1), opened("i", 1, gate="other"), decided("i", 2, "expire", "escalation")], "timed_out"),
        ([judged("i", 1), opened("i", 1, gate="other"), decided("i", 2, "approve", "a")], "ended"),
        ([judged("i", 1), opened("i", 1), decided("i", 2, "reject", "a"), delivered("i", 3)], "rejected"),
        ([judged("i", 1), opened("i", 1, gate="other"), decided("i", 2, "approve", "a"), delivered("i", 3)], "undecided"),
        ([judged("i", 1), opened("i", 1, gate="other"), decided("i", 2, "reject", "a"), delivered("i", 3)], "rejected"),
        ([judged("i", 1), opened("i", 1, gate="other"), delivered("i", 2), decided("i", 3, "reject", "a")], "undecided"),
    ],
)
def test_several_reviews_of_one_invocation(record: list[f.AnyFact], became: str) -> None:
    """`on_reject: message` delivers the reviewer's words: that is after a decision."""
    held = count([record]).held
    assert (held.matched, getattr(held, became)) == (1, 1)


def later(inv: str, at: int, after_delivery: bool | None) -> f.GateJudged:
    return f.GateJudged(inv, at, GATE, "output", "matched", after_delivery=after_delivery)


@pytest.mark.parametrize("today", [False, True])
def test_a_gate_is_counted_as_it_was_when_it_matched(today: bool) -> None:
    counting = Counting(GATE, after_delivery=today)
    records: list[list[f.AnyFact]] = [
        [later("a", 1, True), delivered("a", 1)],
        [later("b", 2, False), delivered("b", 2)],
        [later("c", 3, None)],
    ]
    for record in records:
        counting.add(record)
    found = counting.total()
    assert found.undecided == ("b",), "it was to wait, whatever the gate is now; and the other was not"
    assert (found.after_delivery.ended, found.held.ended) == ((2, 0) if today else (1, 1)), "older records do not say it"


def test_an_invocation_belongs_to_its_first_match() -> None:
    record: list[f.AnyFact] = [judged("i", 10), opened("i", 10), decided("i", 20, "approve", "a"), judged("i", 20), opened("i", 20, 2)]
    for begin, matched in ((0, 1), (10, 1), (11, 0), (20, 0)):
        counting = Counting(GATE, begin=begin)
        counting.add(record)
        assert counting.total().held.matched == matched
