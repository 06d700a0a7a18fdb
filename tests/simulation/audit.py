"""The independent auditor: what the provider's books, the callers' answers, the records and the budgets API must have in common.

It never sees the machine. Each rule gives its violations in words; the names of the rules are those that planted bugs are found by.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.simulation.audit_answers import fails_closed, told_once, whole_or_says_so
from tests.simulation.audit_charges import api_agrees, charged_once, fact_before_effect, nothing_stays_held, nothing_unseen, spent
from tests.simulation.audit_limits import hold_covers, never_over, no_false_refusal
from tests.simulation.books import Books
from tests.simulation.plan import Plan
from tests.simulation.timeline import Defect, Timeline

Rule = Callable[[Books], Iterator[str]]


@dataclass(frozen=True)
class Violation:
    rule: str
    text: str


def _no_defect(books: Books) -> Iterator[str]:
    return (entry.text for entry in books.entries if isinstance(entry, Defect))


RULES: Final[dict[str, Rule]] = {
    "no defect": _no_defect,
    "fact before effect": fact_before_effect,
    "hold covers": hold_covers,
    "never over": never_over,
    "charged once": charged_once,
    "nothing unseen is charged": nothing_unseen,
    "no false refusal": no_false_refusal,
    "api agrees": api_agrees,
    "nothing stays held": nothing_stays_held,
    "fails closed": fails_closed,
    "whole or says so": whole_or_says_so,
    "told once": told_once,
    "spent": spent,
}


def audit(plan: Plan, timeline: Timeline) -> list[Violation]:
    """All that is wrong, the first of each rule first."""
    books = Books(plan, timeline)
    return [Violation(name, text) for name, rule in RULES.items() for text in rule(books)]
