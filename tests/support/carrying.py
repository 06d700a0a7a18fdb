"""A whole runtime over fakes of its ports: provider, callers and clock are the test's, store and journal are in memory."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Literal

from tests.support.clock import CountingIds, FakeClock
from tests.support.peers import alone

from orchvynt.adapters.checking.inline import InlineChecking
from orchvynt.adapters.memory.journal import MemoryJournal
from orchvynt.adapters.memory.store import MemoryStore
from orchvynt.adapters.tokens.inline import InlineCounting
from orchvynt.decisions.budgets.leased_ledger import LeasedLedger
from orchvynt.decisions.budgets.ledger import Ledger
from orchvynt.decisions.budgets.measured import OutputSizes
from orchvynt.decisions.budgets.reported import InputReports
from orchvynt.decisions.fallback.health import Health
from orchvynt.decisions.identity.subjects import Subjects
from orchvynt.decisions.overload.bounds import OPEN_MAX, Backlog
from orchvynt.decisions.routing.figures import Observed
from orchvynt.decisions.routing.quality import Scores
from orchvynt.decisions.routing.statistics import Statistics
from orchvynt.dialects import registry
from orchvynt.language.compiled_gates import Presidio
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import SecretRef, Snapshot
from orchvynt.lifecycle.state import State
from orchvynt.model.facts import AnyFact
from orchvynt.model.invocation import Invocation
from orchvynt.ports.caller import CallerLine, Headers, SharedHeaders
from orchvynt.ports.channels import Refusal
from orchvynt.ports.clock import Clock
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.looking import Looked
from orchvynt.ports.secrets import SecretMissingError
from orchvynt.ports.store import StoreUnavailableError
from orchvynt.ports.tokens import TokenCounting
from orchvynt.ports.upstream import Address, UpstreamListener
from orchvynt.runtime.admitting import Admitting
from orchvynt.runtime.alerting import Alerting
from orchvynt.runtime.attempting import Attempting
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.channels import Channels
from orchvynt.runtime.deciding import Deciding
from orchvynt.runtime.delivering import Delivering
from orchvynt.runtime.duties import Duty
from orchvynt.runtime.following_reviews import FollowingReviews
from orchvynt.runtime.forgetting import Forgetting
from orchvynt.runtime.key_tenures import KeyTenures
from orchvynt.runtime.leased_admitting import LeasedAdmitting
from orchvynt.runtime.leasing import Leasing
from orchvynt.runtime.life import Caller, Life
from orchvynt.runtime.limiting import Limiting
from orchvynt.runtime.limiting_together import SharedLimiting
from orchvynt.runtime.looking import LookingInto
from orchvynt.runtime.outages import OutageAlert
from orchvynt.runtime.parked import Parked
from orchvynt.runtime.peers import Peers
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.posting import Posting
from orchvynt.runtime.repeating import Repeating
from orchvynt.runtime.reviewing import Reviewing
from orchvynt.runtime.shedding import Shedding
from orchvynt.runtime.store_clock import StoreClock
from orchvynt.runtime.sweeping import Sweeping
from orchvynt.runtime.tasks import Tasks
from orchvynt.runtime.telling import Telling
from orchvynt.runtime.voting import Voting

Ended = Literal["", "answered", "ended", "aborted", "gone"]


class FakeLine:
    """Implements ports.caller.CallerLine and holds the runtime to its contract: one answer, or one stream with one end."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.content_type = ""
        self.ended: Ended = ""
        self.on_gone: Callable[[], None] | None = None
        self.on_full: Callable[[], None] | None = None
        self.on_drained: Callable[[], None] | None = None

    @property
    def gone(self) -> bool:
        return self.ended == "gone"

    def answer(
        self, status: int, headers: Headers, body: bytes, content_type: str = "application/json", shared: SharedHeaders = ()
    ) -> None:
        if not self.gone:
            self._open(status, (*shared, *headers), content_type)
            self.body, self.ended = body, "answered"

    def start(self, status: int, headers: Headers, content_type: str) -> None:
        if not self.gone:
            self._open(status, headers, content_type)

    def write(self, data: bytes) -> None:
        if not self.gone:
            assert self.status, "a response was not started"
            assert not self.ended, f"written after {self.ended}"
            self.body += data

    def end(self) -> None:
        self._close("ended")

    def abort(self) -> None:
        self._close("aborted")

    def leave(self) -> None:
        """The caller closes its connection."""
        self.ended = "gone"
        if self.on_gone is not None:
            self.on_gone()

    def _open(self, status: int, headers: Headers, content_type: str) -> None:
        assert not self.status, "answered twice"
        assert not self.ended
        self.status, self.headers, self.content_type = status, dict(headers), content_type

    def _close(self, how: Ended) -> None:
        if not self.gone:
            assert not self.ended, f"{how} after {self.ended}"
            self.ended = how

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a refusal."""
        return str(self.json["error"]["code"])


class FakeCall:
    """Implements ports.upstream.UpstreamCall."""

    def __init__(self, listener: UpstreamListener) -> None:
        # As a real one does: the two hold each other until one lets go.
        self.listener = listener
        self.cancelled = False
        self.paused = False

    def cancel(self) -> None:
        self.cancelled = True

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


class Arrival:
    """One request as the provider got it. The test plays the provider's part."""

    def __init__(self, address: Address, path: str, headers: Sequence[tuple[str, str]], body: bytes, listener: UpstreamListener) -> None:
        self.address = address
        self.path = path
        self.headers = dict(headers)
        self.body: dict[str, Any] = json.loads(body)
        self.listener = listener
        self.call = FakeCall(listener)

    def answers(self, body: bytes, status: int = 200, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self.begins(status, headers, b"application/json")
        self.listener.on_data(body)
        self.listener.on_end()

    def begins(self, status: int = 200, headers: Sequence[tuple[bytes, bytes]] = (), kind: bytes = b"text/event-stream") -> None:
        self.listener.on_head(status, [(b"content-type", kind), *headers])

    def streams(self, *frames: bytes) -> None:
        for frame in frames:
            self.listener.on_data(frame)


class FakeUpstream:
    """Implements ports.upstream.Upstream; nothing happens until the test says so."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []

    def send(
        self,
        address: Address,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        connect_ns: int,
        listener: UpstreamListener,
        shared: tuple[tuple[str, str], ...] = (),
        fresh: bool = False,
    ) -> FakeCall:
        assert connect_ns > 0
        arrival = Arrival(address, path, (*shared, *headers), body, listener)
        self.arrivals.append(arrival)
        return arrival.call


class FakeSecrets:
    """Implements ports.secrets.Secrets over a dict of names."""

    def __init__(self, **known: str) -> None:
        self.known = known
        self.forgotten: list[str] = []

    def resolve(self, ref: SecretRef) -> str:
        if ref.name not in self.known:
            raise SecretMissingError(f"${{{ref.source}:{ref.name}}} is not set")
        return self.known[ref.name]

    def forget(self, ref: SecretRef) -> None:
        self.forgotten.append(ref.name)


class FakeLooking:
    """Implements ports.looking.Looking: keeps what it is asked until somebody says what is in it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Presidio, tuple[str, ...], str, Callable[[Looked], None]]] = []

    def look(self, terms: Presidio, kinds: tuple[str, ...], text: str, looked: Callable[[Looked], None]) -> None:
        self.asked.append((terms, kinds, text, looked))

    def prepare(self, terms: Presidio | None) -> None:
        """There is nothing to load."""

    def says(self, problem: str = "", **found: int) -> None:
        """The answer to what was asked first."""
        self.asked.pop(0)[3](Looked(found, problem))


