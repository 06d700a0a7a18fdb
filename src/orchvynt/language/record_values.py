"""The variables of stage `record`, read out of the facts of one invocation: what `--where` asks about."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from orchvynt.language.expressions.compiling import compile_expression
from orchvynt.language.expressions.values import ReadMap
from orchvynt.language.snapshot import EvaluationError, Expression
from orchvynt.model import facts as f
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Claims
from orchvynt.model.money import NANOS_PER_USD

WHERE_CHARS_MAX: Final = 4_000
_NANOS_PER_SECOND: Final = 1_000_000_000
_NANOS_PER_MS: Final = 1_000_000
_NOBODY: Final = f.InvocationReceived("", 0, "", "", "", "", False, Claims(), 0, "", 0)


class RecordValues(dict[str, object]):
    """`owner` gives the owner of a key of the policy in force, `zone` is the policy's timezone: `now` is the arrival there."""

    def __init__(self, record: Iterable[f.AnyFact], owner: Callable[[str], str] = lambda _: "", zone: str = "UTC") -> None:
        self.received = _NOBODY
        self.budget_events: dict[str, None] = {}
        self.gates: dict[str, None] = {}
        self.owner = owner
        self.zone = zone
        self.routed: f.Routed | None = None
        self.finished: f.InvocationFinished | None = None
        self.delivered: f.AnswerDelivered | None = None
        for fact in record:
            self._take(fact)

    def __missing__(self, name: str) -> object:
        compute = _VALUES.get(name)
        if compute is None:
            raise EvaluationError(f"there is no variable {name}")
        value = self[name] = compute(self)
        return value

    def _take(self, fact: f.AnyFact) -> None:
        match fact:
            case f.InvocationReceived():
                self.received = fact
            case f.Routed():
                self.routed = fact
            case f.AnswerDelivered():
                self.delivered = fact
            case f.InvocationFinished():
                self.finished = fact
            case f.GateJudged() if fact.verdict != "passed":
                self.gates[fact.gate] = None
            case f.HoldAwaited() | f.Downgraded():
                self.budget_events[fact.budget] = None
            case f.HoldPlaced() if fact.limited_by:
                self.budget_events[fact.limited_by] = None
            case f.CandidateSkipped() if fact.why.startswith("budget:"):
                self.budget_events[fact.why.removeprefix("budget:")] = None
            case f.InvocationRefused() if isinstance(budget := fact.detail.get("budget"), str):
                self.budget_events[budget] = None
            case _:
                pass

    @property
    def local(self) -> datetime:
        return datetime.fromtimestamp(self.received.at // _NANOS_PER_SECOND, ZoneInfo(self.zone))

    @property
    def ended(self) -> f.InvocationFinished:
        return self.finished or f.InvocationFinished("", 0, "answered")


_VALUES: Final[Mapping[str, Callable[[RecordValues], object]]] = MappingProxyType(
    {
        "workflow": lambda v: v.received.claims.workflow,
        "agent": lambda v: v.received.claims.agent,
        "run": lambda v: v.received.claims.run,
        "session": lambda v: v.received.claims.session,
        "workload": lambda v: v.received.claims.workload,
        "user": lambda v: v.received.claims.user,
        "flags": lambda v: v.received.claims.flags,
        "context": lambda v: ReadMap(v.received.claims.context),
        "min_quality": lambda v: v.received.claims.min_quality,
        "requested_model": lambda v: v.received.requested_model,
        "endpoint": lambda v: v.received.endpoint,
        "key.name": lambda v: v.received.key,
        "key.owner": lambda v: v.owner(v.received.key),
        "stream": lambda v: v.received.stream,
        "now.hour": lambda v: v.local.hour,
        "now.weekday": lambda v: v.local.isoweekday(),
        # Records do not keep how often a client had sent its request before.
        "caller_retry": lambda _: 0,
        "model": lambda v: v.ended.model or (v.delivered.model if v.delivered is not None else ""),
        "provider": lambda v: v.ended.provider,
        "tier": lambda v: v.ended.tier,
        "rule": lambda v: v.routed.rule if v.routed is not None else "",
        "outcome": lambda v: v.finished.outcome if v.finished is not None else "",
        "cost": lambda v: v.ended.nanos / NANOS_PER_USD,
        "latency_ms": lambda v: v.ended.duration_ns / _NANOS_PER_MS,
        "budget_events": lambda v: tuple(v.budget_events),
        "gates": lambda v: tuple(v.gates),
    }
)


def compile_where(text: str) -> Expression | Fault:
    """The condition over records, or why it is none."""
    if not text.strip() or len(text) > WHERE_CHARS_MAX:
        said = f"`where` is an expression of 1 to {WHERE_CHARS_MAX} characters."
        return Fault("invalid_request", said, 'For example: user == "u-1".', param="where")
    compiled = compile_expression(text, "record")
    if isinstance(compiled, list):
        first = compiled[0]
        said = f"`where`, at character {first.start + 1}: {first}."
        return Fault("invalid_request", said, first.help or "docs/reference/policy.md lists the variables of records.", param="where")
    if compiled.constant is not None:
        said = f"`where` is {'always' if compiled.constant else 'never'} true."
        return Fault("invalid_request", said, "Say whose records are meant.", param="where")
    return compiled.expression
