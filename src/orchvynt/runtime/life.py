"""One invocation while it is in this process: its state, its snapshot, its callers and its timers."""

from collections.abc import Callable
from typing import Final, Protocol

from orchvynt.decisions.alerts.tallies import Tally
from orchvynt.decisions.budgets.ledger import Line
from orchvynt.decisions.fallback.routes import Route, RouteProbe
from orchvynt.decisions.identity.conversations import Conversation
from orchvynt.decisions.limits.limiter import Ticket
from orchvynt.dialects.rate_headers import RateHeaders
from orchvynt.dialects.shapes import Seen
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.commands import AnyCommand
from orchvynt.lifecycle.state import State
from orchvynt.model.facts import AnyFact
from orchvynt.ports.caller import CallerLine

NEVER: Final = 1 << 62


class UnderWay(Protocol):
    """The attempt of a life, as far as the rest of the runtime needs it."""

    flows: bool
    delivered_bytes: int
    paused: bool

    @property
    def seen(self) -> Seen | None: ...

    def cancel(self) -> None: ...

    def time_out(self, outcome: str, message: str) -> None: ...

    def made_progress(self) -> bool: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class Caller:
    """One connection that waits for the answer. `form` is how it wants it: as it asked, or the body for a poll of `/result`.

    `since` is the monotonic instant of its request: its own timeout counts from there.
    """

    __slots__ = ("due", "form", "line", "opened", "request_id", "since", "told")

    def __init__(self, line: CallerLine, form: str, request_id: str, since: int) -> None:
        self.line = line
        self.form = form
        self.request_id = request_id
        self.since = since
        self.opened = False
        self.told: frozenset[str] = frozenset()
        self.due = NEVER


class Life:
    """`conversation` is where the request stands among those of its caller, None where its run was said. `unwritten` are facts that go
    into the journal before the next effect; `following` are the commands that wait for that. `ahead` is its next step, if that waits
    for the end of the turn of the loop.

    `asked` is whom the last attempt went to, `waited` whether it stood still for a hold, a retry or a person, `reviewed` whether for a
    person, `tally` where a use of its chain is counted, None once it was; only what counts reads these.

    `route` is the one that was last looked at, `probe` is set while its attempt is one that others wait for; `retries` once it comes back
    for a retry, until that is sent. `ticket` is what it holds of the rate limits while it runs, `rate_headers` what its callers are told
    of them.

    `queued` is set while its admission is not decided yet: it waits for holds, or its input is being counted. `counts` are the exact
    counts of its input by tokenizer, None where there is none to be had. `hold_wait_ns` is how long it waited for holds before.

    `looks` is set while Presidio is asked about its answer. `judge` is the question to a judge about its answer, a life within this one,
    and `parent` of such a question the life of its invocation.

    Timers are monotonic instants by name; `due` is never later than the earliest of them.
    """

    # What most lives never change stands here and not in `__init__`, where each life would set it: 50 instructions (bench/instructions.py).
    conversation: Conversation | None = None
    lines: tuple[Line, ...] = ()
    route: Route | None = None
    probe: RouteProbe | None = None
    retries: bool = False
    due: int = NEVER
    upstream_ns: int = 0
    queued: object | None = None
    hold_wait_ns: int = 0
    following: list[AnyCommand] | None = None
    ahead: Callable[[], object] | None = None
    asked: tuple[str, str] = ("", "")
    tally: Tally | None = None
    ticket: Ticket | None = None
    rate_headers: RateHeaders = ()
    waited: bool = False
    reviewed: bool = False
    judge: "Life | None" = None
    parent: "Life | None" = None
    looks: object | None = None

    def __init__(self, snapshot: Snapshot, state: State, arrived: int) -> None:
        self.id: Final = state.invocation.id
        self.snapshot = snapshot
        self.state = state
        self.arrived = arrived
        self.exchange: UnderWay | None = None
        self.callers: list[Caller] = []
        self.timers: dict[str, int] = {}
        self.counts: dict[str, int | None] = {}
        self.unwritten: list[AnyFact] = []

    def take_ahead(self) -> None:
        """The step that waits is taken now."""
        take, self.ahead = self.ahead, None
        if take is not None:
            take()

    def free_probe(self) -> None:
        """Its attempt is over, decided or not: another one may try."""
        probe, self.probe = self.probe, None
        if probe is not None:
            probe.free()

    def set_timer(self, name: str, due: int) -> None:
        self.timers[name] = due
        if due < self.due:
            self.due = due

    def stop_timer(self, name: str) -> None:
        """`due` may stay early; the sweep then finds nothing and corrects it."""
        self.timers.pop(name, None)

    def stop_timers(self, names: tuple[str, ...]) -> None:
        timers = self.timers
        for name in names:
            if name in timers:
                del timers[name]

    def take_due(self, now: int) -> list[str]:
        """The names of the timers that are due, removed, earliest first; `due` is exact afterwards."""
        names = sorted((name for name, due in self.timers.items() if due <= now), key=lambda name: self.timers[name])
        for name in names:
            del self.timers[name]
        self.due = min(self.timers.values(), default=NEVER)
        return names
