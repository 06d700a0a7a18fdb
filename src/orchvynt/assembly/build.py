"""The only place that constructs: settings in, a process that can be started out."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from orchvynt.adapters.clock import SystemClock
from orchvynt.adapters.ids import SystemIds
from orchvynt.adapters.secrets import EnvSecrets
from orchvynt.adapters.sqlite.opening import Opened, open_store
from orchvynt.adapters.upstream.client import HttpUpstream
from orchvynt.assembly.settings import Settings
from orchvynt.decisions.budgets.ledger import Ledger
from orchvynt.decisions.budgets.measured import OutputSizes
from orchvynt.decisions.fallback.health import Health
from orchvynt.dialects import registry
from orchvynt.language.snapshot import Snapshot
from orchvynt.model.faults import Fault
from orchvynt.runtime.admitting import Admitting
from orchvynt.runtime.attempting import Attempting
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.parked import Parked
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.recovery import Recovered, recover
from orchvynt.runtime.reviewing import Reviewing
from orchvynt.runtime.sweeping import Sweeping
from orchvynt.runtime.tasks import Tasks
from orchvynt.surfaces.api.endpoints import DataPlane
from orchvynt.surfaces.api.http.limits import Limits
from orchvynt.surfaces.api.http.server import HttpServer


class Process(msgspec.Struct):
    """Everything that runs, put together and not yet started."""

    settings: Settings
    opened: Opened
    clock: SystemClock
    tasks: Tasks
    carrier: Carrier
    policies: Policies
    reviewing: Reviewing
    sweeping: Sweeping
    upstream: HttpUpstream
    data_plane: DataPlane
    server: HttpServer
    recovered: Recovered


async def build(settings: Settings, environment: Mapping[str, str], opened: Opened, snapshot: Snapshot) -> Process:
    """Puts the process together over a store that is open, and recovers what an earlier process left."""
    clock = SystemClock()
    ids = SystemIds(clock.now)
    ledger, health, sizes, parked, tasks = Ledger(), Health(), OutputSizes(), Parked(), Tasks()
    recovered = await recover(opened.store, opened.journal, ledger, parked, clock, snapshot)
    secrets = EnvSecrets(environment, settings.secret_env, settings.secret_dir)
    upstream = HttpUpstream(clock)
    loop = asyncio.get_running_loop()
    policies = Policies(opened.store, snapshot)
    carrier = Carrier(
        opened.journal,
        clock,
        parked,
        lambda carrier: Admitting(ledger, health, sizes, clock, carrier.feed, carrier.failed),
        lambda carrier: Attempting(upstream, secrets, clock, ids, health, sizes, carrier.feed, carrier.failed),
        lambda wait_ns, woken: _call_later(loop, wait_ns, woken),
        loop.call_soon,
    )
    reviewing = Reviewing(carrier, opened.store, policies, tasks)
    data_plane = DataPlane(carrier, reviewing, policies, opened.store, ids, tasks)
    server = HttpServer(data_plane.handle, _refusal, Limits(), clock)
    sweeping = Sweeping(carrier, reviewing)
    return Process(settings, opened, clock, tasks, carrier, policies, reviewing, sweeping, upstream, data_plane, server, recovered)


def _call_later(loop: asyncio.AbstractEventLoop, wait_ns: int, woken: Callable[[], None]) -> None:
    loop.call_later(wait_ns / 1_000_000_000, woken)


def _refusal(fault: Fault) -> bytes:
    """The body of what the HTTP layer refuses before any dialect is known."""
    return registry.caller("openai_chat").error(fault, "")


async def open_state(settings: Settings) -> Opened:
    """Opens the store of the settings and the journal beside it."""
    path = Path(settings.store_path)
    return await open_store(path, path.with_name(path.name + ".journal"))
