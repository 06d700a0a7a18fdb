"""The queue of those who wait for holds: order, counts, and whom a release wakes. Whole interleavings: test_waiting_properties.py."""

from collections.abc import Callable

from tests.support.budgets import line
from tests.support.snapshots import invocation, snapshot

from orchvynt.decisions.budgets.ledger import Ledger, Line
from orchvynt.decisions.budgets.needs import Short
from orchvynt.lifecycle.commands import Admit
from orchvynt.lifecycle.state import State
from orchvynt.runtime.life import Life
from orchvynt.runtime.waiting import WAITERS_MAX, HoldQueue, Waiter

FIRST = line("first", tokens=100)
SECOND_LINE = line("second", tokens=100)

ASKED = Admit(1, "gpt", "att_1.1")


def short(line: Line = FIRST) -> Short:
    return Short(line, True, "tokens", 100, 0, 90, 30)


class Queue:
    """A queue, and what its waiters heard: `answers` say what becomes of a waiter when it is weighed again."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.queue = HoldQueue(self.ledger)
        self.weighed: list[str] = []
        self.answers: dict[str, Short | None] = {}

    def waiter(self, name: str, line: Line = FIRST, lines: tuple[Line, ...] = (FIRST, SECOND_LINE), due: int = 30) -> Waiter:
        def retry(_: Waiter) -> Short | None:
            self.weighed.append(name)
            return self.answers.get(name)

        made = Waiter(Life(snapshot(), State(invocation()), 0), ASKED, short(line), lines, 0, due, retry)
        self.queue.enter(made)
        return made

    def waiting(self, line: Line) -> int:
        return self.ledger.open(line.key).waiting


def test_a_release_weighs_the_first_until_one_still_has_to_wait() -> None:
    world = Queue()
    for name in ("a", "b", "c", "d"):
        world.waiter(name)
    world.answers["c"] = short()
    world.queue.wake([FIRST.key])
    assert world.weighed == ["a", "b", "c"]
    assert world.queue.count == 2
    world.answers.clear()
    world.queue.wake([FIRST.key])
    assert world.weighed == ["a", "b", "c", "c", "d"], "who had to stay is first again"
    assert world.queue.count == 0


def test_waiting_counts_on_every_account_of_a_waiter() -> None:
    world = Queue()
    one = world.waiter("a")
    world.waiter("b", lines=(FIRST,))
    assert (world.waiting(FIRST), world.waiting(SECOND_LINE)) == (2, 1)
    world.answers["b"] = short()
    world.queue.leave(one)
    assert world.weighed == ["b"], "others may fit in its place"
    assert (world.waiting(FIRST), world.waiting(SECOND_LINE)) == (1, 0)
    world.queue.leave(one)
    assert (world.waiting(FIRST), world.queue.count) == (1, 1)


def test_who_is_stopped_by_another_budget_stands_there_before_those_who_came_later() -> None:
    world = Queue()
    world.waiter("other", SECOND_LINE)
    world.waiter("mover")
    world.waiter("behind")
    world.waiter("later", SECOND_LINE)
    world.answers |= {"mover": short(SECOND_LINE), "other": short(SECOND_LINE)}
    world.queue.wake([FIRST.key])
    assert world.weighed == ["mover", "behind"]
    world.answers.clear()
    world.queue.wake([SECOND_LINE.key])
    assert world.weighed == ["mover", "behind", "other", "mover", "later"]


def test_a_newcomer_is_blocked_by_whoever_waits_on_one_of_its_accounts() -> None:
    world = Queue()
    assert world.queue.blocked((FIRST, SECOND_LINE)) is None
    world.waiter("a", SECOND_LINE)
    assert world.queue.blocked((FIRST, SECOND_LINE)) is SECOND_LINE
    assert world.queue.blocked((FIRST,)) is None


def test_a_release_within_a_release_is_served_after_it() -> None:
    world = Queue()
    order: list[str] = []

    def through(name: str, then: Callable[[], None] | None = None) -> Callable[[Waiter], Short | None]:
        def retry(_: Waiter) -> Short | None:
            order.append(f"{name} begins")
            if then is not None:
                then()
            order.append(f"{name} ends")
            return None

        return retry

    life = Life(snapshot(), State(invocation()), 0)
    world.queue.enter(Waiter(life, ASKED, short(), (FIRST,), 0, 30, through("a", lambda: world.queue.wake([SECOND_LINE.key]))))
    world.queue.enter(Waiter(life, ASKED, short(), (FIRST,), 0, 30, through("b")))
    world.queue.enter(Waiter(life, ASKED, short(SECOND_LINE), (SECOND_LINE,), 0, 30, through("c")))
    world.queue.wake([FIRST.key])
    assert order == ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]


def test_the_overdue_are_named_and_stay_until_they_leave() -> None:
    world = Queue()
    late = world.waiter("late", due=10)
    world.waiter("early", due=40)
    assert world.queue.overdue(9) == []
    assert world.queue.overdue(10) == [late]
    assert world.queue.count == 2


def test_the_queue_is_bounded() -> None:
    queue = HoldQueue(Ledger())
    assert not queue.full
    queue.count = WAITERS_MAX
    assert queue.full
