"""How fast budgets are spent, and that too little is said to be too little."""

from orchvynt.decisions.budgets.burning import RECEIPTS_KEPT, SPAN_NEEDED_NS, WINDOW_NEEDED_NS, Burning, burn
from orchvynt.decisions.budgets.standing import HOUR_NS, Burn, Spend
from orchvynt.model.facts import Reserved

START = 500 * HOUR_NS
SECOND = 1_000_000_000


def part(budget: str = "b", subject: str = "s", nanos: int = 10) -> Reserved:
    return Reserved(budget, subject, 0, nanos, 7, 3, 1)


def test_recent_receipts_are_summed_by_budget_and_subject() -> None:
    burning = Burning(START)
    for second in range(3):
        burning.add(START + second * SECOND, (part(), part("c", "*", 2)))
    now = START + 600 * SECOND
    assert burning.spans(now) == 600 * SECOND
    recent = burning.recent(now)
    assert recent == {("b", "s"): (Spend(30, 21, 9, 3), 3), ("c", "*"): (Spend(6, 21, 9, 3), 3)}
    rate = burn(recent, ("b", "s"), burning.spans(now))
    assert rate == Burn(Spend(30, 21, 9, 3), 600 * SECOND, "recent")
    assert (rate.per_hour("usd"), rate.per_hour("output_tokens"), rate.per_hour("input_tokens")) == (180, 54, 72)


def test_what_is_older_than_an_hour_does_not_count() -> None:
    burning = Burning(START)
    burning.add(START, (part(nanos=1),))
    burning.add(START + 2 * HOUR_NS, (part(nanos=5),))
    now = START + 5 * HOUR_NS // 2
    assert burning.spans(now) == HOUR_NS
    assert burning.recent(now)[("b", "s")][0].nanos == 5


def test_under_load_the_time_is_as_short_as_what_is_remembered() -> None:
    burning = Burning(START)
    for number in range(RECEIPTS_KEPT + 100):
        burning.add(START + number * SECOND, (part(),))
    now = START + (RECEIPTS_KEPT + 100) * SECOND
    assert burning.spans(now) == min(HOUR_NS, RECEIPTS_KEPT * SECOND)
    count = burning.recent(now)[("b", "s")][1]
    assert abs(count - burning.spans(now) // SECOND) <= 1


def test_too_little_is_no_rate() -> None:
    two = {("b", "s"): (Spend(20), 2)}
    three = {("b", "s"): (Spend(30), 3)}
    assert burn(two, ("b", "s"), HOUR_NS) == Burn()
    assert burn(three, ("b", "s"), SPAN_NEEDED_NS - 1) == Burn()
    assert burn(three, ("b", "other"), HOUR_NS) == Burn()
    assert burn(three, ("b", "s"), SPAN_NEEDED_NS).basis == "recent"
    assert Burn().per_hour("usd") == 0


def test_without_recent_receipts_the_window_so_far_tells() -> None:
    settled = Spend(60)
    assert burn({}, ("b", "s"), HOUR_NS, settled, WINDOW_NEEDED_NS) == Burn(settled, WINDOW_NEEDED_NS, "window")
    assert burn({}, ("b", "s"), HOUR_NS, settled, WINDOW_NEEDED_NS - 1) == Burn()
    assert burn({}, ("b", "s"), HOUR_NS, Spend(), WINDOW_NEEDED_NS) == Burn()


def test_a_clock_that_steps_back_gives_no_negative_time() -> None:
    assert Burning(START).spans(START - SECOND) == 0
