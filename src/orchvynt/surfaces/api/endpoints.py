"""The data plane's paths: what each takes and gives. Everything unlisted is a 404 that names what there is."""

from typing import Final, cast

import msgspec

from orchvynt.dialects import registry
from orchvynt.language.scope import RequestValues
from orchvynt.lifecycle.explain.explanation import explain
from orchvynt.lifecycle.state import State
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import DialectName
from orchvynt.ports.caller import CallerLine
from orchvynt.ports.clock import Ids
from orchvynt.ports.store import Store, StoreUnavailableError
from orchvynt.runtime import answers
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.life import Caller, Life
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.reviewing import Reviewing
from orchvynt.runtime.tasks import Tasks
from orchvynt.surfaces.api.http.request import Request
from orchvynt.surfaces.api.intake import caller_key, invocation, request_id

ASKING: Final[dict[str, str]] = {"/v1/chat/completions": "openai_chat", "/v1/route": "route"}
LISTED: Final = "POST /v1/chat/completions, POST /v1/route, GET /v1/models, GET /v1/invocations/{id}, GET /v1/invocations/{id}/result"


class DataPlane:
    """Handles one request at a time per line; it starts no task for an invocation."""

    def __init__(self, carrier: Carrier, reviewing: Reviewing, policies: Policies, store: Store, ids: Ids, tasks: Tasks) -> None:
        self.carrier = carrier
        self.reviewing = reviewing
        self.policies = policies
        self.store = store
        self.ids = ids
        self.tasks = tasks
        # Told to load balancers first; what still arrives is served until `draining`.
        self.ready = True
        self.draining = False

    def handle(self, request: Request, line: CallerLine) -> None:
        path, workflow, agent = _path_identity(request.path)
        dialect = ASKING.get(path)
        if dialect is not None and request.method == "POST":
            self._ask(request, line, path, cast("DialectName", dialect), workflow, agent)
        elif request.method == "GET":
            self._read(request, line, path)
        elif dialect is not None or path == "/v1/models" or path.startswith(("/v1/invocations/", "/health/")):
            allowed = "POST" if dialect else "GET"
            fault = Fault("method_not_allowed", f"{path} takes {allowed}, not {request.method}.", f"Use {allowed}.")
            self._refuse(request, line, fault, [("allow", allowed)])
        else:
            self._not_found(request, line, path)

    def _ask(self, request: Request, line: CallerLine, endpoint: str, dialect: DialectName, workflow: str, agent: str) -> None:
        if self.draining:
            self._refuse(request, line, Fault("overloaded", "This server is shutting down.", retry_after_seconds=1))
            return
        clock = self.carrier.clock
        arrived = clock.monotonic()
        made = invocation(request, self.ids.new("inv"), clock.now(), endpoint, dialect, workflow, agent)
        if isinstance(made, Fault):
            self._refuse(request, line, made, dialect=dialect)
            return
        state = State(made)
        one = self.carrier.joinable(state)
        if one is not None:
            self.reviewing.join(one, line, made.request_id)
            return
        life = Life(self.policies.current, state, arrived)
        caller = registry.caller(dialect)
        self.carrier.callers.attach(life, Caller(line, "asked", made.request_id, arrived))
        self.carrier.begin(life, RequestValues(made, made.at, lambda: caller.input_text(made.ask)))

    def _read(self, request: Request, line: CallerLine, path: str) -> None:
        if path == "/health/live":
            line.answer(200, (), b'{"status":"live"}')
        elif path == "/health/ready":
            self._ready(line)
        elif path == "/v1/models":
            line.answer(200, (), self._models())
        elif path.startswith("/v1/invocations/"):
            self._invocation(request, line, path.removeprefix("/v1/invocations/"))
        elif path in ASKING:
            fault = Fault("method_not_allowed", f"{path} takes POST, not GET.", "Use POST.")
            self._refuse(request, line, fault, [("allow", "POST")])
        else:
            self._not_found(request, line, path)

    def _ready(self, line: CallerLine) -> None:
        snapshot = self.policies.current
        body = {
            "status": "ready" if self.ready else "draining",
            "policy": snapshot.version,
            "digest": snapshot.digest[:12],
            "drift": self.policies.drift,
        }
        line.answer(200 if self.ready else 503, (), msgspec.json.encode(body))

    def _models(self) -> bytes:
        snapshot = self.policies.current
        names = [*(["auto"] if snapshot.default else []), *snapshot.models, *snapshot.aliases]
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "orchvynt"} for name in names]
        return msgspec.json.encode({"object": "list", "data": listed})

    def _invocation(self, request: Request, line: CallerLine, rest: str) -> None:
        inv, _, what = rest.partition("/")
        if what == "result":
            self._result(request, line, inv)
        elif what:
            self._not_found(request, line, request.path)
        else:
            self.tasks.start(self._record(request, line, inv), f"record {inv}")

    async def _record(self, request: Request, line: CallerLine, inv: str) -> None:
        try:
            await self.store.settled()
            found = await self.store.facts(inv)
        except StoreUnavailableError as error:
            self._refuse(request, line, Fault("store_unavailable", f"The store cannot be read: {error}.", retry_after_seconds=5))
            return
        first = found[0] if found else None
        if first is None or getattr(first, "key_id", None) != caller_key(request.header):
            self._refuse(request, line, _no_invocation(inv))
            return
        line.answer(200, [("x-orchvynt-invocation", inv)], msgspec.json.encode(explain(found)))

    def _result(self, request: Request, line: CallerLine, inv: str) -> None:
        one = self.carrier.parked.invocation(inv)
        if one is None or one.key_id != caller_key(request.header):
            fault = _no_invocation(inv)
            help_text = "Only the answer of an invocation that was parked for review is kept, for 24 hours, for the key that asked."
            self._refuse(request, line, msgspec.structs.replace(fault, help=help_text))
            return
        wait = _seconds(request.query)
        if isinstance(wait, Fault):
            self._refuse(request, line, wait)
            return
        self.reviewing.poll(one, line, request_id(request.header), wait)

    def _not_found(self, request: Request, line: CallerLine, path: str) -> None:
        self._refuse(request, line, Fault("not_found", f"There is no {request.method} {path[:200]} here.", f"There is: {LISTED}."))

    def _refuse(
        self,
        request: Request,
        line: CallerLine,
        fault: Fault,
        headers: list[tuple[str, str]] | None = None,
        dialect: DialectName = "openai_chat",
    ) -> None:
        said = headers or []
        if echo := request_id(request.header):
            said.append(("x-request-id", echo))
        answers.answer_fault(line, fault, registry.caller(dialect).error(fault, ""), said)


def _no_invocation(inv: str) -> Fault:
    return Fault("not_found", f"There is no invocation {inv[:100]} for this key.", "An invocation is shown to the key that asked for it.")


def _path_identity(path: str) -> tuple[str, str, str]:
    """`/@WORKFLOW/AGENT/v1/…` → (`/v1/…`, workflow, agent); any other path as it is."""
    if not path.startswith("/@"):
        return path, "", ""
    workflow, _, rest = path[2:].partition("/")
    agent, _, rest = rest.partition("/")
    return "/" + rest, workflow, agent


def _seconds(query: str) -> float | Fault:
    """`wait=30s` or `wait=30` in a query; 0 without it."""
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name == "wait":
            number = value.removesuffix("s")
            if not (number.isascii() and number.isdigit()) or len(number) > 4:
                return Fault("invalid_request", f"wait={value[:20]} is no duration.", "Write wait=30s, at most 60s.", param="wait")
            return float(number)
    return 0.0
