"""What several invocations record within one turn of the loop is one write, before any of their effects; and each fails by itself."""

from collections.abc import Callable, Sequence

import pytest
from tests.runtime.test_carrier import named
from tests.support.answers import WHOLE, refused
from tests.support.carrying import BreakableJournal, FakeLine, Runtime
from tests.support.snapshots import SECOND, snapshot

from orchvynt.adapters.memory.journal import MemoryJournal
from orchvynt.language.snapshot import Budget, Limits
from orchvynt.lifecycle.state import State
from orchvynt.model.facts import AnyFact
from orchvynt.model.faults import Fault
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.runtime.group_write import GroupWrite
from orchvynt.runtime.life import Caller, Life

SENT = ["invocation_received", "routed", "hold_placed", "attempt_sent"]
ANSWERED = ["attempt_ended", "attempt_settled", "answer_delivered", "invocation_finished"]


def in_one_turn(runtime: Runtime, *events: Callable[[], object]) -> None:
    runtime.turn = []
    for event in events:
        event()
    runtime.end_turn()


def asked(runtime: Runtime, count: int, first: int = 0) -> list[FakeLine]:
    lines: list[FakeLine] = []
    numbers = range(first, first + count)
    in_one_turn(runtime, *[lambda number=number: lines.append(runtime.ask(named(f"inv_{number}"))[1]) for number in numbers])
    return lines


def test_one_write_serves_all_that_moved_and_comes_before_their_effects() -> None:
    runtime = Runtime(snapshot())
    runtime.turn = []
    lines = [runtime.ask(named(f"inv_{number}"))[1] for number in range(3)]
    assert (runtime.journal.writes, runtime.upstream.arrivals) == (0, [])
    runtime.end_turn()
    assert (runtime.journal.writes, len(runtime.upstream.arrivals)) == (1, 3)
    assert runtime.journal.tags == SENT * 3
    runtime.turn = []
    for arrival in runtime.upstream.arrivals:
        arrival.answers(WHOLE)
    assert [line.ended for line in lines] == ["", "", ""]
    runtime.end_turn()
    assert [line.ended for line in lines] == ["answered"] * 3
    assert runtime.journal.writes == 2
    assert runtime.journal.tags == SENT * 3 + ANSWERED * 3
    assert runtime.carrier.lives == {}
    assert runtime.ledger.holds == {}


def test_while_nothing_can_be_written_nothing_is_sent_and_all_are_told() -> None:
    runtime = Runtime(snapshot(budgets=(Budget("daily", "global", None, "day", Limits(None, 10_000)),)))
    runtime.journal.broken = True
    lines = asked(runtime, 3)
    assert [line.status for line in lines] == [503] * 3
    assert runtime.upstream.arrivals == []
    assert runtime.held_tokens == 0
    runtime.journal.broken = False
    assert [line.status for line in asked(runtime, 2, first=3)] == [0, 0]
    assert len(runtime.upstream.arrivals) == 2


def test_answers_that_cannot_be_recorded_are_not_given_and_settled_later() -> None:
    runtime = Runtime(snapshot())
    lines = asked(runtime, 2)
    runtime.journal.broken = True
    in_one_turn(runtime, *[lambda arrival=arrival: arrival.answers(WHOLE) for arrival in runtime.upstream.arrivals])
    assert [line.status for line in lines] == [503, 503]
    runtime.journal.broken = False
    runtime.carrier.kept.write()
    assert runtime.journal.tags.count("attempt_settled") == 2
    assert runtime.journal.tags.count("invocation_finished") == 2
    assert runtime.ledger.holds == {}


class RefusesOne(BreakableJournal):
    """Refuses whatever has facts of one invocation in it, as a defect in them would."""

    def append(self, facts: Sequence[AnyFact]) -> None:
        if facts[0].inv == "inv_1":
            raise JournalUnavailableError("cannot be encoded")
        super().append(facts)

    def append_all(self, records: Sequence[Sequence[AnyFact]]) -> None:
        if any(facts[0].inv == "inv_1" for facts in records):
            raise JournalUnavailableError("cannot be encoded")
        super().append_all(records)


def test_one_that_cannot_be_recorded_leaves_the_others_alone() -> None:
    runtime = Runtime(snapshot())
    runtime.journal = runtime.carrier.journal = RefusesOne(MemoryJournal(runtime.store))
    runtime.carrier.group.journal = runtime.journal
    lines = asked(runtime, 3)
    assert [line.status for line in lines] == [0, 503, 0]
    assert len(runtime.upstream.arrivals) == 2


LEFT = ["invocation_received", "caller_left", "invocation_finished"]


def test_a_caller_that_leaves_within_the_turn_is_not_sent_for() -> None:
    runtime = Runtime(snapshot(budgets=(Budget("daily", "global", None, "day", Limits(None, 10_000)),)))
    runtime.turn = []
    life, gone = runtime.ask(named("inv_0"))
    _, stays = runtime.ask(named("inv_1"))
    gone.leave()
    assert runtime.journal.tags == LEFT
    assert (life.state.phase, runtime.held_tokens, runtime.upstream.arrivals) == ("done", 0, [])
    runtime.end_turn()
    assert runtime.journal.tags == [*LEFT, *SENT]
    assert list(runtime.carrier.lives) == ["inv_1"]
    runtime.last.answers(WHOLE)
    assert stays.ended == "answered"


