"""The front door: what of a request's head says whether it is let in while there is too much to do, and what it is told if not.

Nothing of the body is read for that. What makes no new work passes: everything but new invocations and counts, and whoever comes back
for what is under way, kept or parked.
"""

from functools import lru_cache
from typing import Final

from orchvynt.decisions.identity.idempotency import scope_of
from orchvynt.decisions.overload.quota import Priority
from orchvynt.dialects import registry
from orchvynt.language.snapshot import Snapshot
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import DialectName
from orchvynt.ports.clock import Clock
from orchvynt.runtime.parked import Parked
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.repeating import Repeating
from orchvynt.runtime.shedding import Shedding
from orchvynt.surfaces.api.estimating import COUNTING
from orchvynt.surfaces.api.http import answers
from orchvynt.surfaces.api.http.house import Turned
from orchvynt.surfaces.api.http.request import Request
from orchvynt.surfaces.api.intake import READ, head
from orchvynt.surfaces.api.paths import ASKING, place, spoken
from orchvynt.surfaces.api.reception import Reception

_JSON: Final = "application/json"


class FrontDoor:
    """`only_joins` is a request that was let in for what its caller has parked: it may join that, and begin nothing."""

    def __init__(
        self, shedding: Shedding, reception: Reception, policies: Policies, repeating: Repeating, parked: Parked, clock: Clock
    ) -> None:
        self.only_joins: Request | None = None
        self._shedding = shedding
        self._reception = reception
        self._policies = policies
        self._repeating = repeating
        self._parked = parked
        self._clock = clock

    @property
    def disk_full(self) -> bool:
        """Whether nobody is let in because facts of further invocations would not fit on the journal's disk."""
        return self._shedding.backlog.disk_full

    def turn_away(self, request: Request, late: bool) -> Turned | None:
        """See `http.house.TurnAway`."""
        self.only_joins = None
        where = place(request.path)
        if request.method != "POST" or (where.path not in ASKING and where.path != COUNTING):
            return None
        snapshot = self._policies.current
        identity = self._reception.identify(snapshot, request, self._clock.now())
        if isinstance(identity, Fault):
            # It is refused for that, and as early.
            return None
        said = request.derived(head, READ)
        if said.idempotency_key and self._repeating.knows(scope_of(said.idempotency_key, identity.caller, where.path)):
            return None
        if self._parked.has_of(identity.caller) and not said.idempotency_key and where.path != COUNTING:
            self.only_joins = request
            return None
        fault = self._shedding.refuses(identity.key.priority if identity.key is not None else "normal", late)
        return None if fault is None else told(fault, spoken(where.path, request.header), said.request_id)

    def may_begin(self, snapshot: Snapshot, request: Request) -> Fault | None:
        """Why a request that was let in to join begins nothing, having found nothing to join."""
        identity = self._reception.identify(snapshot, request, self._clock.now())
        priority: Priority = "normal"
        if not isinstance(identity, Fault) and identity.key is not None:
            priority = identity.key.priority
        return self._shedding.refuses(priority)


def told(fault: Fault, dialect: DialectName, request_id: str) -> Turned:
    """A refusal in the caller's dialect. `request_id` is the caller's own, as its answer repeats it."""
    turned = _told(fault.code, fault.message, fault.help, tuple(fault.detail.items()), fault.retry_after_seconds, dialect)
    return Turned(turned.head + answers.fields((("x-request-id", request_id),)), turned.body) if request_id else turned


@lru_cache(256)  # few reasons, priorities and seconds; makes a refusal cost a fifth less (bench/overload.py)
def _told(
    code: str, message: str, help_text: str, detail: tuple[tuple[str, str], ...], retry_after_seconds: int | None, dialect: DialectName
) -> Turned:
    fault = Fault(code, message, help_text, detail=dict(detail), retry_after_seconds=retry_after_seconds)
    headers = [("retry-after", str(retry_after_seconds)), ("x-should-retry", "true" if fault.should_retry else "false")]
    return Turned(answers.head(fault.status, _JSON, headers), registry.caller(dialect).error(fault, ""))
