"""One execution of a workflow as a `with` block, and how its name gets onto the requests of any client.

The current run is a context variable: every asyncio task sees the run it was started in. A thread that was started without its
context sees none; give it the `Run` object and use `run.client(…)` or `run.headers(…)` there.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Protocol, TypeVar

from orchvynt.surfaces.sdk.claims import claim_headers

CURRENT: Final[ContextVar["Run | None"]] = ContextVar("orchvynt_run", default=None)
Client = TypeVar("Client")


class Run:
    """`id` is the run, `workflow` what it executes. Immutable; may be shared between threads."""

    __slots__ = ("_fields", "id", "workflow")

    def __init__(self, workflow: str, id: str = "", agent: str = "", session: str = "") -> None:
        self.workflow = workflow
        self.id = id or f"run_{secrets.token_hex(13)}"
        self._fields = claim_headers({"workflow": workflow, "run": self.id, "agent": agent, "session": session})

    def headers(self, agent: str = "") -> dict[str, str]:
        """The header fields of this run, wherever it is called from; `agent` says who speaks."""
        return self._fields | claim_headers({"agent": agent})

    def client(self, client: Client, agent: str = "") -> Client:
        """A light copy of an `openai` or `anthropic` client, sync or async, that sends this run with every request."""
        with_options = getattr(client, "with_options", None)
        if with_options is None:
            raise TypeError(f"{type(client).__name__} has no with_options; send run.headers() with each request instead")
        copy: Client = with_options(default_headers=self.headers(agent))
        return copy


@contextmanager
def run(workflow: str, *, id: str = "", agent: str = "", session: str = "") -> Iterator[Run]:
    """`with orchvynt.run("doc-analysis") as run:` — inside, `headers()`, `route()` and attached clients carry the workflow and the run.

    Without `id` a new one is made. A run within a run is a run of its own; behind its block the outer one is current again.
    """
    entered = Run(workflow, id, agent, session)
    token = CURRENT.set(entered)
    try:
        yield entered
    finally:
        CURRENT.reset(token)


def current_run() -> Run | None:
    """The run of the `with` block that this code runs in."""
    return CURRENT.get()


def headers(
    *,
    workflow: str | None = None,
    agent: str | None = None,
    run: str | None = None,
    parent: str | None = None,
    session: str | None = None,
    workload: str | None = None,
    user: str | None = None,
    flags: Iterable[str] = (),
    context: Mapping[str, Any] | None = None,
    min_quality: float | None = None,
) -> dict[str, str]:
    """Header fields for any HTTP client (`extra_headers=`, `default_headers=`). What is not given comes from the current run.

    Raises ValueError for what a header cannot carry.
    """
    names = {"workflow": workflow, "agent": agent, "run": run, "parent": parent, "session": session, "workload": workload, "user": user}
    given = claim_headers(names, flags, context, min_quality)
    entered = CURRENT.get()
    return given if entered is None else entered.headers() | given


class _Request(Protocol):
    """The part of an httpx request that the hook needs."""

    @property
    def headers(self) -> Any: ...


def _on_request(request: _Request) -> None:
    """Adds the run that is current where the request is made. What the request says itself wins."""
    entered = CURRENT.get()
    if entered is not None:
        for name, value in entered.headers().items():
            if name not in request.headers:
                request.headers[name] = value


async def _on_async_request(request: _Request) -> None:
    _on_request(request)


def attach(client: Client) -> Client:
    """Makes a client send the run that is current at each request: once for each client, right under asyncio tasks and threads.

    Takes an httpx client, or one that is built on it (`openai`, `anthropic`, `ollama`; sync or async). Returns the same client.
    """
    for candidate in (client, getattr(client, "_client", None)):
        hooks = getattr(candidate, "event_hooks", None)
        if candidate is None or not isinstance(hooks, dict):
            continue
        hook = _on_async_request if hasattr(candidate, "aclose") else _on_request
        registered = list(hooks.get("request", ()))
        if hook not in registered:
            http_client: Any = candidate
            http_client.event_hooks = {**hooks, "request": [*registered, hook]}
        return client
    raise TypeError(f"{type(client).__name__} is not built on httpx; use run.client(…) or send orchvynt.headers() with each request")
