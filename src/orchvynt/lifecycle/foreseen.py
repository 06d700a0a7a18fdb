"""What comes of a request before its first hold, as values that every invocation which is alike may share: nobody may change them."""

import msgspec

from orchvynt.decisions.budgets.applied import Applied
from orchvynt.decisions.fallback.chains import ChainChoice
from orchvynt.decisions.gates.verdicts import Verdict
from orchvynt.decisions.routing.planned import Plan
from orchvynt.language.snapshot import Gate
from orchvynt.model.faults import Fault


class Foreseen(msgspec.Struct, frozen=True, gc=False):
    """What is certain of a gate before the send, and what it read for that; `verdict` is None where it must see the answer."""

    gate: Gate
    verdict: Verdict | None
    reads: dict[str, object]


class Course(msgspec.Struct, frozen=True, gc=False):
    """The chain, the plan, what routing read as it is recorded, the budgets that apply or why the invocation cannot go on, and what the
    gates foresee. `everybodys`: each of the budgets counts for all alike. `plain`: no budget of the policy counts by an expression,
    watches for runaways or leads to another model. `asks`: a gate that must see the answer reads what that does not say by itself: how sure
    it is, how it compares with others, or what Presidio finds."""

    choice: ChainChoice
    plan: Plan
    reads: dict[str, object]
    applied: list[Applied] | Fault
    everybodys: bool
    plain: bool
    gates: tuple[Foreseen, ...] = ()
    asks: bool = False
