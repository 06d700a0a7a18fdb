"""Who is leased how much, question by question. Many processes and what goes wrong: test_lease_model.py."""

from typing import Any

import msgspec
import pytest

from orchvynt.decisions.budgets.accounts import AccountKey
from orchvynt.decisions.budgets.leasing import WANTED_NS, Asked, Lease, Slice, Standing, given_back, idle_for_ns, in_force, joined, lease
from orchvynt.decisions.budgets.leasing import wanted_before as before
from orchvynt.decisions.budgets.portions import NOTHING, Portion
from orchvynt.language.compiled_budgets import Limits
from orchvynt.model.facts import BudgetGranted

SECOND = 1_000_000_000
NOW = 1_790_000_000 * SECOND
LIFE: AccountKey = ("b", "s", 0, 0)


def tokens(amount: int) -> Portion:
    return (0, amount, 0, 0, 0)


def asked(need: int = 0, **more: Any) -> Asked:
    return msgspec.structs.replace(Asked(LIFE, Limits(tokens=100), NOTHING, tokens(need)), **more)


def standing(*leases: Lease, settled: int = 0, **more: Any) -> Standing:
    slices = [Slice(0, tokens(settled), NOW)] if settled else []
    return msgspec.structs.replace(Standing(NOW, slices, leases), **more)


def has(process: str, granted: int, used: int = 0, settled: int = 0, wanted: int = 0, since: int = 0) -> Lease:
    return Lease(process, tokens(granted), tokens(used), tokens(settled), tokens(wanted), since, NOW if since else 0, NOW)


@pytest.mark.parametrize(
    ("need", "peers", "settled", "granted"),
    [(1, 1, 0, 50), (1, 3, 0, 25), (10, 3, 0, 20), (30, 3, 0, 30), (1, 3, 60, 10), (3, 3, 90, 3), (100, 1, 0, 100)],
)
def test_a_share_shrinks_to_what_is_needed(need: int, peers: int, settled: int, granted: int) -> None:
    """Whole multiples of the need, one share left for who comes next."""
    done = lease(asked(need, peers=peers), "a", standing(settled=settled))
    assert done.given.granted == tokens(granted)
    assert not done.given.refused


def test_only_what_is_limited_and_needed_is_leased() -> None:
    question = msgspec.structs.replace(asked(), limits=Limits(nanos=100, tokens=100, invocations=9), need=(0, 5, 0, 0, 1))
    assert lease(question, "a", standing()).given.granted == (0, 50, 0, 0, 4)


def test_all_or_nothing_over_the_units() -> None:
    question = msgspec.structs.replace(asked(), limits=Limits(nanos=100, invocations=0), need=(5, 0, 0, 0, 1))
    assert (lease(question, "a", standing()).given.refused, lease(question, "a", standing()).given.granted) == ("short", NOTHING)


def test_who_is_short_is_written_down_while_somebody_waits() -> None:
    others = has("b", 95)
    quiet = lease(asked(10), "a", standing(others)).lease
    assert quiet is not None
    assert (quiet.wanted, quiet.wanted_at) == (NOTHING, 0)
    first = lease(asked(10, waits=True), "a", standing(others)).lease
    assert first is not None
    assert (first.wanted, first.wanted_since, first.wanted_at) == (tokens(10), NOW, NOW)
    again = lease(asked(12, waits=True), "a", standing(others, first, now=NOW + SECOND)).lease
    assert again is not None
    assert (again.wanted, again.wanted_since, again.wanted_at) == (tokens(12), NOW, NOW + SECOND)


def test_what_others_wait_for_longer_is_theirs_until_they_ask_no_more() -> None:
    waits = has("b", 0, wanted=60, since=NOW - SECOND)
    assert lease(asked(50), "a", standing(waits)).given.refused == "short"
    assert lease(asked(40), "a", standing(waits)).given.granted == tokens(40)
    assert lease(asked(50), "a", standing(waits, now=NOW + WANTED_NS)).given.granted == tokens(50)


def test_of_two_that_came_at_once_one_is_first() -> None:
    one, other = has("a", 0, wanted=5, since=NOW), has("b", 0, wanted=5, since=NOW)
    assert (before([other], one, NOW), before([one], other, NOW)) == (NOTHING, tokens(5))


def test_an_overrun_stands_on_the_lease() -> None:
    done = lease(asked(5, used=tokens(30)), "a", standing(has("a", 20)))
    assert done.given.granted[1] >= 35


