"""`orchvynt serve`: starts everything in its order, says so, and stops it in its order on SIGTERM or SIGINT."""

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from orchvynt.adapters.checking.forked import ForkedChecking
from orchvynt.adapters.clock import SystemClock
from orchvynt.adapters.ids import SystemIds
from orchvynt.adapters.secrets import EnvSecrets
from orchvynt.adapters.sqlite.opening import Opened
from orchvynt.adapters.watched import DiskFile
from orchvynt.assembly.binding import bind
from orchvynt.assembly.build import Process, build, open_state
from orchvynt.assembly.built import built
from orchvynt.assembly.loop import event_loop
from orchvynt.assembly.policy_file import PolicyRefusedError, starting
from orchvynt.assembly.settings import Settings, WrongUseError, check_exposure, check_watch, unfit
from orchvynt.language.problems import Problem
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle import events
from orchvynt.lifecycle.state import PARKED
from orchvynt.ports.checking import Checking
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.secrets import SecretMissingError
from orchvynt.ports.store import StoreInUseError, StoreUnavailableError
from orchvynt.runtime.changing import Changing, missing_secrets
from orchvynt.runtime.granting import Granting
from orchvynt.runtime.operations import Operations
from orchvynt.runtime.watching import Watching
from orchvynt.surfaces.api.http.server import HttpServer

EXIT_REFUSED = 1
# Requests that were on their way when the stop came, and connections that were not yet accepted, are still served: until none came
# for so long, and for so long at most.
LAST_CALL_S = 0.25
LAST_CALL_MAX_S = 2.0
# What is left of the drain for streams to say that they were cut.
LAST_WORDS_S = 2.0


class Serving:
    """What the process knows of itself; `runtime.control.About`."""

    def __init__(self, settings: Settings, opened: Opened, started_at: int) -> None:
        self.version = version("orchvynt")
        self.build = built()
        self.started_at = started_at
        self.store = settings.store.shown
        self.stopping = asyncio.Event()
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._opened = opened
        self._settings = settings

    def journal_bytes(self) -> int:
        return self._opened.journal.size_bytes()

    def draining(self) -> bool:
        return self.stopping.is_set()

    def applied(self, snapshot: Snapshot) -> None:
        self._opened.journal.power = snapshot.sync == "power"

    def unfit(self, snapshot: Snapshot) -> str:
        return unfit(self._settings, snapshot)

    def check(self, snapshot: Snapshot) -> None:
        """Raises WrongUseError for a policy that may not be served by this process, before it is written anywhere."""
        if why := self.unfit(snapshot):
            raise WrongUseError(f"the policy cannot be served like this: {why}")


def run(settings: Settings, environment: Mapping[str, str]) -> int:
    """Serves until it is told to stop. Gives the exit code: 0 after a stop, 1 if it could not start."""
    check_exposure(settings)
    check_watch(settings)
    # INVARIANT: before there is a loop, a thread or an open file: it forks.
    checking = ForkedChecking(SystemClock())
    try:
        with asyncio.Runner(loop_factory=event_loop) as runner:
            return runner.run(_serve(settings, environment, checking))
    except (PolicyRefusedError, StoreInUseError, StoreUnavailableError, JournalUnavailableError, OSError) as error:
        sys.stderr.write(f"orchvynt serve: {error}\n")
        return EXIT_REFUSED
    finally:
        checking.close()


async def _serve(settings: Settings, environment: Mapping[str, str], checking: Checking) -> int:
    clock = SystemClock()
    opened = await open_state(settings)
    try:
        # Whose address is taken hears that and nothing else.
        with bind(settings.admin_host, settings.admin_port) as admin_socket:
            return await _serve_from(settings, environment, opened, checking, clock, admin_socket)
    finally:
        await opened.store.close()


async def _serve_from(
    settings: Settings,
    environment: Mapping[str, str],
    opened: Opened,
    checking: Checking,
    clock: SystemClock,
    admin_socket: socket.socket,
) -> int:
    _tell_recovery(opened)
    about = Serving(settings, opened, clock.now())
    secrets = EnvSecrets(environment, settings.secret_env, settings.secret_dir)
    lacks = partial(missing_secrets, secrets)
    started = await starting(opened.store, settings.policy, clock, settings.watch, about.check, lacks)
    snapshot = started.snapshot
    process = await build(settings, secrets, opened, checking, started)
    # 100,000 reviews that wait are some 400,000 objects: the collection below need not look at them.
    gc.freeze()
    about.applied(snapshot)
    changing = Changing(
        process.policies, opened.store, checking, process.secrets, clock, about, SystemIds(clock.now), process.alerting.broke_glass
    )
    _warn(process, started.warnings)
    port = await process.server.start(settings.listen_host, settings.listen_port)
    process.tasks.start(process.sweeping.run(), "sweep")
    process.tasks.start(process.alerting.run(), "alerts")
    process.tasks.start(process.retention.run(), "retention")
    keyring = process.data_plane.reception.keyring
    process.tasks.start(keyring.run(), "keys")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, about.stopping.set)
    _say(f"serving policy version {snapshot.version} on http://{settings.listen_host}:{port} (point OpenAI clients at …/v1)")
    granting = Granting(process.carrier, opened.store, SystemIds(clock.now))
    operations = Operations(process.carrier, process.voting, changing, process.alerting, granting)
    # Before anybody hears that this process is up: who then begins to write the policy's file is seen from the first byte on.
    stop_looking = _look_after_file(settings, process, changing)
    stop_admin = await _start_admin(settings, environment, process, operations, admin_socket)
    # What was built lives as long as the process: the collector, which `main` had turned off, need not look at it again.
    gc.collect()
    gc.freeze()
    gc.enable()
    # An invocation leaves no cycles behind, so looking for them after every 700 objects is waste; bench/ shows 6 %.
    gc.set_threshold(50_000, 20, 50)
    await about.stopping.wait()
    await _stop(settings, process)
    await stop_admin()
    await process.tasks.stop()
    await keyring.write_used()
    stop_looking()
    await process.upstream.close()
    process.counting.close()
    process.looking.close()
    process.mailing.close()
    process.apprising.close()
    return 0


