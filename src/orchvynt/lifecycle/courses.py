"""The course of an invocation before its first hold: its chain, its plan, the budgets that apply, and what its gates foresee.

It hangs on the request and the policy alone, not on what is spent, held or measured. Most requests are alike in all that their policy reads
of them: the course of the first one serves the others, and none of their conditions is evaluated again (saves a tenth of an invocation).
"""

from typing import Final

from orchvynt.catalog.bounds import input_tokens_ceiling
from orchvynt.decisions.budgets.application import applicable
from orchvynt.decisions.fallback.chains import choose_chain
from orchvynt.decisions.gates.judgement import foresee
from orchvynt.decisions.routing.figures import Observed
from orchvynt.decisions.routing.plan import WHATEVER, lasts_for, plan
from orchvynt.language.alike import Mark, Marking
from orchvynt.language.detecting import of_presidio
from orchvynt.language.scope import RequestValues, recorded
from orchvynt.language.snapshot import Budget, Gate, Snapshot
from orchvynt.lifecycle.confidence import READS_UNUSUAL
from orchvynt.lifecycle.foreseen import Course, Foreseen
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Ask, Invocation

KEPT_MAX: Final = 4_096
HITS_NEEDED: Final = 4
"""Where courses are found again less often than this, each, the policy reads what differs from call to call: nothing is kept of it."""


def course_of(snapshot: Snapshot, invocation: Invocation, values: RequestValues, observed: Observed, mono: int) -> Course:
    """Decides it; `mono` is the monotonic instant."""
    choice = choose_chain(snapshot, values)
    routed = plan(snapshot, invocation, values, observed, mono, snapshot.chains.get(choice.name))
    reads = recorded(values)
    if routed.refusal is not None:
        return Course(choice, routed, reads, [], everybodys=False, plain=False)
    budgets = snapshot.budgets
    applied = applicable(budgets, invocation, values)
    if isinstance(applied, Fault):
        return Course(choice, routed, reads, applied, everybodys=False, plain=False)
    everybodys = all(budgets[one.number].scope == "global" for one in applied)
    gates = tuple([_foreseen(gate, invocation.ask, values) for gate in snapshot.gates if gate.stage != "input"])
    asks = any(one.verdict is None and _asks(snapshot, one.gate) for one in gates)
    return Course(choice, routed, reads, applied, everybodys, all(_is_plain(budget) for budget in budgets), gates, asks)


def _is_plain(budget: Budget) -> bool:
    return budget.by is None and budget.depth is None and budget.same_prompt is None and budget.breach.kind != "downgrade"


def _foreseen(gate: Gate, ask: Ask, values: RequestValues) -> Foreseen:
    verdict = foresee(gate, values, ask.tool_names, ask.stream)
    # Most calls meet no gate: that costs them a fact, and nothing is read for it.
    closes = verdict is not None and verdict != "passed" and gate.when is not None
    return Foreseen(gate, verdict, recorded(values, gate.when.names) if closes and gate.when is not None else {})


def _asks(snapshot: Snapshot, gate: Gate) -> bool:
    if gate.confidence is not None:
        return True
    names = gate.when.names if gate.when is not None else ()
    return READS_UNUSUAL in names or (snapshot.presidio is not None and bool(of_presidio(names)))


class Courses:
    """A memory of courses: those of the newest snapshot that was met, by the marks of their invocations, each with the most tokens for
    which it holds. Asked only for invocations of which nothing was read before."""

    __slots__ = ("_hits", "_kept", "_marking", "_of")

    def __init__(self) -> None:
        self._of: Snapshot | None = None
        self._marking: Marking | None = None
        self._kept: dict[Mark, tuple[int, Course]] = {}
        self._hits = 0

    def find(self, snapshot: Snapshot, invocation: Invocation) -> Course | None:
        marking = self._marking
        if marking is None or self._of is not snapshot or (mark := marking.mark(invocation)) is None:
            return None
        kept = self._kept.get(mark)
        if kept is None or (kept[0] != WHATEVER and _tokens(invocation.ask) > kept[0]):
            return None
        self._hits += 1
        return kept[1]

    def keep(self, snapshot: Snapshot, invocation: Invocation, course: Course) -> None:
        """Remembers it, if the same comes of every invocation with the same mark."""
        if self._of is not snapshot and (self._of is None or snapshot.version >= self._of.version):
            # Who is pinned to an older one comes seldom, and finds nothing.
            self._of, self._marking, self._kept, self._hits = snapshot, Marking(snapshot), {}, 0
        marking = self._marking
        if marking is None or self._of is not snapshot or isinstance(course.applied, Fault):
            return
        mark = marking.mark(invocation)
        if mark is None:
            return
        tokens_max = lasts_for(snapshot, invocation, course.plan)
        if _tokens(invocation.ask) > tokens_max:
            return
        if len(self._kept) >= KEPT_MAX and mark not in self._kept:
            if self._hits < HITS_NEEDED * KEPT_MAX:
                self._marking = None
            self._kept, self._hits = {}, 0
        else:
            self._kept[mark] = (tokens_max, course)


def _tokens(ask: Ask) -> int:
    """The most tokens that it comes to, whichever model takes it."""
    return input_tokens_ceiling(ask) + (ask.max_output_tokens or 0) * ask.choices
