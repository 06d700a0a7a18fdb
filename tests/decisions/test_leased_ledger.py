"""The accounts of a process that shares its store: what is known of all, what is its own, and what becomes of a lease."""

import msgspec

from orchvynt.decisions.budgets.accounts import Account, AccountKey, Line
from orchvynt.decisions.budgets.asking import FRESH_NS, takes, to_ask, waits_for_lease
from orchvynt.decisions.budgets.leased_account import LeasedAccount
from orchvynt.decisions.budgets.leased_ledger import LeasedLedger, is_leased
from orchvynt.decisions.budgets.leasing import Given, Slice
from orchvynt.decisions.budgets.needs import Fits, Short
from orchvynt.decisions.budgets.portions import NOTHING, Portion
from orchvynt.decisions.budgets.questions import Wanted, hear, question
from orchvynt.language.compiled_budgets import UNLIMITED, Limits
from orchvynt.language.snapshot import Budget
from orchvynt.model.budget_facts import PROMPTS
from orchvynt.model.facts import BudgetGranted, Reserved

LIMITS = Limits(tokens=100)
BUDGET = Budget("b", "global", None, "lifetime", LIMITS)
LINE = Line(BUDGET, "b", "*", 0, 0, LIMITS)
KEY: AccountKey = ("b", "*", 0, 0)


def tokens(amount: int, output: int = 0) -> Portion:
    return (0, amount, amount - output, output, 0)


def given(granted: int, settled: int = 0, elsewhere: int = 0, filed: int = 0, key: AccountKey = KEY) -> Given:
    slices = (Slice(0, tokens(settled), 1),) if settled else ()
    return Given(key, tokens(granted), tokens(filed), slices, tokens(elsewhere))


def leased(granted: int, settled: int = 0, elsewhere: int = 0) -> LeasedLedger:
    ledger = LeasedLedger()
    hear(Wanted(LIMITS), given(granted, settled, elsewhere), ledger, 10)
    return ledger


def account(ledger: LeasedLedger) -> LeasedAccount:
    return ledger.leased[KEY]


def test_what_others_have_is_held_and_what_is_held_here_is_used() -> None:
    ledger = leased(granted=30, settled=20, elsewhere=40)
    assert ledger.place("att_1", [LINE], 0, 10, 4)
    known = account(ledger)
    assert (known.settled_tokens, known.held_tokens, known.used, known.idle[1]) == (20, 50, tokens(10, 4), 20)
    ledger.release("att_1", [Reserved("b", "*", 0, 0, 8, 3)])
    assert (known.settled_tokens, known.held_tokens, known.used, known.idle[1]) == (28, 40, tokens(8, 3), 22)
    hear(Wanted(LIMITS), given(granted=30, settled=25, elsewhere=50, filed=3), ledger, 20)
    assert (known.settled_tokens, known.held_tokens, known.used) == (30, 50, tokens(8, 3)), "five of them are not filed yet"
    assert (known.own().held_tokens, known.leased_elsewhere("tokens"), ledger.own(LINE).settled_tokens) == (0, 50, 30)


def test_what_is_not_limited_and_what_is_free_needs_no_lease() -> None:
    ledger = leased(granted=5)
    assert ledger.lacks(LINE, tokens(6))
    assert not ledger.lacks(LINE, tokens(5))
    assert not ledger.lacks(LINE, (10**9, 5, 5, 0, 9))
    lower = msgspec.structs.replace(LINE, limits=Limits(tokens=99))
    assert ledger.lacks(lower, NOTHING), "it was granted under a higher limit"
    assert not ledger.lacks(msgspec.structs.replace(lower, past=True), NOTHING)
    account(ledger).closing = True
    assert ledger.lacks(LINE, NOTHING)


def test_what_is_this_processs_own_is_not_leased() -> None:
    assert is_leased(LINE)
    assert not is_leased(msgspec.structs.replace(LINE, terms=msgspec.structs.replace(BUDGET, scope="invocation")))
    assert not is_leased(msgspec.structs.replace(LINE, book="b" + PROMPTS))
    ledger = LeasedLedger()
    ledger.put_back(Reserved("b", "*", 0, 0, 50), 1)
    ledger.put_back(Reserved("b" + PROMPTS, "*", 0, invocations=1), 1)
    ledger.restore("att_1", [Reserved("b", "*", 0, 0, 50)])
    assert [key[0] for key, _ in ledger.entries()] == ["b" + PROMPTS]
    assert ledger.release("att_1") == "unknown"


def test_a_lease_goes_with_the_name_of_its_budget() -> None:
    ledger = leased(granted=30, settled=5)
    hear(Wanted(LIMITS), given(20, key=("c", "*", 0, 0)), ledger, 10)
    ledger.open(("d", "*", 0, 0)).waiting += 1
    ledger.rename("b", "c")
    assert (ledger.leased["c", "*", 0, 0].granted, ledger.account(LINE).settled_tokens) == (tokens(50), 5)
    ledger.rename("c", "d")
    (only,) = ledger.leased.values()
    assert (only.granted, only.waiting, list(ledger.leased)) == (tokens(50), 1, [("d", "*", 0, 0)])
    hear(Wanted(LIMITS), given(90), ledger, 20)
    assert only.granted == tokens(50), "an answer under the old name comes too late"