def test_what_its_identity_has_against_a_caller_is_on_record_even_if_it_leaves() -> None:
    runtime = Runtime(snapshot())
    runtime.turn = []
    line = FakeLine()
    life = Life(runtime.policies.current, State(named("inv_0")), runtime.clock.monotonic())
    runtime.carrier.callers.attach(life, Caller(line, "asked", "", life.arrived))
    runtime.carrier.begin(life, {}, Fault("forbidden", "This key may not."))  # type: ignore[arg-type]  # nothing is read
    line.leave()
    assert runtime.journal.tags == ["invocation_received", "invocation_refused", "invocation_finished"]
    runtime.end_turn()
    assert runtime.carrier.lives == {}


def test_a_caller_that_leaves_between_its_hold_and_the_write_of_it_is_not_sent_for() -> None:
    """The first model failed, and the second one's hold waits for the end of the turn."""
    runtime = Runtime(snapshot(budgets=(Budget("daily", "global", None, "day", Limits(None, 10_000)),)))
    life, gone = runtime.ask(named("inv_0"))
    runtime.turn = []
    runtime.last.answers(refused(), 401)
    assert (runtime.journal.tags[-1], life.state.attempt_count) == ("fallback_activated", 2)
    assert runtime.held_tokens > 0, "the second hold is placed"
    written = len(runtime.journal.tags)
    gone.leave()
    assert runtime.journal.tags[written:] == ["caller_left", "fallback_ended", "invocation_finished"]
    runtime.end_turn()
    assert (len(runtime.upstream.arrivals), runtime.held_tokens, runtime.carrier.lives) == (1, 0, {})
    assert len(runtime.journal.tags) == written + 3


def test_once_the_send_is_on_record_it_counts_as_sent() -> None:
    runtime = Runtime(snapshot())
    (gone,) = asked(runtime, 1)
    gone.leave()
    assert runtime.journal.tags == [*SENT, "caller_left", "attempt_ended", "attempt_settled", "invocation_finished"]
    assert runtime.last.call.cancelled


@pytest.mark.parametrize("broken", [False, True])
def test_a_deadline_within_the_turn_finds_the_attempt_under_way(broken: bool) -> None:
    runtime = Runtime(snapshot())
    runtime.turn = []
    _, line = runtime.ask(named("inv_0"))
    runtime.journal.broken = broken
    runtime.later(100_000 * SECOND)
    assert line.status == 503 if broken else line.status >= 500
    runtime.journal.broken = False
    runtime.end_turn()
    assert runtime.carrier.lives == {}
    assert runtime.ledger.holds == {}


def test_first_steps_come_before_those_that_answers_lead_to() -> None:
    runtime = Runtime(snapshot())
    (first,) = asked(runtime, 1)
    runtime.turn = []
    runtime.last.answers(WHOLE)
    _, second = runtime.ask(named("inv_1"))
    assert (first.ended, runtime.journal.tags) == ("", SENT)
    runtime.end_turn()
    assert runtime.journal.frames[1][0].inv == "inv_1"
    assert runtime.journal.tags == [*SENT, *SENT, *ANSWERED]
    assert (first.ended, second.ended, len(runtime.upstream.arrivals)) == ("answered", "", 2)


def test_an_answer_in_the_turn_in_which_its_deadline_passes_is_given() -> None:
    runtime = Runtime(snapshot())
    (line,) = asked(runtime, 1)
    runtime.turn = []
    runtime.last.answers(WHOLE)
    runtime.later(100_000 * SECOND)
    assert line.ended == "answered"
    runtime.end_turn()
    assert runtime.journal.tags == [*SENT, *ANSWERED]
    assert runtime.carrier.lives == {}
    assert runtime.ledger.holds == {}


def test_an_answer_whose_caller_leaves_in_its_turn_is_settled_at_what_it_used() -> None:
    runtime = Runtime(snapshot())
    (line,) = asked(runtime, 1)
    runtime.turn = []
    runtime.last.answers(WHOLE)
    line.leave()
    runtime.end_turn()
    assert runtime.journal.tags == [*SENT, *ANSWERED]
    assert runtime.carrier.lives == {}


def test_what_comes_while_a_turn_ends_is_taken_in_the_next_one() -> None:
    turns: list[Callable[[], None]] = []
    runtime = Runtime(snapshot())
    asked(runtime, 1)
    (life,) = runtime.carrier.lives.values()
    taken: list[str] = []
    group = GroupWrite(runtime.journal, turns.append, lambda life, facts: taken.append("went on"))

    def first() -> None:
        taken.append("first")
        group.answers(life, lambda: taken.append("answer"))

    group.begins(life, first)
    turns.pop()()
    assert taken == ["first"]
    turns.pop()()
    assert taken == ["first", "answer"]
    assert turns == []


def test_a_step_that_breaks_takes_no_further_turn_with_it() -> None:
    turns: list[Callable[[], None]] = []
    runtime = Runtime(snapshot())
    asked(runtime, 1)
    (life,) = runtime.carrier.lives.values()
    taken: list[str] = []
    group = GroupWrite(runtime.journal, turns.append, lambda life, facts: None)

    def breaks() -> None:
        raise ZeroDivisionError

    group.begins(life, breaks)
    with pytest.raises(ZeroDivisionError):
        turns.pop()()
    group.begins(life, lambda: taken.append("after"))
    turns.pop()()
    assert taken == ["after"]
