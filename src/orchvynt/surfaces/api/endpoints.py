"""The data plane's paths: what each takes and gives. Everything unlisted is a 404 that names what there is."""

from functools import partial
from typing import Final

import msgspec

from orchvynt.decisions.identity.credentials import Identity
from orchvynt.decisions.identity.parents import nested
from orchvynt.dialects import registry
from orchvynt.language.scope import RequestValues
from orchvynt.lifecycle.state import State
from orchvynt.lifecycle.unasked import journal_is_full
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import DialectName, Idempotency
from orchvynt.ports.caller import CallerLine
from orchvynt.ports.clock import Ids
from orchvynt.ports.store import Store, StoreUnavailableError
from orchvynt.runtime import answers
from orchvynt.runtime.callers import GRACE_NS
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.depths import Depths
from orchvynt.runtime.feedback import Feedback
from orchvynt.runtime.following_reviews import FollowingReviews
from orchvynt.runtime.life import Caller, Life
from orchvynt.runtime.peers import Peers
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.repeating import Asked, Repeating
from orchvynt.runtime.reviewing import Reviewing
from orchvynt.runtime.seeking import Seeking
from orchvynt.runtime.shedding import Shedding
from orchvynt.runtime.tasks import Tasks
from orchvynt.surfaces.api.door import FrontDoor
from orchvynt.surfaces.api.estimating import COUNTING, ESTIMATED, counted
from orchvynt.surfaces.api.http.request import Request
from orchvynt.surfaces.api.intake import request_id
from orchvynt.surfaces.api.listing import LISTS, SHOW, listed, shown
from orchvynt.surfaces.api.paths import ASKING, PLAIN, Place, place, spoken
from orchvynt.surfaces.api.poll_requests import no_invocation, seconds_asked
from orchvynt.surfaces.api.readiness import Status, readiness, status_of
from orchvynt.surfaces.api.reception import Reception, Taken
from orchvynt.surfaces.api.recorded import record
from orchvynt.surfaces.api.scoring import score, scored

LISTED: Final = (
    "POST /v1/chat/completions, POST /v1/messages, POST /v1/messages/count_tokens, POST /v1/route, POST /api/chat, POST /api/generate, "
    "GET /v1/models, GET /api/tags, POST /api/show, GET /api/version, GET /v1/invocations/{id}, GET /v1/invocations/{id}/result, "
    "POST /v1/invocations/{id}/feedback"
)
_TELLING: Final = frozenset({COUNTING, SHOW})


