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
from orchvynt.assembly.binding import refused
from orchvynt.assembly.build import Process, build
from orchvynt.assembly.built import built
from orchvynt.assembly.loop import event_loop
from orchvynt.assembly.machine import say
from orchvynt.assembly.plumbing import Measures
from orchvynt.assembly.policy_file import PolicyRefusedError, starting
from orchvynt.assembly.posts import Alone, Post
from orchvynt.assembly.reopening import open_not_moved
from orchvynt.assembly.settings import Settings, WrongUseError, unfit
from orchvynt.assembly.stopping import stop
from orchvynt.assembly.together import replicating
from orchvynt.language.problems import Problem
from orchvynt.language.snapshot import Snapshot
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
ALONE = Alone()


class Serving:
    """What the process knows of itself; `runtime.control.About`."""

    def __init__(self, settings: Settings, opened: Opened, started_at: int) -> None:
        self.version = version("orchvynt")
        self.build = built()
        self.started_at = started_at
        self.store = settings.store.shown
        self.stopping = asyncio.Event()
        self.replaced = False
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._opened = opened
        self._settings = settings

    def journal_bytes(self) -> int:
        return self._opened.journal.size_bytes()

    def draining(self) -> bool:
        return self.stopping.is_set()

    def stop(self, replaced: bool) -> None:
        self.replaced = replaced
        self.stopping.set()

    def applied(self, snapshot: Snapshot) -> None:
        self._opened.journal.power = snapshot.sync == "power"

    def unfit(self, snapshot: Snapshot) -> str:
        return unfit(self._settings, snapshot)

    def check(self, snapshot: Snapshot) -> None:
        """Raises WrongUseError for a policy that may not be served by this process, before it is written anywhere."""
        if why := self.unfit(snapshot):
            raise WrongUseError(f"the policy cannot be served like this: {why}")


def run(settings: Settings, environment: Mapping[str, str], post: Post = ALONE) -> int:
    """Serves until it is told to stop. Gives the exit code: 0 after a stop, 1 if it could not start."""
    # INVARIANT: before there is a loop, a thread or an open file: it forks.
    checking = ForkedChecking(SystemClock())
    try:
        with asyncio.Runner(loop_factory=event_loop) as runner:
            return runner.run(_serve(settings, environment, checking, post))
    except (PolicyRefusedError, StoreInUseError, StoreUnavailableError, JournalUnavailableError, OSError) as error:
        sys.stderr.write(f"orchvynt serve: {error}\n")
        return EXIT_REFUSED
    finally:
        checking.close()


async def _serve(settings: Settings, environment: Mapping[str, str], checking: Checking, post: Post) -> int:
    clock = SystemClock()
    opened = await open_not_moved(settings.store, workers=settings.workers > 1)
    try:
        # Whose address is taken hears that and nothing else.
        with post.admin(settings) as admin_socket:
            return await _serve_from(settings, environment, opened, checking, clock, post, admin_socket)
    finally:
        await opened.store.close()


async def _serve_from(
    settings: Settings,
    environment: Mapping[str, str],
    opened: Opened,
    checking: Checking,
    clock: SystemClock,
    post: Post,
    admin_socket: socket.socket,
) -> int:
    _tell_recovery(opened)
    # INVARIANT: before anything of the store is read: what died beside this process is in it then.
    taken_over = await opened.store.take_over()
    about = Serving(settings, opened, clock.now())
    secrets = EnvSecrets(environment, settings.secret_env, settings.secret_dir)
    lacks = partial(missing_secrets, secrets)
    started = await starting(opened.store, settings.policy, clock, settings.watch, about.check, lacks)
    snapshot = started.snapshot
    process = await build(settings, secrets, opened, checking, started, taken_over)
    # 100,000 reviews that wait are some 400,000 objects: the collection below need not look at them.
    gc.freeze()
    about.applied(snapshot)
    ids = SystemIds(clock.now)
    others = replicating(process, about, say)
    changing = Changing(process.policies, opened.store, checking, process.secrets, clock, about, ids, process.alerting.broke_glass, others)
    if post.leads:
        _warn(process, started.warnings)
    port = await _begin(settings, process, post)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, about.stopping.set)
    granting = Granting(process.carrier, opened.store, ids)
    operations = Operations(process.carrier, process.deciding, changing, process.alerting, granting, process.shedding)
    measures = Measures(process, about, post)
    stop_looking: Callable[[], None] = _nothing
    stop_admin: Callable[[], Awaitable[None]] = _nobody
    if post.leads:
        say(f"serving policy version {snapshot.version} on http://{settings.listen_host}:{port} (point OpenAI clients at …/v1)")
        # Before anybody hears that this process is up: who then begins to write the policy's file is seen from the first byte on.
        stop_looking = _look_after_file(settings, process, changing)
        stop_admin = await _start_admin(settings, environment, process, operations, measures, admin_socket)
    process.tasks.start(post.serve(process.server, measures.packed, about.stop), "parent")
    _collect_seldom()
    await about.stopping.wait()
    if about.replaced:
        # Who takes its place answers operators already.
        await stop_admin()
    await stop(process, about.replaced)
    if not about.replaced:
        await stop_admin()
    stop_looking()
    await _end(process)
    return 0


