"""The soak's callers: one call after the other at an even rate, each of a kind that is drawn, in every dialect, well behaved or not.

Each kind says which statuses it may be told. Status 0 is a connection that ended without an answer, or an answer that says itself that
it is not whole.
"""

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

from lines import Line
from processes import BenchError
from soak_policy import FLOWS, READING, WORDS

CUSTOMERS: Final = 5_000
AGENTS: Final = 60
# So many calls make a run, and a session; then its name never comes again.
CALLS_A_RUN: Final = 12
IN_FLIGHT_MAX: Final = 600
IDLE_LINES_MAX: Final = 40
PATIENCE_S: Final = 120.0
DOORS: Final[Mapping[str, str]] = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "ollama": "/api/chat"}
MODELS: Final = ("gpt-4o", "gpt-4o", "small", "claude", "local", "auto")
PAUSED_S: Final = 0.1
NARROW_BYTES: Final = 4096


class Callers:
    """`seen` counts by kind and status, `unexpected` holds the first of what no kind allows for."""

    def __init__(self, port: int, secrets: Mapping[str, str], seed: int) -> None:
        self.seen: Counter[tuple[str, int]] = Counter()
        self.unexpected: list[str] = []
        self._port = port
        self._secrets = list(secrets.values())
        self._chance = random.Random(seed)  # noqa: S311 - nothing secret is drawn
        self._number = 0
        self._idle: list[Line] = []
        self._running: set[asyncio.Task[None]] = set()
        self._kept: list[tuple[dict[str, str], str, bytes]] = []

    async def go_on(self, rate: float, until: float) -> None:
        """Begins a call every 1/`rate` seconds until that time of the loop, then waits for those under way."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        names, weights = list(KINDS), [kind.weight for kind in KINDS.values()]
        while due < until:
            await asyncio.sleep(max(0.0, due - loop.time()))
            # A server that is late gets no heap of calls to catch up with.
            due = max(due + 1 / rate, loop.time() - 1)
            if len(self._running) < IN_FLIGHT_MAX:
                task = asyncio.ensure_future(self._call(self._chance.choices(names, weights)[0]))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
        await asyncio.gather(*self._running)
        for line in self._idle:
            line.close()

    async def _call(self, name: str) -> None:
        kind = KINDS[name]
        try:
            async with asyncio.timeout(PATIENCE_S):
                status, words = await kind.ask(self)
        except TimeoutError:
            status, words = -1, b"no answer in time"
        except (OSError, BenchError, asyncio.IncompleteReadError) as broken:
            status, words = 0, repr(broken).encode()
        self.seen[name, status] += 1
        if status not in kind.expected and len(self.unexpected) < 50:
            self.unexpected.append(f"{name}: {status}: {words[-600:].decode(errors='replace')}")

    async def _ask(self, headers: Mapping[str, str], path: str, content: bytes = b"") -> tuple[int, bytes]:
        """On a connection that was used before, where there is one."""
        line = self._idle.pop() if self._idle else await Line.open(self._port)
        try:
            answered = await line.ask(path, content, headers)
        except BaseException:
            line.close()
            raise
        # An error may have closed it, and nobody who keeps a connection for good meets that.
        if answered.status == 200 and len(self._idle) < IDLE_LINES_MAX:
            self._idle.append(line)
        else:
            line.close()
        return answered.status, answered.body

    def _says(self, **more: str) -> dict[str, str]:
        """The headers of the next caller."""
        self._number += 1
        run = self._number // CALLS_A_RUN
        chance = self._chance
        # Most customers have enough for a minute; the first few have not.
        few = chance.random() < 0.15
        context = {"customer": f"customer-{chance.randrange(1, 20) if few else chance.randrange(CUSTOMERS)}"}
        if chance.random() < 0.1:
            context["residency"] = "eu"
        said = {
            "authorization": f"Bearer {chance.choice(self._secrets)}",
            "x-orchvynt-agent": f"agent-{chance.randrange(AGENTS)}",
            "x-orchvynt-run": f"run-{run}",
            "x-orchvynt-session": f"session-{run}",
            "x-orchvynt-workflow": f"flow-{chance.randrange(FLOWS)}",
            "x-orchvynt-context": json.dumps(context),
        }
        return {**said, **more}

    def _body(self, dialect: str, text: str, model: str = "", limit: int = 200, **more: Any) -> bytes:
        """The number makes each prompt another one."""
        messages = [{"role": "user", "content": f"{text} {self._number}: {WORDS * self._chance.randrange(1, 6)}"}]
        limited = {"options": {"num_predict": limit}} if dialect == "ollama" else {"max_tokens": limit}
        asked = {"model": model or self._chance.choice(MODELS), "messages": messages, "stream": False, **limited, **more}
        return json.dumps(asked).encode()

    def _drawn(self, text: str, **more: Any) -> tuple[str, bytes]:
        """A door and a body for it."""
        dialect = self._chance.choice(list(DOORS))
        return DOORS[dialect], self._body(dialect, text, **more)

    async def chat(self) -> tuple[int, bytes]:
        workload = self._chance.choice(("synthesis", "comparison", "classification"))
        return await self._ask(self._says(**{"x-orchvynt-workload": workload}), *self._drawn("ordinary"))

    async def stream(self) -> tuple[int, bytes]:
        return await self._ask(self._says(), *self._drawn("ordinary", stream=True))

    async def troubled(self) -> tuple[int, bytes]:
        """The first model fails in one of the ways in which providers do."""
        word = self._chance.choice(("busy", "broken", "garbled", "vanished", "severed"))
        streams = word == "severed" or self._chance.random() < 0.5
        return await self._ask(self._says(), *self._drawn(word, model="gpt-4o", stream=streams))

    async def hopeless(self) -> tuple[int, bytes]:
        return await self._ask(self._says(**{"x-orchvynt-workflow": "triage"}), *self._drawn("hopeless", model="claude"))

    async def slow_reader(self) -> tuple[int, bytes]:
        """Of an answer that is longer than what the sockets between take."""
        headers = self._says(**{"x-orchvynt-workflow": READING})
        path, content = self._drawn("at length", model="local", stream=True, limit=110_000)
        line = await Line.open(self._port, NARROW_BYTES)
        line.send(path, content, headers)
        try:
            answered = await line.answer(PAUSED_S)
        finally:
            line.close()
        return answered.status, answered.body

    async def leaver(self) -> tuple[int, bytes]:
        """Goes away before the answer, or in the middle of it, or while a person is to look at it."""
        flags = {"x-orchvynt-flags": "held"} if self._chance.random() < 0.2 else {}
        path, content = self._drawn("slowly", stream=self._chance.random() < 0.7)
        line = await Line.open(self._port)
        line.send(path, content, self._says(**flags))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._chance.random() * 2):
                return (answered := await line.answer()).status, answered.body
        line.close()
        return 1, b""

    async def repeated(self) -> tuple[int, bytes]:
        """With an idempotency key: twice at once, later again, or with another body."""
        if self._kept and self._chance.random() < 0.3:
            headers, path, content = self._kept.pop(self._chance.randrange(len(self._kept)))
            return await self._ask(headers, path, content + (b" " if self._chance.random() < 0.2 else b""))
        headers = self._says(**{"idempotency-key": f"key-{self._number}"})
        path, content = self._drawn("ordinary", stream=self._chance.random() < 0.4)
        self._kept = [*self._kept[-200:], (headers, path, content)]
        one, other = await asyncio.gather(self._ask(headers, path, content), self._ask(headers, path, content))
        # A refusal for want of money or of patience releases the key.
        return one if one == other or {one[0], other[0]} - {200} else (-2, one[1][-300:] + b" is not " + other[1][-300:])

    async def reviewed(self) -> tuple[int, bytes]:
        """Meets a gate, and comes back for what was decided."""
        headers = self._says()
        flag, text = self._chance.choice((*((flag, "ordinary") for flag in ("asked", "later", "held", "four-eyes")), ("sure", "doubtful")))
        if self._chance.random() < 0.25:
            flag, text = "", self._chance.choice(("account", "refund"))
        more: dict[str, Any] = {"tools": [TOOL]} if text == "refund" else {}
        content = self._body("openai", text, model="gpt-4o", stream=self._chance.random() < 0.3, **more)
        headers = {**headers, **({"x-orchvynt-flags": flag} if flag else {})}
        status, words = await self._ask(headers, DOORS["openai"], content)
        if status == 409 and self._chance.random() < 0.8:
            await asyncio.sleep(self._chance.random() * 5)
            if self._chance.random() < 0.5:
                return await self._ask({**headers, "x-stainless-retry-count": "1"}, DOORS["openai"], content)
            invocation = json.loads(words)["error"]["invocation_id"]
            return await self._ask(headers, f"/v1/invocations/{invocation}/result?wait=10s")
        return status, words

    async def granted(self) -> tuple[int, bytes]:
        """Wants more than a budget has, until people grant it."""
        project = {"project": f"project-{self._chance.randrange(40)}", "customer": "granted"}
        headers = self._says(**{"x-orchvynt-context": json.dumps(project), "x-stainless-read-timeout": "25"})
        return await self._ask(headers, *self._drawn("ordinary", model="small"))

    async def crowded(self) -> tuple[int, bytes]:
        """One agent that calls too often."""
        return await self._ask(self._says(**{"x-orchvynt-agent": "crowd"}), *self._drawn("ordinary", model="local"))

    async def routed(self) -> tuple[int, bytes]:
        messages = [{"role": "user", "content": f"spam or not? {self._number}"}]
        content = json.dumps({"workload": "synthesis", "messages": messages}).encode()
        return await self._ask(self._says(), "/v1/route", content)

    async def looked_up(self) -> tuple[int, bytes]:
        """Asks for what is there beside chats, and says how an answer was."""
        headers = self._says()
        if self._chance.random() < 0.5:
            path = self._chance.choice(("/v1/models", "/api/tags", "/health/ready", "/api/version"))
            return await self._ask(headers, path)
        rated = json.dumps({"messages": [{"role": "user", "content": "rated"}]}).encode()
        status, words = await self._ask(headers, "/v1/route", rated)
        if status != 200:
            return status, words
        invocation = json.loads(words)["invocation_id"]
        await self._ask(headers, f"/v1/invocations/{invocation}/feedback", json.dumps({"score": 0.7, "label": "fine"}).encode())
        return await self._ask(headers, f"/v1/invocations/{invocation}")

    async def mistaken(self) -> tuple[int, bytes]:
        """What is refused before it becomes an invocation, or as soon as it is one: no rule gives this caller another model."""
        headers = self._says(**{"x-orchvynt-workflow": READING})
        path, content = self._chance.choice(
            (
                (DOORS["openai"], b'{"model": "gpt-4o", "messages": ['),
                (DOORS["openai"], self._body("openai", "x", model="no-such-model")),
                (DOORS["anthropic"], b'{"model": "claude", "messages": []}'),
                ("/v1/nowhere", b"{}"),
                ("/v1/invocations/inv_00000000000000000000000000", b""),
            )
        )
        if self._chance.random() < 0.2:
            headers["authorization"] = "Bearer nobody"
        return await self._ask(headers, path, content)


class Kind(NamedTuple):
    """`weight` is its share of the calls. 402 and 429 may meet whoever spends and calls."""

    weight: int
    ask: Callable[[Callers], Awaitable[tuple[int, bytes]]]
    expected: tuple[int, ...]


TOOL: Final = {"type": "function", "function": {"name": "refund", "parameters": {"type": "object", "properties": {}}}}
_ANSWERED: Final = (200, 402, 429)
_DECIDED: Final = (*_ANSWERED, 403, 409)
# Reviews are decided by people: about 3,000 an hour at 60 calls a second. Each is remembered for a day, in 1 KB.
KINDS: Final[Mapping[str, Kind]] = {
    "chat": Kind(377, Callers.chat, _ANSWERED),
    "stream": Kind(220, Callers.stream, _ANSWERED),
    "troubled": Kind(60, Callers.troubled, (*_ANSWERED, 0, 503)),
    "hopeless": Kind(10, Callers.hopeless, (402, 429, 503)),
    "slow reader": Kind(10, Callers.slow_reader, _ANSWERED),
    "leaver": Kind(60, Callers.leaver, (*_DECIDED, 1, 503)),
    "repeated": Kind(50, Callers.repeated, (*_ANSWERED, 409, 422)),
    "reviewed": Kind(10, Callers.reviewed, (*_DECIDED, 404)),
    "granted": Kind(3, Callers.granted, _DECIDED),
    "crowded": Kind(80, Callers.crowded, _ANSWERED),
    "routed": Kind(40, Callers.routed, (*_ANSWERED, 503)),
    "looked up": Kind(40, Callers.looked_up, _ANSWERED),
    "mistaken": Kind(40, Callers.mistaken, (400, 401, 404, 429)),
}
