"""When a share of a budget is reached: by settled amounts, once for each budget, subject and window, whatever comes in between."""

from hypothesis import given
from hypothesis import strategies as st
from tests.support.budgets import line as line_of

from orchvynt.decisions.budgets import thresholds as t
from orchvynt.decisions.budgets.ledger import Ledger, Line
from orchvynt.decisions.budgets.thresholds import Thresholds
from orchvynt.language.compiled_budgets import Breach, Budget, Limits

SHARES = (5_000, 8_000, 10_000)


def line(limits: Limits, kind: str = "reject", window: int = 0, resets_at: int = 0, rolls_ns: int = 0) -> Line:
    breach = Breach("alert") if kind == "alert" else Breach()
    terms = Budget("b", "run", None, "lifetime", limits, breach=breach, alert_at=SHARES, rolls_ns=rolls_ns)
    made = line_of(subject="r", resets_at=resets_at, terms=terms)
    return Line(terms, made.book, made.subject, window, resets_at, made.limits)


TOKENS = line(Limits(tokens=100))


def spent(ledger: Ledger, of: Line, tokens: int) -> None:
    ledger.open(of.key).settled_tokens += tokens


def test_holds_do_not_count_and_each_share_is_told_once() -> None:
    ledger, thresholds = Ledger(), Thresholds()
    ledger.open(TOKENS.key).held_tokens = 100
    assert thresholds.settled(TOKENS, ledger, "inv_1", 7) == []
    spent(ledger, TOKENS, 80)
    told = thresholds.settled(TOKENS, ledger, "inv_2", 8)
    assert [(one.share, one.unit, one.limit, one.settled, one.why, one.inv, one.at) for one in told] == [
        (5_000, "tokens", 100, 80, "settled", "inv_2", 8),
        (8_000, "tokens", 100, 80, "settled", "inv_2", 8),
    ]
    assert thresholds.settled(TOKENS, ledger, "inv_3", 9) == []
    assert [one.share for one in thresholds.exhausted(TOKENS, ledger, "inv_4", 10, "refused")] == [10_000]
    spent(ledger, TOKENS, 900)
    assert thresholds.settled(TOKENS, ledger, "inv_5", 11) == []


def test_the_unit_that_is_furthest_decides_and_one_that_only_advises_counts_by_its_own_limit() -> None:
    both = line(Limits(nanos=1_000, output_tokens=10), "alert")
    ledger = Ledger()
    account = ledger.open(both.key)
    account.settled_nanos, account.settled_output = 499, 8
    (first, second) = Thresholds().settled(both, ledger, "inv_1", 1)
    assert (first.unit, first.share, second.share) == ("output_tokens", 5_000, 8_000)


def test_a_new_window_begins_anew_and_the_old_one_is_forgotten() -> None:
    ledger, thresholds = Ledger(), Thresholds()
    first, second = line(Limits(tokens=100), window=10, resets_at=20), line(Limits(tokens=100), window=20, resets_at=30)
    for one in (first, second):
        spent(ledger, one, 50)
        assert len(thresholds.settled(one, ledger, "inv_1", one.window)) == 1
    thresholds.forget_ended(20)
    assert len(thresholds.settled(first, ledger, "inv_1", 15)) == 1
    assert thresholds.settled(second, ledger, "inv_1", 25) == []


def test_nobody_is_looked_at_while_no_window_ends() -> None:
    """A look comes each second, and 100,000 subjects would take it 10 ms."""
    ledger, thresholds = Ledger(), Thresholds()
    for number in range(3):
        one = line(Limits(tokens=100), window=10 * number, resets_at=10 * number + 10)
        spent(ledger, one, 50)
        thresholds.settled(one, ledger, "inv_1", one.window)
    told = thresholds._told
    thresholds.forget_ended(9)
    assert thresholds._told is told
    thresholds.forget_ended(20)
    assert [key[2] for key in thresholds._told] == [20]


def test_a_window_that_rolls_is_told_of_once_in_its_length() -> None:
    rolling, ledger, thresholds = line(Limits(tokens=100), rolls_ns=1_000), Ledger(), Thresholds()
    spent(ledger, rolling, 50)
    told = [len(thresholds.settled(rolling, ledger, "inv_1", at)) for at in (5_100, 5_900, 6_100, 6_900)]
    assert told == [1, 0, 1, 0]


def test_what_an_earlier_process_told_is_known_and_the_memory_is_bounded() -> None:
    ledger, thresholds = Ledger(), Thresholds()
    spent(ledger, TOKENS, 80)
    told = thresholds.settled(TOKENS, ledger, "inv_1", 1)
    later = Thresholds()
    later.recall(told)
    assert later.settled(TOKENS, ledger, "inv_2", 2) == []
    for number in range(t.TOLD_MAX):
        later._note("b", f"s{number}", 0, 5_000, 0)
    assert len(later._told) == t.TOLD_MAX


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["settle", "refuse"]))))
def test_whatever_comes_every_share_is_told_at_most_once_and_as_soon_as_it_is_reached(moves: list[tuple[int, str]]) -> None:
    ledger, thresholds, told, total, refused = Ledger(), Thresholds(), [], 0, False
    for tokens, what in moves:
        if what == "settle":
            spent(ledger, TOKENS, tokens)
            total += tokens
            told += thresholds.settled(TOKENS, ledger, "inv", 1)
        else:
            refused = True
            told += thresholds.exhausted(TOKENS, ledger, "inv", 1, "refused")
        expected = [share for share in SHARES if refused or total * 100 >= share]
        assert [one.share for one in told] == expected