async def _end(process: Process) -> None:
    """Nothing runs any more when this returns."""
    await process.tasks.stop()
    await process.opened.wakeups.close()
    await process.data_plane.reception.keyring.write_used()
    await process.upstream.close()
    process.counting.close()
    process.looking.close()
    process.mailing.close()
    process.apprising.close()


async def _listen(server: HttpServer, settings: Settings) -> int:
    host, port = settings.listen_host, settings.listen_port
    try:
        return await server.start(host, port)
    except OSError as error:
        raise refused(error, "data", host, port) from error


async def _begin(settings: Settings, process: Process, post: Post) -> int:
    """Takes invocations from now on, and does what has its time. → the port."""
    server, tasks = process.server, process.tasks
    port = await (_listen(server, settings) if post.data is None else server.start_from(post.data))
    tasks.start(process.sweeping.run(), "sweep")
    tasks.start(process.shedding.run(server), "overload")
    tasks.start(process.store_watch.run(), "store")
    tasks.start(process.alerting.run(), "alerts")
    if post.leads:
        tasks.start(process.retention.run(), "retention")
    tasks.start(process.succession.run(), "other processes")
    tasks.start(process.data_plane.reception.keyring.run(), "keys")
    return port


def _collect_seldom() -> None:
    # What was built lives as long as the process: the collector, which `main` had turned off, need not look at it again.
    gc.collect()
    gc.freeze()
    gc.enable()
    # An invocation leaves no cycles behind, so looking for them after every 700 objects is waste; bench/ shows 6 %.
    gc.set_threshold(150_000, 20, 50)


def _nothing() -> None:
    return


async def _nobody() -> None:
    return


def _warn(process: Process, warnings: Sequence[Problem]) -> None:
    """What the author of the policy, and who started the process, should know."""
    for warning in warnings:
        say(warning.text)
    for missing in missing_secrets(process.secrets, process.policies.current):
        say(f"warning: {missing} Until then the provider that needs it is passed over, and a webhook that it signs waits.")
    if why := _lacks_oidc_secret(process):
        say(f"warning: {why} Until then nobody logs in by the identity provider.")
    if drift := process.policies.drift(process.clock.now()):
        say(f"warning: {drift}")


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
    process.tasks.start(Watching(file, changing, settings.watch, say).run(), "policy file")
    return file.close


async def _start_admin(
    settings: Settings,
    environment: Mapping[str, str],
    process: Process,
    operations: Operations,
    measures: Measures,
    bound: socket.socket,
) -> Callable[[], Awaitable[None]]:
    """The admin plane comes after the first invocation can be served: its libraries take longer to load than all the rest. They load on
    a thread, so that who calls meanwhile is answered."""
    await asyncio.to_thread(import_module, "orchvynt.assembly.admin")
    from orchvynt.assembly import admin  # noqa: PLC0415 - see above

    beside = await asyncio.to_thread(lambda: Path(settings.store.journal).resolve().parent)
    fixed, token_file = await admin.first_tokens(process.opened.store, process.clock, environment, beside)
    process.alerting.telling.public_url = settings.admin_url or f"http://{settings.admin_host}:{bound.getsockname()[1]}"
    server = admin.admin_server(operations, process, measures, fixed, bound.getsockname()[1])
    task = process.tasks.start(server.serve(sockets=[bound]), "admin")
    say(f"admin on http://{settings.admin_host}:{bound.getsockname()[1]}")
    if token_file is not None:
        say(f"first admin token written to {token_file} (only you can read it)")

    async def stop() -> None:
        server.should_exit = True
        await task

    return stop


def _tell_recovery(opened: Opened) -> None:
    for line in opened.recovery.told:
        say(line)
    if not opened.audit_whole:
        say("WARNING: the audit does not end with its anchored head: entries were removed or changed; see `orchvynt audit verify`")