def test_what_goes_back_is_never_more_than_is_idle() -> None:
    mine = has("a", 50)
    assert lease(asked(keep=tokens(5), used=tokens(20)), "a", standing(mine)).given.granted == tokens(25)
    assert lease(asked(keep=tokens(90), used=tokens(20)), "a", standing(mine)).given.granted == tokens(50)


def test_a_lower_limit_cuts_what_is_idle() -> None:
    mine, others = has("a", 50, 10, 10), has("b", 50)
    question = asked(1, used=tokens(10), limits=Limits(tokens=30), lowers=True, waits=True)
    done = lease(question, "a", standing(mine, others, settled=10))
    assert (done.given.refused, done.given.granted) == ("short", tokens(10))
    assert done.lease is not None
    assert done.lease.wanted == tokens(31), "what is needed, and what others have beyond the limit"


@pytest.mark.parametrize(("start", "current"), [(NOW - 60 * SECOND, False), (NOW - 59 * SECOND, True), (NOW + SECOND, False), (NOW, True)])
def test_only_windows_of_the_stores_clock_are_leased(start: int, current: bool) -> None:
    question = msgspec.structs.replace(asked(1), key=("b", "s", start, start + 60 * SECOND))
    assert (lease(question, "a", standing()).given.refused == "") is current


def test_another_name_changes_nothing() -> None:
    done = lease(asked(1), "a", standing(has("a", 5), renamed=True))
    assert (done.given.refused, done.lease) == ("renamed", has("a", 5))


def test_a_lifetime_is_over_once_nobody_was_there() -> None:
    old = standing(settled=90, now=NOW + 10 * SECOND)
    assert lease(asked(1, idle_ns=9 * SECOND), "a", old).forgets
    assert not lease(asked(1, idle_ns=11 * SECOND), "a", old).forgets
    assert not lease(asked(1, idle_ns=9 * SECOND, used=tokens(1)), "a", old).forgets
    asks = msgspec.structs.replace(has("b", 5), asked_at=NOW + 5 * SECOND)
    assert not lease(asked(1, idle_ns=9 * SECOND), "a", standing(asks, settled=90, now=NOW + 10 * SECOND)).forgets


def test_a_lease_is_closed_once_all_of_it_is_filed_or_it_is_gone() -> None:
    close = asked(used=tokens(5), keep=NOTHING, closes=True)
    assert not lease(close, "a", standing(has("a", 9, 5, 4))).given.closed
    assert lease(close, "a", standing(has("a", 9, 5, 5))).lease is None
    assert lease(close, "a", standing()).given.closed


def test_two_leases_of_one_process_are_joined() -> None:
    assert joined(has("a", 5, 3, 2), has("a", 7, 4, 4)) == has("a", 12, 7, 2)


def test_what_is_idle_goes_back_to_who_waits() -> None:
    assert given_back((10, 10, 0, 0, 0), (0, 3, 0, 0, 0)) == (10, 5, 0, 0, 0)
    assert given_back((0, 10, 0, 0, 0), (0, 8, 0, 0, 0)) == (0, 2, 0, 0, 0)
    assert given_back((0, 1, 0, 0, 0), (0, 8, 0, 0, 0)) == NOTHING


def test_a_lease_is_idle_after_a_part_of_its_window() -> None:
    assert idle_for_ns(("b", "s", 60 * SECOND, 120 * SECOND), False) == 10 * SECOND
    assert idle_for_ns(("b", "s", 0, 2_000 * SECOND), True) == 100 * SECOND
    assert idle_for_ns(("b", "s", 1, 86_400 * SECOND + 1), False) == 3_600 * SECOND
    assert idle_for_ns(LIFE, False) == 600 * SECOND


def test_a_grant_counts_until_its_end_or_while_its_subject_lives() -> None:
    lasting = BudgetGranted("", NOW, "grant_1", "b", "s", 0, 0, 0, 0, 5, "ana")
    assert in_force(lasting, NOW + 5, 0, 6)
    assert not in_force(lasting, NOW + 6, 0, 6)
    assert in_force(lasting, NOW + 6, NOW + 1, 6)
    ending = msgspec.structs.replace(lasting, until=NOW + 3)
    assert [in_force(ending, NOW + passed, 0, 0) for passed in (2, 3)] == [True, False]
