"""Accounts: of a window that rolls, the sums of its slices; and the names that lead to them."""

from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.budgets.accounts import Account, Line, RollingAccount, key_of, used
from orchvynt.decisions.budgets.ledger import ENDED_KEPT, Ledger
from orchvynt.decisions.budgets.renaming import Names
from orchvynt.language.snapshot import Budget, Limits
from orchvynt.model.facts import Reserved

UNITS = ("nanos", "tokens", "input_tokens", "output_tokens", "invocations")
LIFE = Budget("life", "run", None, "lifetime", idle_ns=100)


def part(window: int, tokens: int = 0, output: int = 0) -> Reserved:
    return Reserved("b", "s", window, 7 * tokens, tokens, output, 1, 1_000, window + 1_010)


def line(subject: str = "r1", at: int = 0, terms: Budget = LIFE, tokens: int = 1_000) -> Line:
    return Line(terms, terms.name, subject, 0, 0, Limits(tokens=tokens), at)


def test_sums_follow_the_slices() -> None:
    account = RollingAccount(rolls_ns=1_000)
    account.hold(part(10, 30, 20))
    account.hold(part(20, 5))
    account.end(part(10, 30, 20), part(10, 12, 8))
    assert [used(account, unit) for unit in UNITS] == [7 * 17, 17, 9, 8, 2]
    assert account.busy
    account.roll(1_019)
    assert account.settled_tokens == 12
    account.roll(1_020)
    assert (account.settled_tokens, account.held_tokens, account.holds) == (0, 5, 1)
    account.roll(1_030)
    assert (account, account.slices) == (RollingAccount(rolls_ns=1_000), {}), "also what is still held: it belongs to its slice"
    account.end(part(20, 5), part(20, 4))
    assert account.settled_tokens == 0


def test_when_there_is_room_again() -> None:
    account = RollingAccount(rolls_ns=1_000)
    assert account.frees_at("tokens", 5) == 0
    for window in (10, 20, 30):
        account.hold(part(window, 4))
    assert [account.frees_at("tokens", excess) for excess in (1, 4, 5, 12)] == [1_020, 1_020, 1_030, 1_040]
    assert account.frees_at("tokens", 13) == 1_020, "never enough: when the oldest goes"


def test_slices_stay_in_order_when_the_clock_goes_back() -> None:
    account = RollingAccount(rolls_ns=1_000)
    for window in (50, 20, 40):
        account.put_back(part(window, 1))
    assert list(account.slices) == [20, 40, 50]


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 9), st.booleans()), max_size=40))
def test_the_sums_are_those_of_the_slices(moves: list[tuple[int, int, bool]]) -> None:
    account, now = RollingAccount(rolls_ns=1_000), 0
    for past, tokens, settled in moves:
        now += past
        account.roll(now)
        one = part(now - now % 10, tokens)
        account.hold(one)
        if settled:
            account.end(one, one)
        for field in Account.__struct_fields__[:9]:
            assert getattr(account, field) == sum(getattr(kept, field) for kept in account.slices.values())
        assert all(start + 10 + 1_000 > now for start in account.slices)


def test_the_key_of_a_part_is_that_of_its_line() -> None:
    rolling = Budget("b", "run", None, "rolling", rolls_ns=1_000)
    on = [
        line(),
        Line(rolling, "b", "r1", 50, 1_060, Limits()),
        Line(Budget("b", "run", None, "day"), "b", "r1", 50, 60, Limits()),
    ]
    parts = Ledger().place("a", on, 1, 2)
    assert isinstance(parts, tuple)
    assert [key_of(one) for one in parts] == [one.key for one in on]


def test_a_lifetime_ends_when_its_subject_was_idle_and_its_rows_are_apart() -> None:
    ledger = Ledger()
    for attempt, at in (("a", 1_000), ("b", 1_099), ("c", 1_200)):
        parts = ledger.place(attempt, [line(at=at)], 0, 10)
        assert isinstance(parts, tuple)
        ledger.release(attempt, parts, at + 1)
        assert parts[0].window == (1_200 if attempt == "c" else 0)
    assert ledger.account(line(at=1_201)).settled_tokens == 10
    assert [(one.budget, one.subject, one.window) for one in ledger.forgotten] == [("life", "r1", 0)]
    ledger.forget_ended(1_301, {"life": 100})
    assert dict(ledger.entries()) == {}
    assert [one.window for one in ledger.forgotten] == [0, 1_200]
    again = ledger.place("d", [line(at=1_302)], 0, 10)
    assert isinstance(again, tuple)
    assert again[0].window == 1_301, "until the rows are gone from the store"
    ledger.release("d")
    ledger.forgotten_in_store(ledger.forgotten)
    more = ledger.place("e", [line(at=1_303)], 0, 10)
    assert isinstance(more, tuple)
    assert more[0].window == 1_301, "and as long as it lives"