class FakeChannel:
    """Implements ports.channels.Mailing and Apprising: takes everything, unless the next `refusals` say otherwise."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, Any]] = []
        self.refusals: list[Refusal] = []

    async def send(self, url: str, *message: Any) -> Refusal | None:
        if self.refusals:
            return self.refusals.pop(0)
        self.taken.append((url, message))
        return None


class BreakableJournal:
    """A journal that cannot write while `broken`. `frames` are what was appended, in order, in so many `writes`."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal
        self.broken = False
        self.frames: list[list[AnyFact]] = []
        self.writes = 0

    def append(self, facts: Sequence[AnyFact]) -> None:
        if self.broken:
            raise JournalUnavailableError("No space left on device")
        self._journal.append(facts)
        self.frames.append(list(facts))
        self.writes += 1

    def append_all(self, records: Sequence[Sequence[AnyFact]]) -> None:
        if self.broken:
            raise JournalUnavailableError("No space left on device")
        before = self.writes
        for facts in records:
            self.append(facts)
        self.writes = before + 1

    @property
    def tags(self) -> list[str]:
        return [str(fact.__struct_config__.tag) for frame in self.frames for fact in frame]


class BreakableStore(MemoryStore):
    """The memory store; while `away` nothing of it can be read."""

    away = False

    def _check_open(self) -> None:
        super()._check_open()
        if self.away:
            raise StoreUnavailableError("the disk is away")


