"""What counting equal prompts takes: bounded, and what came last stays."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.budgets import line

from orchvynt.decisions.budgets.ledger import Ledger, Line
from orchvynt.decisions.budgets.prompts import LOOKED_AT, Prompts
from orchvynt.language.snapshot import Budget, Limits
from orchvynt.model.budget_facts import PROMPTS

TERMS = Budget("loops", "run", None, "lifetime", same_prompt=5)
ITSELF = line(terms=TERMS)


def prompt(digest: str) -> Line:
    return Line(TERMS, "loops" + PROMPTS, f"r1:{digest}", 0, 0, Limits(invocations=5))


def came(ledger: Ledger, prompts: Prompts, number: int, digest: str, settled: bool = True) -> None:
    lines = (ITSELF, prompt(digest))
    parts = ledger.place(f"att_{number}", lines, 0, 0, 0, 1)
    assert isinstance(parts, tuple)
    prompts.came(lines)
    if settled:
        ledger.release(f"att_{number}", parts)


def kept(ledger: Ledger) -> list[str]:
    return [subject.removeprefix("r1:") for (book, subject, *_), _ in ledger.entries() if book.endswith(PROMPTS)]


@settings(max_examples=100)
@given(st.lists(st.sampled_from("abcdef"), max_size=30))
def test_the_last_ones_are_kept_with_all_their_calls(order: list[str]) -> None:
    ledger = Ledger()
    prompts = Prompts(ledger, most=3)
    for number, digest in enumerate(order):
        came(ledger, prompts, number, digest)
    last = list(dict.fromkeys(reversed(order)))[:3]
    assert sorted(kept(ledger)) == sorted(last)
    assert ledger.account(ITSELF).settled_calls == len(order), "the budget's own book is not touched"
    for digest in last:
        assert 1 <= ledger.account(prompt(digest)).settled_calls <= order.count(digest)


def test_an_open_hold_is_never_forgotten() -> None:
    ledger = Ledger()
    prompts = Prompts(ledger, most=1)
    came(ledger, prompts, 1, "a", settled=False)
    came(ledger, prompts, 2, "b")
    assert sorted(kept(ledger)) == ["a", "b"]
    ledger.release("att_1")


def test_what_was_there_before_makes_room_first() -> None:
    ledger = Ledger()
    for digest in "ab":
        ledger.open(prompt(digest).key).settled_calls = 1
    prompts = Prompts(ledger, most=2)
    came(ledger, prompts, 1, "c")
    assert sorted(kept(ledger)) == ["b", "c"]


def test_a_prompt_that_was_only_waited_for_is_not_kept() -> None:
    ledger = Ledger()
    prompts = Prompts(ledger)
    assert prompts.is_idle(prompt("a"))
    assert not prompts.is_idle(ITSELF)
    came(ledger, prompts, 1, "a")
    assert not prompts.is_idle(prompt("a"))


def test_what_the_ledger_has_dropped_is_not_kept_here() -> None:
    ledger = Ledger()
    prompts = Prompts(ledger)
    for number in range(2 * LOOKED_AT + 1):
        came(ledger, prompts, number, f"p{number}", settled=number != 7)
    ledger.forget([prompt(f"p{number}").key for number in range(2 * LOOKED_AT)])
    for _ in range(3):
        prompts.forget_gone()
    assert [key[1] for key in prompts._keys] == ["r1:p7", f"r1:p{2 * LOOKED_AT}"]
    assert sorted(kept(ledger)) == sorted(["p7", f"p{2 * LOOKED_AT}"])
    ledger.release("att_7")
