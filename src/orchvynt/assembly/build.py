"""The only place that constructs a server: settings in, a process that can be started out."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from orchvynt.adapters.apprise_sending import LibraryApprising
from orchvynt.adapters.clock import SystemClock, cpu_time
from orchvynt.adapters.disk import disk_space
from orchvynt.adapters.ids import SystemIds
from orchvynt.adapters.presidio.apart import LookingApart
from orchvynt.adapters.secrets import EnvSecrets
from orchvynt.adapters.smtp import SmtpMailing
from orchvynt.adapters.sqlite.opening import Opened, open_store
from orchvynt.adapters.tokens.apart import CountingApart
from orchvynt.adapters.upstream.client import HttpUpstream
from orchvynt.assembly.descriptors import connections, open_files
from orchvynt.assembly.machine import Foundation, put_together, say
from orchvynt.assembly.policy_file import Started
from orchvynt.assembly.settings import Settings, StorePlace
from orchvynt.decisions.overload.bounds import Backlog
from orchvynt.dialects import registry
from orchvynt.model.faults import Fault
from orchvynt.ports.checking import Checking
from orchvynt.ports.processes import TakenOver
from orchvynt.runtime.alerting import Alerting
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.deciding import Deciding
from orchvynt.runtime.following_reviews import FollowingReviews
from orchvynt.runtime.outages import StoreWatch
from orchvynt.runtime.peers import Peers
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.recovery import Recovered
from orchvynt.runtime.retention import Retention, Vault
from orchvynt.runtime.reviewing import Reviewing
from orchvynt.runtime.shedding import Shedding
from orchvynt.runtime.succession import Succession
from orchvynt.runtime.sweeping import Sweeping
from orchvynt.runtime.tasks import Tasks
from orchvynt.runtime.voting import Voting
from orchvynt.surfaces.api.endpoints import DataPlane
from orchvynt.surfaces.api.http.limits import Limits
from orchvynt.surfaces.api.http.server import HttpServer

CONNECTIONS_MIN: Final = 1_000


class Process(msgspec.Struct):
    """Everything that runs, put together and not yet started."""

    settings: Settings
    opened: Opened
    clock: SystemClock
    tasks: Tasks
    carrier: Carrier
    policies: Policies
    reviewing: Reviewing
    voting: Voting
    sweeping: Sweeping
    alerting: Alerting
    upstream: HttpUpstream
    data_plane: DataPlane
    retention: Retention
    vault: Vault
    server: HttpServer
    recovered: Recovered
    succession: Succession
    secrets: EnvSecrets
    checking: Checking
    counting: CountingApart
    mailing: SmtpMailing
    apprising: LibraryApprising
    looking: LookingApart
    shedding: Shedding
    peers: Peers
    deciding: Deciding
    following: FollowingReviews
    store_watch: StoreWatch


async def build(
    settings: Settings, secrets: EnvSecrets, opened: Opened, checking: Checking, started: Started, taken_over: Sequence[TakenOver]
) -> Process:
    """Puts the process together over a store that is open, and recovers what an earlier process left, and those that were taken over."""
    clock = SystemClock()
    upstream = HttpUpstream(clock)
    hand_back = asyncio.get_running_loop().call_soon_threadsafe
    counting, looking = CountingApart(hand_back, say), LookingApart(hand_back, say)
    mailing, apprising = SmtpMailing(), LibraryApprising()
    foundation = Foundation(
        opened.store, opened.journal, clock, SystemIds(clock.now), secrets, upstream, checking, counting,
        mailing=mailing,
        apprising=apprising,
        looking=looking,
        backlog=lambda: _backlog(opened, settings.store.journal),
        spent=cpu_time,
        open_max=settings.invocations_max,
        wakeups=opened.wakeups,
    )  # fmt: skip
    await opened.wakeups.start()
    made = await put_together(foundation, started.snapshot, started.row, taken_over=taken_over)
    made.policies.file = started.file
    limits = Limits(connections_max=connections(open_files(), Limits().connections_max))
    if limits.connections_max < CONNECTIONS_MIN:
        say(f"warning: so few files may be open that only {limits.connections_max} callers can be connected at once; raise `ulimit -n`")
    server = HttpServer(made.data_plane.handle, _refusal, limits, clock, made.shedding, made.data_plane.door.turn_away)
    return Process(
        settings,
        opened,
        clock,
        made.tasks,
        made.carrier,
        made.policies,
        made.reviewing,
        made.voting,
        made.sweeping,
        made.alerting,
        upstream,
        made.data_plane,
        made.retention,
        made.vault,
        server,
        made.recovered,
        made.succession,
        secrets,
        checking,
        counting,
        mailing,
        apprising,
        looking,
        made.shedding,
        made.peers,
        made.deciding,
        made.following,
        made.store_watch,
    )


def _refusal(fault: Fault) -> bytes:
    """The body of what the HTTP layer refuses before any dialect is known: Anthropic's holds all that OpenAI's does."""
    return registry.caller("anthropic_messages").error(fault, "")


def _backlog(opened: Opened, journal: str) -> Backlog:
    store = opened.store
    # While a segment is deleted it may be less than nothing.
    return Backlog(max(0, store.unfiled_bytes()), bool(store.backlog().problem), *disk_space(journal))


async def open_state(place: StorePlace, workers: bool = False) -> Opened:
    """Opens a store and a journal: the only one, or that of one of several `workers`."""
    if place.target is None:
        return await open_store(Path(place.path), Path(place.journal), shared=workers)
    # Its library is an extra.
    from orchvynt.adapters.postgres.opening import open_store as open_database  # noqa: PLC0415

    return await open_database(place.target, Path(place.journal), workers=workers)
