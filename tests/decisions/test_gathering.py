"""Many reviews make few messages, none is left out, and what is over is not asked for."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.snapshots import SECOND

from orchvynt.decisions.outbox.gathering import SPACING_NS, SPACING_NS_MAX, WAIT_NS, Batch, Gathering, Item
from orchvynt.model.facts import ReviewDecided, ReviewEscalated, ReviewOpened

HOUR = 3_600 * SECOND


def opened(seq: int, review: str = "") -> Item:
    return Item(seq, ReviewOpened("inv_1", 0, review or f"rev_{seq}", "g", ("finance",), "", "", b""))


def decided(seq: int, review: str) -> Item:
    return Item(seq, ReviewDecided("inv_1", 0, review, "approve", "ana@example.com", b""))


def seqs(batches: list[Batch]) -> list[list[int]]:
    return [[item.seq for item in batch.items] for batch in batches]


def test_what_opens_together_is_told_together_after_a_moment() -> None:
    gathering = Gathering()
    gathering.add("oncall", "g", opened(1), 0)
    gathering.add("oncall", "g", opened(2), WAIT_NS // 2)
    gathering.add("oncall", "other", opened(3), 0)
    gathering.add("mail", "g", opened(4), 0)
    assert gathering.due(WAIT_NS - 1, {}) == []
    assert seqs(gathering.due(WAIT_NS, {})) == [[1, 2], [3], [4]]
    assert gathering.due(WAIT_NS, {}) == []
    assert len(gathering) == 0


def test_a_rush_is_told_ever_more_seldom_and_a_quiet_gate_at_once() -> None:
    gathering, mono, seq, told = Gathering(), 0, 0, []
    while mono < HOUR:
        for _ in range(3):
            seq += 1
            gathering.add("oncall", "g", opened(seq), mono)
        if gathering.due(mono, {}):
            told.append(mono)
        mono += SECOND
    gaps = [later - before for before, later in pairwise(told)]
    assert gaps[0] == SPACING_NS
    assert gaps == sorted(gaps)
    assert gaps[-1] == SPACING_NS_MAX
    assert len(told) < 25
    gathering.due(mono + SPACING_NS_MAX, {})
    mono += 3 * SPACING_NS_MAX
    gathering.due(mono, {})
    gathering.add("oncall", "g", opened(0), mono)
    assert seqs(gathering.due(mono + WAIT_NS, {})) == [[0]]


def test_a_digest_waits_and_one_message_comes_of_it() -> None:
    gathering = Gathering()
    for minute in range(60):
        gathering.add("mail", "g", opened(minute), minute * 60 * SECOND)
        assert gathering.due(minute * 60 * SECOND, {"mail": HOUR}) == []
    assert [len(batch.items) for batch in gathering.due(HOUR, {"mail": HOUR})] == [60]


def test_what_was_decided_before_anybody_was_told_is_not_asked_for() -> None:
    gathering = Gathering()
    gathering.add("oncall", "g", opened(1, "rev_a"), 0)
    gathering.add("oncall", "g", opened(2, "rev_b"), 0)
    gathering.add("oncall", "g", Item(3, ReviewEscalated("inv_1", 0, "rev_a", "heads")), 0)
    gathering.add("oncall", "g", decided(4, "rev_a"), 0)
    asks, outcomes = gathering.due(WAIT_NS, {})
    assert (asks.kind, [item.seq for item in asks.items]) == ("asks", [2])
    assert (outcomes.kind, [item.seq for item in outcomes.items], outcomes.superseded) == ("outcomes", [4], (1, 3))


def test_all_that_was_asked_may_be_over() -> None:
    gathering = Gathering()
    gathering.add("oncall", "g", opened(1, "rev_a"), 0)
    gathering.add("oncall", "g", decided(2, "rev_a"), 0)
    (only,) = gathering.due(WAIT_NS, {})
    assert (only.kind, only.superseded) == ("outcomes", (1,))


courses = st.lists(st.tuples(st.sampled_from(["open", "decide", "wait"]), st.integers(0, 40)), max_size=200)


@settings(max_examples=80, deadline=None)
@given(courses, st.sampled_from([0, HOUR]))
def test_everything_is_told_once_in_few_messages(course: list[tuple[str, int]], digest: int) -> None:
    gathering, mono, seq = Gathering(), 0, 0
    added: set[int] = set()
    told: list[int] = []
    messages: list[tuple[int, str]] = []
    open_reviews: list[str] = []

    def look() -> None:
        for batch in gathering.due(mono, {"oncall": digest}):
            messages.append((mono, batch.kind))
            told.extend([item.seq for item in batch.items])
            told.extend(batch.superseded)

    for what, number in course:
        if what == "wait":
            mono += number * SECOND
        elif what == "open" or open_reviews:
            seq += 1
            review = f"rev_{seq}" if what == "open" else open_reviews.pop(number % len(open_reviews))
            gathering.add("oncall", "g", opened(seq, review) if what == "open" else decided(seq, review), mono)
            added.add(seq)
            open_reviews += [review] if what == "open" else []
        look()
    mono += HOUR
    look()
    assert sorted(told) == sorted(added), "each is told, or superseded, once"
    for kind in ("asks", "outcomes"):
        instants = [at for at, one in messages if one == kind]
        assert all(later - before >= SPACING_NS for before, later in pairwise(instants))
