"""Looks twice a second at how the process stands with its store, and tells people of an outage: on stderr, among the alerts, and by
messages to whom alerts are told. What an outage closes is decided elsewhere.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec

from orchvynt.decisions.outage.standing import SECOND, Seen, Standing
from orchvynt.language.document.scalars import duration_text
from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.ports.backlog import FilledBehind
from orchvynt.ports.clock import Clock
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.control import AlertLine
from orchvynt.runtime.counting import NONE
from orchvynt.runtime.delivering import Delivering
from orchvynt.runtime.policies import Policies

TICK_S: Final = 0.5
ALERT: Final = "store_away"
NEXT: Final = "orchvynt status"


class StoreWatch:
    """Keeps the carrier's `Standing` up to date. It must run beside whatever serves."""

    def __init__(self, store: FilledBehind, carrier: Carrier, policies: Policies) -> None:
        self._store = store
        self._carrier = carrier
        self._policies = policies

    async def run(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(TICK_S)

    def look(self) -> None:
        carrier, backlog = self._carrier, self._store.backlog()
        begun = carrier.outage.begun - carrier.group.to_begin
        failures = carrier.counting.journal_failures.numbers[NONE]
        seen = Seen(carrier.clock.monotonic(), backlog.written, backlog.filed, backlog.problem, begun, failures)
        carrier.outage.look(seen, self._policies.current.outage)


class OutageAlert:
    """The alert about the store itself. It is always on."""

    def __init__(self, standing: Standing, policies: Policies, clock: Clock, delivering: Delivering, say: Callable[[str], None]) -> None:
        self._standing = standing
        self._policies = policies
        self._clock = clock
        self._delivering = delivering
        self._say = say

    def tell(self) -> None:
        """What is new of it; asked about once a second."""
        news = self._standing.news()
        if not news:
            return
        text = sentence(self._standing) if news == "firing" else RESOLVED
        self._say(f"alert {news}: {text}")
        written = self._body(news, text)
        for name in self._notified():
            self._delivering.put(name, ALERT, written)

    def line(self) -> AlertLine | None:
        standing = self._standing
        if not standing.away:
            return None
        since = self._clock.now() - standing.lasts_ns
        return AlertLine(
            ALERT, "the store is away", 0, "firing", "", "", None, standing.unheard, since, "", self._notified(), spent=sentence(standing)
        )

    def _notified(self) -> tuple[str, ...]:
        """Whoever is told of any alert."""
        return tuple(dict.fromkeys(name for alert in self._policies.current.alerts for name in alert.notify))

    def _body(self, status: str, text: str) -> bytes:
        at, standing = self._clock.now(), self._standing
        data: dict[str, Any] = {
            "alert": ALERT,
            "when": "the store is away",
            "status": status,
            "repeated": False,
            "text": text,
            "next": NEXT,
            "policy_version": self._policies.current.version,
            "budgets_closed": standing.budgets_closed,
            "invocations_unheard": standing.unheard if standing.away else 0,
        }
        return msgspec.json.encode({"type": f"alert.{status}", "timestamp": instant_text(at), "data": data})


RESOLVED: Final = "The store is back, and takes what the journal kept for it."


def sentence(standing: Standing) -> str:
    """How it stands, in plain text."""
    closed = ["what people would have to decide is refused"]
    if standing.budgets_closed:
        closed.append("budgets are closed")
    else:
        closed.append(f"budgets close after {duration_text(standing.terms.closed_after_ns)}")
    if standing.full:
        closed.append(f"no invocation begins, for {standing.terms.buffer} wait for it")
    lasts = duration_text(standing.lasts_ns // SECOND * SECOND)
    return f"The store has been away for {lasts}; {', '.join(closed)}. {standing.why}"
