"""By what invocations are alike to a policy: the values that its conditions read before anything is sent, and what else plans hang on.

Two invocations under one snapshot with equal marks get the same rule, chain, budgets and foreseen verdicts, as long as neither is too
long. Knows no decision; who remembers one by a mark says what else it hangs on.
"""

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from types import MappingProxyType
from typing import Final

from orchvynt.language.detecting import OUTPUT_DETECTED
from orchvynt.language.snapshot import Expression, Snapshot
from orchvynt.language.variables import OUTPUT_NAMES
from orchvynt.model.invocation import Invocation

Mark = tuple[object, ...]

# Where the variables stand in an invocation whose values compare by their meaning. What is missing here (the time of day, texts and their
# lengths) differs from call to call.
_PLACES: Final = MappingProxyType(
    {
        "workflow": "claims.workflow",
        "agent": "claims.agent",
        "run": "claims.run",
        "session": "claims.session",
        "workload": "claims.workload",
        "user": "claims.user",
        "flags": "claims.flags",
        "min_quality": "claims.min_quality",
        "requested_model": "ask.requested_model",
        "endpoint": "endpoint",
        "key.name": "key",
        "key.owner": "key_owner",
        "stream": "ask.stream",
        "caller_retry": "retry_count",
        "input.messages": "ask.message_count",
        "input.images": "ask.image_count",
        "tools": "ask.tool_names",
        "max_output_tokens": "ask.max_output_tokens",
        "wants.json_schema": "ask.wants_json_schema",
    }
)
# What plans and gates look at, whatever the conditions read.
_ALWAYS: Final = ("requested_model", "key.name", "stream", "tools", "input.images", "wants.json_schema", "min_quality")


class Marking:
    """Gives the marks of invocations under one snapshot. `mark` is one C call, where reading the values for one condition after the other
    takes 20 instructions each."""

    __slots__ = ("_mark", "_without_context")

    def __init__(self, snapshot: Snapshot) -> None:
        names = {name for expression in _read(snapshot) for name in expression.names if not _of_answer(name)}
        # A map has no hash. Of callers that send none, all contexts are alike.
        self._without_context = "context" in names
        names.discard("context")
        self._mark: Callable[[Invocation], Mark] | None = None
        if names <= _PLACES.keys():
            self._mark = attrgetter(*sorted({_PLACES[name] for name in (*_ALWAYS, *names)}))

    def mark(self, invocation: Invocation) -> Mark | None:
        """None where the policy reads something of this one that no mark holds."""
        if self._mark is None or (self._without_context and invocation.claims.context):
            return None
        return self._mark(invocation)


def _of_answer(name: str) -> bool:
    return name in OUTPUT_NAMES or name.startswith(OUTPUT_DETECTED)


def _read(snapshot: Snapshot) -> Iterator[Expression]:
    """Every condition that is looked at between the request and the first hold."""
    yield from _there(rule.when for rule in snapshot.rules)
    yield from _there(constraint.when for constraint in snapshot.constraints)
    yield from _there(use.when for use in snapshot.chain_uses)
    yield from _there(budget.when for budget in snapshot.budgets)
    yield from _there(gate.when for gate in snapshot.gates)


def _there(expressions: Iterable[Expression | None]) -> Iterator[Expression]:
    return (expression for expression in expressions if expression is not None)