def test_a_subject_that_somebody_only_waited_for_did_not_begin_anew() -> None:
    """Found by the simulation: its first hold was taken for one of a lifetime after another, and the rows of the first were dropped."""
    ledger = Ledger()
    account = ledger.open(line().key)
    account.waiting += 1
    ledger.forget_ended(10**18)
    account.waiting -= 1
    ledger.forget_ended(10**18)
    assert dict(ledger.entries()) == {}
    assert ledger.forgotten == []
    parts = ledger.place("a", [line(at=10**18)], 0, 10)
    assert isinstance(parts, tuple)
    assert parts[0].window == 0


def test_who_ends_a_hold_again_is_told_for_a_while() -> None:
    ledger = Ledger()
    parts = ledger.place("a", [line()], 0, 10)
    assert isinstance(parts, tuple)
    assert ledger.release("a", parts) == parts
    assert (ledger.release("a", parts), ledger.release("a"), ledger.release("z")) == ("same", "different", "unknown")
    assert (ledger.place("a", [line()], 0, 10), ledger.place("a", [line()], 0, 11)) == ("same", "different")
    assert ledger.place("a", [line("r2")], 0, 10) == "different"
    for number in range(2 * ENDED_KEPT):
        ledger.place(f"b{number}", [line()], 0, 0)
        ledger.release(f"b{number}")
    assert ledger.release("a", parts) == "unknown"


def test_ended_windows_go_some_at_a_time_and_never_while_something_is_held() -> None:
    ledger, minute = Ledger(), Budget("m", "run", None, "minute")
    for number in range(30_000):
        ledger.open(("m", f"r{number}", 60, 120))
    ledger.place("a", [Line(minute, "m", "r5", 60, 120, Limits())], 0, 1)
    ledger.forget_ended(119)
    assert len(dict(ledger.entries())) == 30_000
    for _ in range(3):
        ledger.forget_ended(120)
    assert [key[1] for key, _ in ledger.entries()] == ["r5"]
    ledger.release("a")
    ledger.forget_ended(120)
    assert dict(ledger.entries()) == {}


def test_names_lead_to_the_newest() -> None:
    names = Names()
    assert (names.now("a"), names.changed) == ("a", False)
    assert names.rename("a", "b", ["a", "a#more", "other"]) == [("a", "b"), ("a#more", "b#more")]
    names.rename("b", "c", [])
    assert [names.now(one) for one in ("a", "b#more", "c")] == ["c", "c#more", "c"]
    names.rename("c", "a", [])
    assert [names.now(one) for one in ("a", "b", "c")] == ["a", "a", "a"]
    names.keep(["a", "b", "c"])
    assert (names.now("b"), names.changed) == ("b", False)


def test_accounts_that_meet_under_one_name_are_one() -> None:
    ledger = Ledger()
    old, new = Budget("old", "run", None, "lifetime"), Budget("new", "run", None, "lifetime")
    rolling = [Budget(name, "run", None, "rolling", rolls_ns=1_000) for name in ("old", "new")]
    for attempt, terms in (("a", old), ("b", new)):
        ledger.place(attempt, [line(terms=terms)], 0, 10)
    for attempt, terms, window in (("c", rolling[0], 20), ("d", rolling[1], 10)):
        ledger.place(attempt, [Line(terms, terms.name, "r1", window, window + 1_010, Limits())], 0, 10)
    ledger.open(("old", "r1", 0, 0)).waiting += 1
    ledger.rename("old", "new")
    assert {key: account.held_tokens for key, account in ledger.entries()} == {("new", "r1", 0, 0): 20, ("new", "r1", 0, 1_000): 20}
    assert ledger.account(line(terms=new)).waiting == 1
    held = ledger.holds["a"].parts
    ledger.release("a", held)
    assert (ledger.account(line(terms=old)).settled_tokens, ledger.account(line(terms=new)).held_tokens) == (10, 10)
    account = ledger.account(Line(rolling[1], "new", "r1", 30, 1_040, Limits(), 1_020))
    assert account.held_tokens == 10, "the older slice has rolled out"
