"""Starts the scripted provider and runs it until it is told to stop. Prints its address when it is ready."""

import asyncio
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from orchvynt.scripted.connection import Connection, Exchange, Request
from orchvynt.scripted.control import PREFIX, Control, ControlExchange
from orchvynt.scripted.document import ScriptError, read_script
from orchvynt.scripted.ledger import LedgerWriter
from orchvynt.scripted.listeners import SHARED, Listeners
from orchvynt.scripted.player import Player
from orchvynt.scripted.script import Script

_new_loop: Callable[[], asyncio.AbstractEventLoop]
try:
    import uvloop

    _new_loop = uvloop.new_event_loop
except ImportError:  # not built for this platform
    _new_loop = asyncio.new_event_loop

OPEN_FILES_WANTED: Final = 65_536


class ScriptedSettings(msgspec.Struct, frozen=True):
    """`listen` and `control` are `HOST:PORT`; port 0 takes a free one. `control` is a second address that no fault closes.

    `script` None gives default answers only. `stop_with_stdin` ends the process when its standard input does.
    """

    listen: str = "127.0.0.1:4823"
    script: Path | None = None
    ledger: Path = Path("scripted-ledger.jsonl")
    control: str | None = None
    stop_with_stdin: bool = False


def run(settings: ScriptedSettings) -> int:
    """Serves until SIGINT or SIGTERM. Gives the exit status: 0, or 1 with the reason on standard error."""
    try:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            runner.run(serve(settings))
    except (ScriptError, OSError, ValueError) as error:
        print(f"scripted-provider: {error}", file=sys.stderr)
        return 1
    return 0


async def serve(settings: ScriptedSettings) -> None:
    """Serves until a signal, or until cancelled. Raises ScriptError, OSError or ValueError when it cannot start."""
    script = Script() if settings.script is None else read_script(settings.script.read_text("utf-8"), str(settings.script))
    _raise_open_files()
    ledger = LedgerWriter(settings.ledger)
    player = Player(script, ledger)
    host, port = _address(settings.listen)

    def begin(request: Request, line: Connection, own_name: str) -> Exchange:
        if request.target.startswith(PREFIX):
            return ControlExchange(control, request, line)
        return player.begin(request, line, own_name)

    listeners = Listeners(begin, host)
    control = Control(player, listeners, ledger)
    stopped = asyncio.Event()
    _stop_on_signals(stopped)
    if settings.stop_with_stdin:
        await _stop_with_stdin(stopped)
    try:
        if settings.control is not None:
            print(f"control on {await listeners.open('', *_address(settings.control))}", flush=True)
        url = await listeners.open(SHARED, host, port)
        await listeners.align(player.faults.refuses, None)
        print(f"listening on {url}", flush=True)
        await stopped.wait()
    finally:
        await listeners.close()
        # The connections end in the next turn of the loop, and write their last bills then.
        await asyncio.sleep(0.01)
        ledger.close()


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535:
        raise ValueError(f"{text!r} is not an address; give HOST:PORT, for example 127.0.0.1:0")
    return host.strip("[]") or "127.0.0.1", int(port)


def _raise_open_files() -> None:
    """Thousands of connections need as many descriptors; the soft limit is often 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES_WANTED if hard == resource.RLIM_INFINITY else min(OPEN_FILES_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _stop_on_signals(stopped: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)


class _StdinWatch(asyncio.Protocol):
    def __init__(self, stopped: asyncio.Event) -> None:
        self._stopped = stopped

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's shape
        self._stopped.set()


async def _stop_with_stdin(stopped: asyncio.Event) -> None:
    """A parent that dies, however it dies, takes its scripted provider with it."""
    await asyncio.get_running_loop().connect_read_pipe(lambda: _StdinWatch(stopped), sys.stdin)