def _warn(process: Process, warnings: Sequence[Problem]) -> None:
    """What the author of the policy, and who started the process, should know."""
    for warning in warnings:
        _say(warning.text)
    for missing in missing_secrets(process.secrets, process.policies.current):
        _say(f"warning: {missing} Until then the provider that needs it is passed over, and a webhook that it signs waits.")
    if why := _lacks_oidc_secret(process):
        _say(f"warning: {why} Until then nobody logs in by the identity provider.")
    if drift := process.policies.drift(process.clock.now()):
        _say(f"warning: {drift}")


def _lacks_oidc_secret(process: Process) -> str:
    oidc = process.settings.oidc
    if oidc is not None and oidc.secret is not None:
        try:
            process.secrets.resolve(oidc.secret)
        except SecretMissingError as missing:
            return str(missing)
    return ""


def _look_after_file(settings: Settings, process: Process, changing: Changing) -> Callable[[], None]:
    """Follows the file, or tells how it differs. Gives what ends it, for when no task looks any more."""
    if not settings.policy:
        return lambda: None
    file = DiskFile(settings.policy)
    file.start()
    process.tasks.start(Watching(file, changing, settings.watch, _say).run(), "policy file")
    return file.close


async def _start_admin(
    settings: Settings, environment: Mapping[str, str], process: Process, operations: Operations, bound: socket.socket
) -> Callable[[], Awaitable[None]]:
    """The admin plane comes after the first invocation can be served: its libraries take longer to load than all the rest. They load on
    a thread, so that who calls meanwhile is answered."""
    await asyncio.to_thread(import_module, "orchvynt.assembly.admin")
    from orchvynt.assembly import admin  # noqa: PLC0415 - see above

    beside = await asyncio.to_thread(lambda: Path(settings.store.journal).resolve().parent)
    fixed, token_file = await admin.first_tokens(process.opened.store, process.clock, environment, beside)
    process.alerting.telling.public_url = settings.admin_url or f"http://{settings.admin_host}:{bound.getsockname()[1]}"
    server = admin.admin_server(operations, process, operations.about, fixed, bound.getsockname()[1])
    task = process.tasks.start(server.serve(sockets=[bound]), "admin")
    _say(f"admin on http://{settings.admin_host}:{bound.getsockname()[1]}")
    if token_file is not None:
        _say(f"first admin token written to {token_file} (only you can read it)")

    async def stop() -> None:
        server.should_exit = True
        await task

    return stop


async def _stop(settings: Settings, process: Process) -> None:
    """Not ready; serve what was on its way; finish what is open, bounded, while new invocations are refused in words; cut what is
    left, visibly; settle."""
    process.data_plane.ready = False
    _say("stopping: finishing what is open")
    process.server.close_after_answers()
    loop = asyncio.get_running_loop()
    until = loop.time() + settings.drain_seconds
    await _last_call(process.server, min(LAST_CALL_MAX_S, settings.drain_seconds))
    process.data_plane.draining = True
    while _working(process) and loop.time() < until:  # noqa: ASYNC110 - lives end in many places, and none knows of the stop
        await asyncio.sleep(0.05)
    clock = process.clock
    for life in list(process.carrier.lives.values()):
        exchange = life.exchange
        process.carrier.feed(
            life,
            events.ShutDown(
                clock.now(), clock.monotonic(), exchange.seen if exchange else None, exchange.delivered_bytes if exchange else 0
            ),
        )
    process.reviewing.end_polls()
    await process.server.drain(max(LAST_WORDS_S, until - loop.time()))


async def _last_call(server: HttpServer, most_s: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + most_s
    came = -1
    while came != server.connections_total + server.requests_total and loop.time() < until:
        came = server.connections_total + server.requests_total
        await asyncio.sleep(min(LAST_CALL_S, most_s))


def _working(process: Process) -> bool:
    """Whether anything is open that can still end by itself; what is in review stays parked."""
    return any(life.state.phase not in PARKED and life.state.phase != "done" for life in process.carrier.lives.values())


def _tell_recovery(opened: Opened) -> None:
    recovery = opened.recovery
    if recovery.torn_bytes:
        _say(f"the journal's last {recovery.torn_bytes} bytes were torn by a crash; nothing they announced had happened")
    for damage in recovery.damages:
        _say(f"WARNING: {damage.text}")
    if not opened.audit_whole:
        _say("WARNING: the audit does not end with its anchored head: entries were removed or changed; see `orchvynt audit verify`")
    if recovery.missing:
        _say("WARNING: the journal ends before what the store has filed: a file of it was removed or replaced; the store's records stand")


def _say(text: str) -> None:
    sys.stderr.write(f"orchvynt: {text}\n")
    sys.stderr.flush()