class DataPlane:
    """Handles one request at a time per line; it starts no task for an invocation."""

    def __init__(
        self,
        carrier: Carrier,
        reviewing: Reviewing,
        repeating: Repeating,
        policies: Policies,
        store: Store,
        ids: Ids,
        tasks: Tasks,
        reception: Reception,
        shedding: Shedding,
        peers: Peers,
        following: FollowingReviews,
    ) -> None:
        self.carrier = carrier
        self.reviewing = reviewing
        self.repeating = repeating
        self.policies = policies
        self.store = store
        self.ids = ids
        self.tasks = tasks
        self.reception = reception
        self.outage = carrier.outage
        self.door = FrontDoor(shedding, reception, policies, repeating, carrier.parked, carrier.clock)
        self.peers = peers
        self.seeking = Seeking(carrier.parked, peers, following, carrier.clock)
        self.depths = Depths(store, peers)
        self.feedback = Feedback(carrier.journal, carrier.clock, store, carrier.observed.scores, peers)
        # Told to load balancers first; what still arrives is served until `draining`.
        self.ready = True
        self.draining = False
        # By code: what was refused before it was an invocation.
        self.refusals: dict[str, int] = {}

    def handle(self, request: Request, line: CallerLine) -> None:
        where = PLAIN.get(request.path) or place(request.path)
        path = where.path
        dialect = ASKING.get(path)
        if dialect is not None and request.method == "POST":
            self._ask(request, line, where, dialect)
        elif request.method in ("GET", "HEAD"):
            # RFC 9110 section 9.1: who serves GET serves HEAD; health checks ask with it. The line leaves the body out.
            self._read(request, line, path)
        elif request.method == "POST" and (inv := scored(path)):
            self.tasks.start(self._score(request, line, inv), f"feedback {inv}")
        elif request.method == "POST" and path in _TELLING:
            self._tell(request, line, path)
        elif dialect is not None or path in _TELLING or path in LISTS or path.startswith(("/v1/invocations/", "/health/")):
            allowed = "POST" if dialect or path in _TELLING else "GET"
            fault = Fault("method_not_allowed", f"{path} takes {allowed}, not {request.method}.", f"Use {allowed}.")
            self._refuse(request, line, fault, [("allow", "POST" if allowed == "POST" else "GET, HEAD")])
        else:
            self._not_found(request, line, path)

    def _ask(self, request: Request, line: CallerLine, where: Place, dialect: DialectName) -> None:
        if self.draining:
            self._refuse(request, line, Fault("overloaded", "This server is shutting down.", retry_after_seconds=1))
            return
        if self.outage.away and self.outage.full:
            self._refuse(request, line, journal_is_full(self.outage.why, self.outage.terms.buffer))
            return
        clock = self.carrier.clock
        arrived = clock.monotonic()
        snapshot = self.policies.current
        taken = self.reception.take(request, where, dialect, snapshot, self.ids.new("inv"), clock.now())
        if isinstance(taken, Fault):
            self._refuse(request, line, taken)
            return
        made = taken.invocation
        life = Life(snapshot, State(made), arrived)
        # What its key has against a request is no answer of the idempotency key.
        if made.idempotency is not None and taken.refused is None:
            self._ask_once(life, taken, made.idempotency, request, line)
            return
        only_joins = self.door.only_joins is request
        if taken.refused is None and self.seeking.doubts(life.state, bool(snapshot.gates)):
            self.tasks.start(self._seek(life, taken, request, line, only_joins), f"what {made.id} may join")
        else:
            self._join_or_begin(life, taken, request, line, only_joins)

    def _join_or_begin(self, life: Life, taken: Taken, request: Request, line: CallerLine, only_joins: bool) -> None:
        made = taken.invocation
        one = self.carrier.parking.joinable(life.state) if taken.refused is None else None
        if one is not None:
            self.reviewing.join(one, line, made.request_id)
        elif only_joins and (fault := self.door.may_begin(life.snapshot, request)) is not None:
            self._refuse(request, line, fault)
        else:
            self._begin(life, taken, line, made.request_id)

    async def _seek(self, life: Life, taken: Taken, request: Request, line: CallerLine, only_joins: bool) -> None:
        """The same where another process may have parked what this request comes back for."""
        await self.seeking.again(life.state)
        # Who left before anything was sent asked for nothing.
        if not line.gone:
            self._join_or_begin(life, taken, request, line, only_joins)

    def _ask_once(self, life: Life, taken: Taken, key: Idempotency, request: Request, line: CallerLine) -> None:
        """The same under an idempotency key. Apart from `_ask`, so that only these requests pay for variables that outlive their call."""
        made = taken.invocation
        self.repeating.ask(
            Asked(
                key,
                made.id,
                line,
                made.request_id,
                lambda tape: self._begin(life, taken, tape, ""),
                lambda fault: self._refuse(request, line, fault),
                life.arrived + max(0, made.caller_timeout_ns - GRACE_NS),
            )
        )

    def _begin(self, life: Life, taken: Taken, line: CallerLine, echoed: str) -> None:
        """A new invocation. `echoed` is the caller's own id of its request, as its answer repeats it."""
        if parent := taken.invocation.claims.parent:
            depth = self.depths.known(parent, taken.invocation.caller)
            if not depth and taken.refused is None and self.depths.watched(life.snapshot):
                self.tasks.start(self._begin_below(life, taken, line, echoed), f"depth of {life.id}")
                return
            life.state.invocation = nested(taken.invocation, depth)
        self._go(life, taken, line, echoed)

    async def _begin_below(self, life: Life, taken: Taken, line: CallerLine, echoed: str) -> None:
        """The same where only the store can know the parent, and a budget asks for it: if it cannot be asked, nothing passes."""
        made, depth = taken.invocation, 0
        try:
            depth = await self.depths.find(made.claims.parent, made.caller)
        except StoreUnavailableError as error:
            said = f"How deep this invocation is nested cannot be looked up ({error}), and a budget limits it."
            fault = Fault("store_unavailable", said, "Send the same request again.", retry_after_seconds=5)
            taken = Taken(made, fault, taken.conversation)
        # Who left before anything was sent asked for nothing.
        if not line.gone:
            life.state.invocation = nested(made, depth, sought=taken.refused is None)
            self._go(life, taken, line, echoed)

    def _go(self, life: Life, taken: Taken, line: CallerLine, echoed: str) -> None:
        made = life.state.invocation
        self.outage.begun += 1
        self.depths.began(made, life.snapshot)
        life.conversation = taken.conversation
        self.carrier.callers.attach(life, Caller(line, "asked", echoed, life.arrived))
        read = partial(registry.caller(made.dialect).input_text, made.ask)
        values = RequestValues(made, made.at, read, life.snapshot.timezone)
        self.carrier.begin(life, values, taken.refused)

    def _read(self, request: Request, line: CallerLine, path: str) -> None:
        if path == "/health/live":
            line.answer(200, (), b'{"status":"live"}')
        elif path == "/health/ready":
            self._ready(line)
        elif path in LISTS or path.startswith("/v1/invocations/"):
            identity = self.reception.identify(self.policies.current, request, self.carrier.clock.now())
            if isinstance(identity, Fault):
                self._refuse(request, line, identity)
            elif path in LISTS:
                line.answer(200, (), listed(path, self.policies.current, identity, spoken(path, request.header)))
            else:
                self._invocation(request, line, path.removeprefix("/v1/invocations/"), identity)
        elif path in ASKING or path in _TELLING:
            fault = Fault("method_not_allowed", f"{path} takes POST, not {request.method}.", "Use POST.")
            self._refuse(request, line, fault, [("allow", "POST")])
        else:
            self._not_found(request, line, path)

    @property
    def status(self) -> Status:
        return status_of(self.ready, self.outage, self.door.disk_full, self.policies.current)

    def _ready(self, line: CallerLine) -> None:
        status = self.status
        body = readiness(status, self.outage, self.policies, self.carrier.clock.now())
        line.answer(200 if status == "ready" else 503, (), msgspec.json.encode(body))

    def _tell(self, request: Request, line: CallerLine, path: str) -> None:
        """What is answered at once, without asking a model."""
        snapshot = self.policies.current
        identity = self.reception.identify(snapshot, request, self.carrier.clock.now())
        said: bytes | Fault
        if isinstance(identity, Fault):
            said = identity
        else:
            said = counted(snapshot, identity, request) if path == COUNTING else shown(request.body, snapshot, identity)
        if isinstance(said, Fault):
            self._refuse(request, line, said)
        else:
            line.answer(200, ESTIMATED if path == COUNTING else (), said)

    def _invocation(self, request: Request, line: CallerLine, rest: str, identity: Identity) -> None:
        inv, _, what = rest.partition("/")
        if what == "result":
            self._result(request, line, inv, identity)
        elif what:
            self._not_found(request, line, request.path)
        else:
            self.tasks.start(self._record(request, line, inv, identity), f"record {inv}")

    async def _record(self, request: Request, line: CallerLine, inv: str, identity: Identity) -> None:
        self._tell_of(inv, await record(self.peers, self.store, inv, identity.caller), request, line)

    async def _score(self, request: Request, line: CallerLine, inv: str) -> None:
        identity = self.reception.identify(self.policies.current, request, self.carrier.clock.now())
        said = identity if isinstance(identity, Fault) else await score(self.feedback, inv, identity.caller, request)
        self._tell_of(inv, said, request, line)

    def _tell_of(self, inv: str, said: bytes | Fault, request: Request, line: CallerLine) -> None:
        if isinstance(said, Fault):
            self._refuse(request, line, said)
        else:
            line.answer(200, [("x-orchvynt-invocation", inv)], said)

    async def _seek_result(self, request: Request, line: CallerLine, inv: str, identity: Identity) -> None:
        """Another process may have parked it a moment ago."""
        if (fault := await self.seeking.invocation(inv)) is not None:
            self._refuse(request, line, fault)
        else:
            self._result(request, line, inv, identity, sought=True)

    def _result(self, request: Request, line: CallerLine, inv: str, identity: Identity, sought: bool = False) -> None:
        one = self.carrier.parked.invocation(inv)
        if one is None and not self.peers.alone and not sought:
            self.tasks.start(self._seek_result(request, line, inv, identity), f"result of {inv}")
            return
        if one is None or one.key_id != identity.caller:
            fault = no_invocation(inv)
            help_text = "Only the answer of an invocation that was parked for review is kept, for 24 hours, for the key that asked."
            self._refuse(request, line, msgspec.structs.replace(fault, help=help_text))
            return
        wait = seconds_asked(request.query)
        if isinstance(wait, Fault):
            self._refuse(request, line, wait)
            return
        self.reviewing.poll(one, line, request_id(request.header), wait)

    def _not_found(self, request: Request, line: CallerLine, path: str) -> None:
        self._refuse(request, line, Fault("not_found", f"There is no {request.method} {path[:200]} here.", f"There is: {LISTED}."))

    def _refuse(self, request: Request, line: CallerLine, fault: Fault, headers: list[tuple[str, str]] | None = None) -> None:
        self.refusals[fault.code] = self.refusals.get(fault.code, 0) + 1
        said = headers or []
        if fault.code == "unauthorized":
            said.append(("www-authenticate", "Bearer"))
        if echo := request_id(request.header):
            said.append(("x-request-id", echo))
        answers.answer_fault(line, fault, registry.caller(spoken(place(request.path).path, request.header)).error(fault, ""), said)
