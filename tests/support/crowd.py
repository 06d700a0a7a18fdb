"""Many callers at once, over real sockets, in every dialect: what each asks, what it was told, and what the books say afterwards.

Judged from outside: by the provider's own ledger, by what callers saw, and by what the admin plane says of budgets.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Literal
from urllib.parse import quote

import msgspec
from tests.support.serving import Serving

from orchvynt.scripted.tokens import MESSAGE_OVERHEAD, PROMPT_OVERHEAD
from orchvynt.testing.scripted import ScriptedProvider

Dialect = Literal["openai", "anthropic", "ollama"]
DIALECTS: Final[tuple[Dialect, ...]] = ("openai", "anthropic", "ollama")
PATHS: Final = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "ollama": "/api/chat"}
ANSWER_TOKENS: Final = 60
ANSWER: Final = "".join(f" w{number % 10}" for number in range(ANSWER_TOKENS))
"""A token for each word, at the scripted provider."""
RUNS: Final = 8
# A whole storm on one machine with two cores takes seconds; none of its connections may wait for ever.
PATIENCE_S: Final = 120.0


class Call(msgspec.Struct, frozen=True):
    """`words` are those of the prompt, a token each at the scripted provider. `leaves_after_s`: the caller goes away then."""

    number: int
    dialect: Dialect
    stream: bool
    limit: int | None
    words: int
    headers: tuple[tuple[str, str], ...] = ()
    leaves_after_s: float | None = None

    @property
    def request(self) -> bytes:
        messages = [{"role": "user", "content": f"{self.number}" + " a" * self.words}]
        body: dict[str, Any] = {"model": "gpt-4o", "messages": messages, "stream": self.stream}
        if self.limit is not None and self.dialect == "ollama":
            body["options"] = {"num_predict": self.limit}
        elif self.limit is not None:
            body["max_tokens"] = self.limit
        encoded = json.dumps(body).encode()
        more = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        head = f"POST {PATHS[self.dialect]} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n{more}"
        return f"{head}content-length: {len(encoded)}\r\n\r\n".encode() + encoded


class Told(msgspec.Struct, frozen=True):
    """What a caller saw: status 0 if its connection broke or it left. `error` is that of a refusal; `whole` an answer's own end."""

    call: Call
    status: int = 0
    invocation: str = ""
    error: dict[str, Any] = {}
    whole: bool = False


def mixed(count: int, seed: int, open_share: float = 0.4, leaving: float = 0.0, headers: Sequence[tuple[str, str]] = ()) -> list[Call]:
    """Calls of all dialects and sizes, streams among them; `open_share` of them set no limit, and `leaving` go away at some moment."""
    chance = random.Random(seed)
    calls = []
    for number in range(count):
        dialect = chance.choice(DIALECTS)
        # Anthropic's API demands a limit.
        limit = None if dialect != "anthropic" and chance.random() < open_share else chance.choice((30, 50, 60, 64))
        leaves = chance.random() * 0.6 if chance.random() < leaving else None
        more = tuple((name, value.format(n=chance.randrange(RUNS))) for name, value in headers)
        calls.append(Call(number, dialect, chance.random() < 0.5, limit, chance.randrange(2, 40), more, leaves))
    return calls


def bill(call: Call) -> int:
    """What the scripted provider bills for one that is answered whole, in tokens."""
    return call.words + 1 + MESSAGE_OVERHEAD + PROMPT_OVERHEAD + min(ANSWER_TOKENS, call.limit or ANSWER_TOKENS)


def worth(calls: Sequence[Call], count: int) -> int:
    """The limit of a budget for so many of them."""
    return sum(map(bill, calls)) * count // len(calls)


async def tell(port: int, call: Call, first_bytes: Callable[[], object] = lambda: None) -> Told:
    """One call on a connection of its own. `first_bytes` is called when an answer begins."""
    try:
        # Nobody leaves before it has its connection: a cancelled `open_connection` may leave its socket open.
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except (OSError, TimeoutError):
        return Told(call)
    try:
        async with asyncio.timeout(PATIENCE_S if call.leaves_after_s is None else call.leaves_after_s):
            writer.write(call.request)
            began = await reader.read(1)
            if began:
                first_bytes()
            return _told(call, began + await reader.read())
    except (OSError, TimeoutError, ValueError):
        return Told(call)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def _told(call: Call, answer: bytes) -> Told:
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    status = int(lines[0].split(" ")[1]) if answer else 0
    if status == 200:
        chunked = headers.get("transfer-encoding") == "chunked"
        whole = answer.endswith(b"\r\n0\r\n\r\n") if chunked else len(body) == int(headers.get("content-length", -1))
        return Told(call, status, headers.get("x-orchvynt-invocation", ""), whole=whole)
    return Told(call, status, headers.get("x-orchvynt-invocation", ""), json.loads(body))


def storm(ports: Sequence[int], calls: Sequence[Call]) -> list[Told]:
    """All at once, each port as many."""

    async def all_of_them() -> list[Told]:
        return list(await asyncio.gather(*(tell(ports[at % len(ports)], call) for at, call in enumerate(calls))))

    return asyncio.run(all_of_them())


def fault_of(told: Told) -> dict[str, Any]:
    """The numbers of a refusal, in whichever dialect it came."""
    error = told.error.get("error", told.error)
    return {**told.error, **(error if isinstance(error, dict) else {})}


class Books(msgspec.Struct, frozen=True):
    """What was spent of each budget, by name and subject, and what the provider billed. Amounts are in the budget's unit."""

    lines: dict[tuple[str, str], dict[str, Any]]
    billed_tokens: int

    def remaining(self, name: str, subject: str, unit: str) -> int:
        line = self.lines[name, subject]
        return int(line["remaining_nanos" if unit == "usd" else f"remaining_{unit}"])


def books(server: Serving, provider: ScriptedProvider, since: int = 0) -> Books:
    """Both sides, with nothing in flight."""
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    after = ""
    while True:
        page = server.admin(f"/budgets?limit=500&after={quote(after)}").json
        lines |= {(line["name"], line["subject"]): line for line in page["items"]}
        after = page["next"] or ""
        if not after:
            return Books(lines, provider.ledger().where(since=since).totals.tokens)


def nanos(usd: str) -> int:
    whole, _, part = usd.partition(".")
    return int(whole) * 1_000_000_000 + int(part.ljust(9, "0"))


def never_over(found: Books) -> None:
    """Nothing is held any more, and no limit is passed by what was settled."""
    for line in found.lines.values():
        assert line["held_tokens"] == line["held_nanos"] == line["waiting"] == 0, line
        assert min(left for left in (line["remaining_tokens"], line["remaining_nanos"], 0) if left is not None) >= 0, line


def no_false_refusal(told: Sequence[Told], found: Books) -> None:
    """Every refused call: with nothing in flight, what is left of the budget that refused it is less than its smallest hold."""
    for one in told:
        if one.status != 402:
            continue
        fault = fault_of(one)
        amount = nanos if fault["unit"] == "usd" else int
        needed, limit, spent = amount(fault["needed"]), amount(fault["limit"]), amount(fault["spent"])
        assert limit - spent < needed, f"refused because of holds in flight alone: {fault}"
        if fault["budget"] != "one-call":
            assert found.remaining(fault["budget"], fault["subject"], fault["unit"]) < needed, f"refused without need: {fault}"


def statuses(told: Sequence[Told]) -> dict[int, int]:
    return dict(Counter(one.status for one in told))
