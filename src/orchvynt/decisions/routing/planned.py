"""The plan of one invocation as a value, and what it is made from: the rules that were tried, the model that was routed to."""

import msgspec

from orchvynt.language.snapshot import Model, Rule
from orchvynt.model.candidates import CandidateChosen, CandidateRejected
from orchvynt.model.faults import Fault


class Plan(msgspec.Struct, frozen=True):
    """`rule` is empty where no rule matched. Tier numbers are positions, from 1. `refusal` is set where no candidate is left.

    `rules` holds the rule that matched and those that failed, `passed_over` how many others came before it. `figures` are those that
    a rule's choice read, by candidate. `left` is the routed model, where a filter rejects it.
    """

    rule: str
    candidates: tuple[CandidateChosen, ...]
    rejected: tuple[CandidateRejected, ...]
    chain: str
    rules: tuple[tuple[str, str], ...]
    passed_over: int = 0
    figures: dict[str, object] = {}
    refusal: Fault | None = None
    left: str = ""


class Routed(msgspec.Struct, frozen=True):
    """The routed model, if there is one, and why. `checked` says that it passed the filters; `named` that the caller itself named it."""

    model: Model | None
    why: str
    unmeasured: tuple[str, ...] = ()
    rejected: tuple[CandidateRejected, ...] = ()
    figures: dict[str, object] = {}
    checked: bool = False
    named: bool = False


class Tried(msgspec.Struct, frozen=True, gc=False):
    """`failures` are the first rules that failed, with why. `passed_over` counts all that came before `rule` and did not match."""

    rule: Rule | None
    failures: tuple[tuple[str, str], ...]
    passed_over: int