class Runtime:
    """Everything that assembly puts together, without a socket. Timers of a backoff are in `woken` until the test runs them. With `process`
    it shares its store, and needs a running loop; `clock` is that of its machine."""

    def __init__(
        self,
        snapshot: Snapshot,
        secrets: FakeSecrets | None = None,
        store: BreakableStore | None = None,
        upstream: FakeUpstream | None = None,
        counting: TokenCounting | None = None,
        peers: Peers | None = None,
        process: str = "",
        clock: FakeClock | None = None,
    ) -> None:
        self.reports, self.counting = InputReports(), counting or InlineCounting()
        self.looking = FakeLooking()
        self.clock = clock or FakeClock()
        self.instants: Clock = StoreClock(self.clock) if process else self.clock
        self.ids = CountingIds()
        self.store = store or BreakableStore()
        self.journal = BreakableJournal(MemoryJournal(self.store, process))
        self.upstream = upstream or FakeUpstream()
        self.ledger, self.health, self.sizes = LeasedLedger() if process else Ledger(), Health(), OutputSizes()
        self.statistics, self.scores, self.subjects = Statistics(), Scores(), Subjects()
        self.parked, self.tasks = Parked(), Tasks()
        self.woken: list[tuple[int, Callable[[], None]]] = []
        self.policies = Policies(self.store, InlineChecking(), snapshot)
        self.turn: list[Callable[[], None]] | None = None
        known = secrets or FakeSecrets()
        self.carrier = Carrier(
            self.journal,
            self.instants,
            self.parked,
            Observed(self.statistics, self.scores, self.health.healthy),
            lambda one: self._admitting(one, process),
            lambda one: Attempting(
                self.upstream, known, self.instants, self.ids, self.health, self.sizes, self.statistics, one.feed, one.failed, self.reports
            ),
            lambda wait_ns, woken: self.woken.append((wait_ns, woken)),
            self._soon,
            lambda: self.policies.current,
            lambda one: LookingInto(self.looking, self.instants, one.feed).perform,
            SharedLimiting(self.statistics, self.instants, self.store, process, self.tasks)
            if process
            else Limiting(self.statistics, self.instants),
        )
        admitting = self.carrier.admitting
        admitting.policy_changed(snapshot.budgets, snapshot.budgets)
        self.policies.heard.append(lambda before, after: admitting.policy_changed(before.budgets, after.budgets))
        self.reviewing = Reviewing(self.carrier, self.store, self.policies, self.tasks)
        self.voting = Voting(self.carrier, self.reviewing)
        self.peers = peers or alone(self.store, self.ids, self.tasks)
        self.following = FollowingReviews(self.parked, self.store, self.peers, self.instants, self.tasks)
        self.deciding = Deciding(self.voting, self.parked, self.store, self.peers, self.following)
        tenures = KeyTenures(self.store, self.peers, self.tasks, self.following.follow)
        self.repeating = Repeating(self.carrier, self.reviewing, self.store, self.tasks, self._soon, tenures)
        self.backlog = Backlog()
        self.shedding = Shedding(self.carrier.lives, self.policies, self.instants, lambda: self.backlog, self.instants.monotonic, OPEN_MAX)
        forgetting = Forgetting(self.store, self.ledger, self.instants)
        self.sweeping = Sweeping(self.carrier, self.reviewing, self.voting, self.repeating, forgetting)
        self.said: list[str] = []
        self.mailing, self.apprising = FakeChannel(), FakeChannel()
        channels = Channels(Posting(self.upstream, self.instants), known, self.instants, self.store, self.mailing, self.apprising)
        delivering = Delivering(channels, self.store, self.instants, self.ids, self.policies, self.tasks, self.said.append)
        self.telling = Telling(self.policies, self.store, self.instants, self.ids, delivering, self.said.append)
        self.telling.public_url = "https://ov.example"
        counted, thresholds = self.carrier.counting, self.carrier.admitting.thresholds
        duty = Duty("messages", self.store, self.peers, self.instants)
        outage = OutageAlert(self.carrier.outage, self.policies, self.instants, delivering, self.said.append)
        self.alerting = Alerting(
            self.policies, self.store, self.instants, counted.tallies, counted.spending, thresholds, delivering, self.telling,
            self.said.append, duty, outage,
        )  # fmt: skip

    def _admitting(self, one: Carrier, process: str) -> Admitting:
        ledger, clock = self.ledger, self.instants
        others = self.health, self.sizes, self.statistics, clock, one.feed, one.failed, self.subjects, self.reports, self.counting
        if not isinstance(ledger, LeasedLedger) or not isinstance(clock, StoreClock):
            return Admitting(ledger, *others)
        leasing = Leasing(self.store, process, ledger, clock, self.tasks)
        return LeasedAdmitting(ledger, *others, leasing=leasing, tell=lambda passed: one.release_ended.tell(passed))

    def _soon(self, run: Callable[[], None]) -> None:
        """At once, unless the test plays several events of one turn of the loop."""
        if self.turn is None:
            run()
        else:
            self.turn.append(run)

    def end_turn(self) -> None:
        runs, self.turn = self.turn or [], None
        for run in runs:
            run()

    def ask(self, made: Invocation, line: FakeLine | None = None) -> tuple[Life, FakeLine]:
        """One request arrives, as the data plane takes it."""
        line = line or FakeLine()
        return self.begin(made, line), line

    def begin(self, made: Invocation, line: CallerLine) -> Life:
        """The same, whatever its answer goes to."""
        life = Life(self.policies.current, State(made), self.clock.monotonic())
        self.carrier.callers.attach(life, Caller(line, "asked", made.request_id, life.arrived))
        caller = registry.caller(made.dialect)
        self.carrier.begin(life, RequestValues(made, made.at, lambda: caller.input_text(made.ask)))
        return life

    def later(self, nanoseconds: int) -> None:
        """Time passes, and the sweep looks at what is due."""
        self.clock.advance(nanoseconds)
        self.sweeping.sweep()

    @property
    def last(self) -> Arrival:
        return self.upstream.arrivals[-1]

    @property
    def held_tokens(self) -> int:
        return sum(account.held_tokens for account in dict(self.ledger.entries()).values())
