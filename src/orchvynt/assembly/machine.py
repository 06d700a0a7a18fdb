"""Puts together what carries invocations, the same for a server and for a rehearsal: only what it stands on differs."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from secrets import randbits
from typing import Final

import msgspec

from orchvynt.adapters.checking.inline import InlineChecking
from orchvynt.adapters.sealing import AesGcm
from orchvynt.adapters.tokens.inline import InlineCounting
from orchvynt.decisions.budgets.leased_ledger import LeasedLedger
from orchvynt.decisions.budgets.ledger import Ledger
from orchvynt.decisions.budgets.measured import OutputSizes
from orchvynt.decisions.budgets.reported import InputReports
from orchvynt.decisions.fallback.health import Health
from orchvynt.decisions.identity.conversations import Conversations
from orchvynt.decisions.identity.subjects import Subjects
from orchvynt.decisions.overload.bounds import OPEN_MAX, Backlog
from orchvynt.decisions.routing.figures import Observed
from orchvynt.decisions.routing.quality import Scores
from orchvynt.decisions.routing.statistics import Statistics
from orchvynt.language.snapshot import Snapshot
from orchvynt.ports.channels import Apprising, Mailing, Refusal
from orchvynt.ports.checking import Checking
from orchvynt.ports.clock import Clock, Ids
from orchvynt.ports.journal import Journal
from orchvynt.ports.looking import Looking, NoLooking
from orchvynt.ports.processes import TakenOver
from orchvynt.ports.sealing import Sealing
from orchvynt.ports.secrets import Secrets
from orchvynt.ports.store import PolicyRow, Store
from orchvynt.ports.tokens import TokenCounting
from orchvynt.ports.upstream import Upstream
from orchvynt.ports.wakeups import Alone, Wakeups
from orchvynt.runtime.admitting import Admitting
from orchvynt.runtime.alerting import Alerting
from orchvynt.runtime.attempting import Attempting
from orchvynt.runtime.callbacks import Callbacks
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.channels import Channels
from orchvynt.runtime.deciding import Deciding
from orchvynt.runtime.delivering import Delivering
from orchvynt.runtime.duties import Duty
from orchvynt.runtime.feedback import restore_scores
from orchvynt.runtime.following_reviews import FollowingReviews
from orchvynt.runtime.forgetting import Forgetting
from orchvynt.runtime.key_tenures import KeyTenures
from orchvynt.runtime.keyring import Keyring
from orchvynt.runtime.leased_admitting import LeasedAdmitting
from orchvynt.runtime.leasing import Leasing
from orchvynt.runtime.limiting import Limiting
from orchvynt.runtime.limiting_together import SharedLimiting
from orchvynt.runtime.looking import LookingInto
from orchvynt.runtime.outages import OutageAlert, StoreWatch
from orchvynt.runtime.parked import Parked
from orchvynt.runtime.peers import Peers
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.posting import Posting
from orchvynt.runtime.recovery import Recovered, recover
from orchvynt.runtime.repeating import Repeating
from orchvynt.runtime.retention import Retention, Vault
from orchvynt.runtime.reviewing import Reviewing
from orchvynt.runtime.shedding import Shedding
from orchvynt.runtime.store_clock import StoreClock
from orchvynt.runtime.succession import Succession
from orchvynt.runtime.sweeping import Sweeping
from orchvynt.runtime.tasks import Tasks
from orchvynt.runtime.telling import Telling
from orchvynt.runtime.voting import Voting
from orchvynt.surfaces.api.endpoints import DataPlane
from orchvynt.surfaces.api.reception import Reception

SALT_BITS = 60
WAITS = "waits"
"""What processes tell one another of leases where nothing was given back."""


class NoChannel:
    """Implements ports.channels.Mailing and Apprising where nobody is told: in a rehearsal."""

    async def send(self, url: str, *message: object) -> Refusal | None:  # noqa: ARG002 - the ports' signatures
        return Refusal("a rehearsal tells nobody", final=True)


class Foundation(msgspec.Struct, frozen=True):
    """The world behind the ports. Timers are those of the running event loop. `backlog` looks at what is not filed, `spent` says for how
    long the loop's thread has computed (ns), `open_max` how many invocations may be open. Where several processes share the store,
    budgets are spent from leases."""

    store: Store
    journal: Journal
    clock: Clock
    ids: Ids
    secrets: Secrets
    upstream: Upstream
    checking: Checking = InlineChecking()
    counting: TokenCounting = InlineCounting()
    sealing: Sealing = AesGcm()
    mailing: Mailing = NoChannel()
    apprising: Apprising = NoChannel()
    looking: Looking = NoLooking()
    backlog: Callable[[], Backlog] = Backlog
    spent: Callable[[], int] = int
    open_max: int = OPEN_MAX
    wakeups: Wakeups = Alone()


class Parts(msgspec.Struct, frozen=True):
    """What keeps the budgets: the classes that a server is made of."""

    ledger: type[Ledger] = Ledger
    admitting: type[Admitting] = Admitting
    carrier: type[Carrier] = Carrier


class Machine(msgspec.Struct, frozen=True):
    """Everything that an invocation meets. Nothing of it runs yet: somebody must sweep."""

    tasks: Tasks
    carrier: Carrier
    policies: Policies
    reviewing: Reviewing
    voting: Voting
    sweeping: Sweeping
    alerting: Alerting
    data_plane: DataPlane
    retention: Retention
    vault: Vault
    recovered: Recovered
    shedding: Shedding
    succession: Succession
    peers: Peers
    deciding: Deciding
    following: FollowingReviews
    store_watch: StoreWatch


SERVED: Final = Parts()


async def put_together(
    on: Foundation, snapshot: Snapshot, row: PolicyRow | None = None, parts: Parts = SERVED, taken_over: Sequence[TakenOver] = ()
) -> Machine:
    """Recovers what an earlier process left in the store, too, and those that were `taken_over`. `row` is the snapshot's line of the
    history, where there is one."""
    shares = on.store.is_shared
    if shares:
        on = msgspec.structs.replace(on, clock=StoreClock(on.clock))
    ledger = LeasedLedger() if shares else parts.ledger()
    health, sizes, parked, tasks = Health(), OutputSizes(), Parked(), Tasks()
    subjects = Subjects()
    peers = Peers(on.store, on.wakeups, on.ids, tasks, on.store.process)
    # Before anything is read: what changes meanwhile is looked at again.
    pulse = await on.store.pulse()
    await on.store.forget_peer(peers.me)
    statistics, scores, reports = Statistics(), Scores(), InputReports()
    recovered = await recover(on.store, on.journal, ledger, parked, on.clock, snapshot, taken_over)
    await restore_scores(on.store, scores)
    loop = asyncio.get_running_loop()
    policies = Policies(on.store, on.checking, snapshot, row)
    carrier = parts.carrier(
        on.journal, on.clock, parked, Observed(statistics, scores, health.healthy),
        lambda carrier: _admitting(on, parts, carrier, ledger, health, sizes, statistics, subjects, reports, tasks),
        lambda carrier: Attempting(
            on.upstream, on.secrets, on.clock, on.ids, health, sizes, statistics, carrier.feed, carrier.failed, reports
        ),
        lambda wait_ns, woken: _call_later(loop, wait_ns, woken),
        loop.call_soon,
        lambda: policies.current,
        lambda carrier: LookingInto(on.looking, on.clock, carrier.feed).perform, _limiting(on, statistics, tasks),
    )  # fmt: skip
    on.looking.prepare(snapshot.presidio)
    policies.heard.append(lambda _, after: on.looking.prepare(after.presidio))
    admitting = carrier.admitting
    await _begin_sharing(carrier, peers)
    admitting.policy_changed(snapshot.budgets, snapshot.budgets)
    policies.heard.append(lambda before, after: admitting.policy_changed(before.budgets, after.budgets))
    reviewing = Reviewing(carrier, on.store, policies, tasks)
    alerting = _alerting(on, policies, carrier, peers, tasks)
    Callbacks(parked, policies, reviewing, alerting.delivering, tasks)
    voting = Voting(carrier, reviewing)
    following = FollowingReviews(parked, on.store, peers, on.clock, tasks)
    following.begin(pulse.reviews)
    deciding = Deciding(voting, parked, on.store, peers, following)
    repeating = Repeating(carrier, reviewing, on.store, tasks, loop.call_soon, KeyTenures(on.store, peers, tasks, following.follow))
    sweeping = Sweeping(carrier, reviewing, voting, repeating, Forgetting(on.store, ledger, on.clock))
    keyring = Keyring(on.store, on.clock)
    keyring.changed = lambda: peers.tell("keys")
    await keyring.load()
    reception = Reception(keyring, Conversations(randbits(SALT_BITS)), subjects)
    shedding = Shedding(carrier.lives, policies, on.clock, on.backlog, on.spent, on.open_max)
    data_plane = DataPlane(carrier, reviewing, repeating, policies, on.store, on.ids, tasks, reception, shedding, peers, following)
    vault = Vault(on.secrets, on.sealing, policies)
    retention = Retention(on.store, on.clock, policies, vault, say)
    succession = Succession(on.store, on.journal, on.clock, policies, say, taken_over)
    return Machine(
        tasks, carrier, policies, reviewing, voting, sweeping, alerting, data_plane, retention, vault, recovered, shedding, succession,
        peers, deciding, following, StoreWatch(on.store, carrier, policies),
    )  # fmt: skip


def _admitting(
    on: Foundation, parts: Parts, carrier: Carrier, ledger: Ledger, health: Health, sizes: OutputSizes, statistics: Statistics,
    subjects: Subjects, reports: InputReports, tasks: Tasks,
) -> Admitting:  # fmt: skip
    others = health, sizes, statistics, on.clock, carrier.feed, carrier.failed, subjects, reports, on.counting
    if not isinstance(ledger, LeasedLedger):
        return parts.admitting(ledger, *others)
    assert isinstance(on.clock, StoreClock)
    leasing = Leasing(on.store, on.store.process, ledger, on.clock, tasks)
    return LeasedAdmitting(ledger, *others, leasing=leasing, tell=lambda passed: carrier.release_ended.tell(passed))


def _limiting(on: Foundation, statistics: Statistics, tasks: Tasks) -> Limiting:
    if on.store.is_shared:
        return SharedLimiting(statistics, on.clock, on.store, on.store.process, tasks)
    return Limiting(statistics, on.clock)


async def _begin_sharing(carrier: Carrier, peers: Peers) -> None:
    """From here on the others hear of who waits here, and this process of who waits there, where several share what bounds invocations."""
    admitting, limiting = carrier.admitting, carrier.limiting
    if isinstance(admitting, LeasedAdmitting):
        admitting.leasing.changed = lambda frees: peers.tell("leases", "" if frees else WAITS)
        peers.on("leases", lambda said: admitting.look(said != WAITS))
        await admitting.leasing.begin()
    if isinstance(limiting, SharedLimiting):
        await limiting.begin()


def _alerting(on: Foundation, policies: Policies, carrier: Carrier, peers: Peers, tasks: Tasks) -> Alerting:
    """What tells people, and carries it to them."""
    channels = Channels(Posting(on.upstream, on.clock), on.secrets, on.clock, on.store, on.mailing, on.apprising)
    delivering = Delivering(channels, on.store, on.clock, on.ids, policies, tasks, say)
    delivering.stored = lambda: peers.tell("messages")
    peers.on("messages", lambda _: delivering.look_again())
    telling = Telling(policies, on.store, on.clock, on.ids, delivering, say)
    counting, thresholds = carrier.counting, carrier.admitting.thresholds
    duty = Duty("messages", on.store, peers, on.clock)
    outage = OutageAlert(carrier.outage, policies, on.clock, delivering, say)
    return Alerting(policies, on.store, on.clock, counting.tallies, counting.spending, thresholds, delivering, telling, say, duty, outage)


def say(text: str) -> None:
    """On stderr. Its disk may be as full as the store's: then it is lost, and nothing else."""
    with suppress(OSError):
        sys.stderr.write(f"orchvynt: {text}\n")
        sys.stderr.flush()


def _call_later(loop: asyncio.AbstractEventLoop, wait_ns: int, woken: Callable[[], None]) -> None:
    loop.call_later(wait_ns / 1_000_000_000, woken)
