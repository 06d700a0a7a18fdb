"""A server over the scripted provider in which every cell has a provider and a model of its own, so that no rest of one
stands in the way of another; and how its memory is measured."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.faults.table import Cell
from tests.support.outside import Heard, chat
from tests.support.policies import TRIGGERS
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

RESCUE: Final = "The next tier answers."
SAID: Final = "Grüße, 世界 👋: one answer in many pieces."
SHORT: Final = {"connect": "300ms", "first_token": "400ms", "stall": "400ms", "answer": "600ms", "invocation": "10s"}
GROWTH_BYTES_MAX: Final = 64 << 20
BUDGET: Final = {"name": "all", "scope": "global", "limit": {"tokens": 900_000_000, "usd": 9000}, "window": "month", "on_breach": "reject"}


class World(NamedTuple):
    server: Serving
    provider: ScriptedProvider

    def ask(self, cell: Cell, text: str = "hello", headers: dict[str, str] | None = None, **options: Any) -> Heard:
        """The cell's model is asked for an answer of the cell's kind."""
        return chat(self.server, cell.name, text, headers, stream=cell.streams, **options)

    def arrivals(self, since: int) -> list[str]:
        """Who was asked since then, in order."""
        return [arrival.provider for arrival in self.provider.ledger().where(since=since).arrivals]

    @property
    def held(self) -> int:
        lines = self.server.admin("/budgets").json["items"]
        return sum(line["held_tokens"] + line["held_nanos"] for line in lines)


def script(**answers: Any) -> dict[str, Any]:
    """The next tier's words, and everybody else's. Content frames come apart, so that what a stream breaks off after has arrived."""
    rescue = {"match": {"provider": "rescue"}, "text": RESCUE}
    return {"answers": [rescue], "otherwise": {"text": SAID, "frames": 6, "frame_interval": "8ms", **answers}}


def policy(
    provider: ScriptedProvider,
    cells: Iterable[Cell],
    address: Callable[[Cell], str] | None = None,
    timeouts: dict[str, str] | None = None,
    alone: bool = False,
    **sections: Any,
) -> dict[str, Any]:
    """A policy as a value. `address` gives the base URL of a cell's provider, by default at the scripted one.

    `alone`: there is no next tier.
    """
    chains: dict[str, Any] = {} if alone else {"default": {"tiers": ["rescue"], "triggers": TRIGGERS.split(", ")}}
    providers: dict[str, Any] = {"rescue": {"kind": "openai", "base_url": provider.base_url("rescue")}}
    models: dict[str, Any] = {"rescue": {"provider": "rescue", "price": {"input": 1, "output": 2}}}
    for cell in cells:
        url = address(cell) if address is not None else provider.base_url(cell.name, cell.kind)
        providers[cell.name] = {"kind": cell.kind, "base_url": url, "api_key": "${env:TEST_API_KEY}"}
        models[cell.name] = {"provider": cell.name, "model": "m", "price": {"input": 1, "output": 2}}
    fallback = {
        "retry": {"max_retries": 1, "backoff": {"base": "2ms", "max": "5ms"}},
        "timeouts": SHORT if timeouts is None else timeouts,
        "chains": chains,
    }
    whole = {"version": 1, "providers": providers, "models": models, "routing": {"default": "rescue"}, "fallback": fallback}
    return {**whole, "budgets": [BUDGET], **sections}


@contextmanager
def opened(folder: Path, told: Any, write: Callable[[ScriptedProvider], dict[str, Any]]) -> Iterator[World]:
    """A scripted provider that is told a script, and a server with the policy that `write` gives for it."""
    with ScriptedProvider(told) as provider, Serving(folder, json.dumps(write(provider), indent=1)) as server:
        yield World(server, provider)


@contextmanager
def bounded(server: Serving) -> Iterator[None]:
    """Fails if the server's resident memory rises by 64 MiB meanwhile, at any instant (Linux: VmHWM, man proc_pid_status)."""
    assert server.process is not None
    folder = Path(f"/proc/{server.process.pid}")
    # 5 sets the peak back to what is resident now (man proc_pid_clear_refs).
    (folder / "clear_refs").write_text("5")
    before = _kib(folder, "VmHWM")
    yield
    grown = (_kib(folder, "VmHWM") - before) << 10
    assert grown < GROWTH_BYTES_MAX, f"the server grew by {grown >> 20} MiB"


def _kib(folder: Path, name: str) -> int:
    return int((folder / "status").read_text().partition(f"{name}:")[2].split()[0])