def test_windows_that_are_over_and_subjects_that_are_gone() -> None:
    ledger = leased(granted=30)
    minute = ("m", "*", 60, 120)
    hear(Wanted(LIMITS), given(30, key=minute), ledger, 10)
    rolling = ("r", "*", 0, 500)
    hear(Wanted(LIMITS), given(30, key=rolling), ledger, 10)
    assert ledger.look_at_some() == [KEY, minute, rolling]

    def over(now: int, at: int) -> list[AccountKey]:
        return [key for key in ledger.leased if ledger.is_over(key, now, at, {"b": 1_000})]

    assert (over(119, 400), over(120, 510), over(0, 1_010)) == ([], [minute, rolling], [KEY, rolling])
    ledger.leased[minute].waiting = 1
    assert over(120, 0) == []
    assert not ledger.is_idle(minute, 10**13)
    ledger.drop_leases([minute])
    assert (minute in ledger.leased, ledger.open(minute).waiting) == (False, 1)
    assert [ledger.is_idle(KEY, at) for at in (10**9, 10**13)] == [False, True]
    assert ledger.look_at_some() == [KEY, rolling]
    ledger.end(("nobody", "*", 0, 0))


def test_a_rolling_window_frees_by_the_stores_slices() -> None:
    rolls = Line(Budget("r", "global", None, "rolling", LIMITS, rolls_ns=500), "r", "*", 0, 505, LIMITS)
    ledger = LeasedLedger()
    slices = (Slice(700, tokens(30), 1), Slice(600, tokens(20), 1))
    hear(Wanted(LIMITS), Given(("r", "*", 0, 500), NOTHING, NOTHING, slices, NOTHING), ledger, 1)
    assert [ledger.frees_at(rolls, "tokens", 100, needed) for needed in (60, 80, 120)] == [600, 700, 600]
    assert ledger.frees_at(LINE, "tokens", 100, 1) == 0


def test_who_asks_what() -> None:
    ledger, line = LeasedLedger(), msgspec.structs.replace(LINE, resets_at=0)
    fits, short = Fits(0, 0, 10), Short(line, False, "tokens", 100, 95, 0, 10, tokens(10))
    assert (takes(fits, 1), takes(short, 1)) == ((0, 10, 10, 0, 1), tokens(10))
    assert to_ask([line], fits, tokens(10), ledger, 0) == [line], "nothing is known"
    hear(Wanted(LIMITS), given(20), ledger, 0)
    assert to_ask([line], fits, tokens(10), ledger, 10 * FRESH_NS) == []
    assert to_ask([line], fits, tokens(30), ledger, 0) == [line]
    lowered = Fits(0, 0, 10, "b")
    assert to_ask([line], lowered, tokens(10), ledger, 0) == []
    assert to_ask([line], lowered, tokens(10), ledger, FRESH_NS) == [line]
    assert to_ask([line], short, tokens(10), ledger, 0) == [line], "others may have granted more"
    hear(Wanted(LIMITS, need=tokens(10)), msgspec.structs.replace(given(20), refused="short"), ledger, 0)
    assert waits_for_lease(line, ledger, 0)
    assert to_ask([line], short, tokens(10), ledger, FRESH_NS - 1) == []
    assert to_ask([line], short, tokens(10), ledger, FRESH_NS) == [line]


def test_what_goes_back_is_gone_before_the_store_hears_of_it() -> None:
    ledger = leased(granted=30)
    asked = question(KEY, Wanted(keep=tokens(10)), ledger, 2)
    assert (asked.keep, account(ledger).granted, asked.limits, asked.peers) == (tokens(10), tokens(10), LIMITS, 2)
    both = question(KEY, Wanted(LIMITS, need=tokens(5), keep=NOTHING, closes=True), ledger, 1)
    assert (both.keep, both.need, both.closes) == (None, tokens(5), False), "who needs something keeps what is there"
    unknown = question(("x", "*", 0, 0), Wanted(keep=NOTHING), ledger, 1)
    assert (unknown.keep, unknown.limits) == (NOTHING, UNLIMITED)


def test_a_close_is_asked_until_it_is_answered() -> None:
    ledger = leased(granted=30)
    assert question(KEY, Wanted(keep=NOTHING, closes=True), ledger, 1).closes
    assert account(ledger).closing
    again = question(KEY, Wanted(LIMITS, need=tokens(5)), ledger, 1)
    assert (again.closes, again.need) == (True, NOTHING)
    hear(Wanted(), given(0), ledger, 20)
    assert not account(ledger).closing, "it was not: there is more to file"
    hear(Wanted(), msgspec.structs.replace(given(0), closed=True), ledger, 20)
    assert ledger.leased == {}


def test_grants_that_are_new_are_no_refusal() -> None:
    ledger = leased(granted=30)
    more = (BudgetGranted("", 1, "grant_1", "b", "*", 0, 0, 0, 0, 5, "ana"),)
    short = msgspec.structs.replace(given(30), refused="short", grants=more)
    wanted = Wanted(LIMITS, need=tokens(40))
    hear(wanted, short, ledger, 20)
    assert account(ledger).short == NOTHING
    hear(wanted, short, ledger, 30)
    assert account(ledger).short == tokens(40)
    hear(Wanted(LIMITS), msgspec.structs.replace(given(30), refused="anew"), ledger, 30)
    assert len(ledger.grants) == 0


def test_input_and_output_of_others_are_told_apart() -> None:
    ledger, apart = LeasedLedger(), Limits(input_tokens=50, output_tokens=50)
    answer = Given(KEY, NOTHING, NOTHING, (), (0, 0, 20, 30, 0))
    hear(Wanted(apart), answer, ledger, 1)
    known: Account = account(ledger)
    assert (known.held_tokens, known.held_output) == (50, 30)
    hear(Wanted(Limits(tokens=90, input_tokens=50)), msgspec.structs.replace(answer, elsewhere=(0, 45, 20, 0, 0)), ledger, 1)
    assert (known.held_tokens, known.held_output) == (45, 25)
