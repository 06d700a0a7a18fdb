"""`orchvynt serve --workers N`: the parent. It holds the listening sockets, keeps N processes that serve from them, and serves nothing.

The sockets outlive whoever accepts from them: what waits in one whose worker died, or is replaced, waits for the next one.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

import msgspec

from orchvynt.assembly.binding import bind, bind_for_workers
from orchvynt.assembly.settings import Settings
from orchvynt.assembly.worker_line import Ask, Counted, Cover, Gathered, Leave, Line, Ready, Start

EXIT_REFUSED: Final = 1
LEADS: Final = 1
"""The number of the worker that serves the admin port."""

# One that lived for so long had nothing against its start.
_LASTED_S: Final = 10.0
_BACKOFF_FIRST_S: Final = 0.1
_BACKOFF_MAX_S: Final = 5.0
_READY_S: Final = 60.0
_GATHER_S: Final = 2.0
_STUCK_S: Final = 15.0


def run(settings: Settings) -> int:
    """Serves until it is told to stop. Gives the exit code: 0 after a stop, 1 if it could not start."""
    try:
        with bind(settings.admin_host, settings.admin_port) as admin:
            data = bind_for_workers(settings.listen_host, settings.listen_port, settings.workers)
            return asyncio.run(Workers(settings, data, admin).run())
    except OSError as error:
        sys.stderr.write(f"orchvynt serve: {error}\n")
        return EXIT_REFUSED


class Worker:
    """One process, from its start to its end."""

    def __init__(self, number: int, process: asyncio.subprocess.Process, line: Line, began: float) -> None:
        self.number = number
        self.process = process
        self.line = line
        self.began = began
        self.ready = asyncio.Event()
        self.counted: dict[int, asyncio.Future[bytes]] = {}


class Workers:
    """Once `run` has ended, nothing of it is left."""

    def __init__(self, settings: Settings, data: list[socket.socket], admin: socket.socket) -> None:
        self._settings = settings
        self._data = data
        self._admin = admin
        # Who serves under which number, and all that run, those that finish included.
        self._serving: dict[int, Worker] = {}
        self._all: set[Worker] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._replacing = asyncio.Event()
        self._covers: dict[int, Worker] = {}
        self._failures: dict[int, int] = {}
        self._asked = 0

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._replacing.set)
        try:
            # The first one makes the schema and takes the policy's file; the others find both.
            if not await self._is_ready(await self._start(LEADS)):
                return 0 if self._stopping.is_set() else EXIT_REFUSED
            await asyncio.gather(*(self._again(number, 0) for number in range(LEADS + 1, self._settings.workers + 1)))
            if not self._stopping.is_set():
                _say(f"{self._settings.workers} workers serve")
            while not self._stopping.is_set():
                await _any(self._stopping.wait(), self._replacing.wait())
                if not self._stopping.is_set():
                    self._replacing.clear()
                    await self._replace_all()
            return 0
        finally:
            await self._stop()

    async def _replace_all(self) -> None:
        _say("replacing the workers, one after the other")
        for number in range(LEADS, self._settings.workers + 1):
            before = self._serving.get(number)
            if not await self._begins(number):
                if not self._stopping.is_set():
                    _say(f"warning: a new worker {number} does not start; those that serve go on")
                return
            if before is not None:
                before.line.send(Leave())
        _say("the workers are replaced; those of before finish what is open")

    async def _start(self, number: int) -> Worker:
        ours, theirs = socket.socketpair()
        admin = self._admin if number == LEADS else None
        data = [one.fileno() for one in self._data]
        shared = [one.fileno() for one in (theirs, *self._data, admin) if one is not None]
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "orchvynt.assembly.worker", str(theirs.fileno()), pass_fds=shared
            )
        ours.setblocking(False)
        line = Line(*await asyncio.open_connection(sock=ours))
        # One follows the policy's file for all.
        settings = self._settings if admin is not None else msgspec.structs.replace(self._settings, watch=False)
        line.send(Start(settings, data, self._socket_of(number), admin.fileno() if admin is not None else None))
        worker = Worker(number, process, line, asyncio.get_running_loop().time())
        self._all.add(worker)
        self._begin(self._listen(worker))
        self._begin(self._watch(worker))
        return worker

    async def _begins(self, number: int) -> bool:
        """Whether a new one serves under this number."""
        try:
            return await self._is_ready(await self._start(number))
        except OSError as error:
            _say(f"warning: no process can be started: {error}")
            return False

    async def _is_ready(self, worker: Worker) -> bool:
        """Whether it serves; in place of who did under its number. One that does not is ended."""
        await _any(worker.ready.wait(), worker.process.wait(), self._stopping.wait(), seconds=_READY_S)
        if not worker.ready.is_set():
            with suppress(ProcessLookupError):
                worker.process.terminate()
        return worker.ready.is_set()

    async def _listen(self, worker: Worker) -> None:
        while (message := await worker.line.receive()) is not None:
            if isinstance(message, Ready):
                self._serving[worker.number] = worker
                worker.ready.set()
                self._cover()
            elif isinstance(message, Ask):
                self._begin(self._gather(worker, message.number))
            elif isinstance(message, Counted) and (waiting := worker.counted.pop(message.number, None)) is not None:
                waiting.set_result(message.figures)

    async def _gather(self, asks: Worker, number: int) -> None:
        """What all other workers counted."""
        self._asked += 1
        asked, loop = self._asked, asyncio.get_running_loop()
        others = [worker for worker in self._all if worker is not asks and worker.ready.is_set()]
        waiting = []
        for worker in others:
            waiting.append(loop.create_future())
            worker.counted[asked] = waiting[-1]
            worker.line.send(Ask(asked))
        if waiting:
            await asyncio.wait(waiting, timeout=_GATHER_S)
        for worker in others:
            worker.counted.pop(asked, None)
        told = [one.result() for one in waiting if one.done() and not one.cancelled()]
        asks.line.send(Gathered(number, told, len(waiting) - len(told)))

    async def _watch(self, worker: Worker) -> None:
        """To its end. In place of one that served, and was not to end, another one begins."""
        code = await worker.process.wait()
        worker.line.close()
        self._all.discard(worker)
        for one in worker.counted.values():
            one.cancel()
        if self._serving.get(worker.number) is not worker:
            return
        del self._serving[worker.number]
        self._cover()
        if not self._stopping.is_set():
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
            _say(f"worker {worker.number} (process {worker.process.pid}) {how}; another one begins")
            await self._again(worker.number, asyncio.get_running_loop().time() - worker.began)

    def _socket_of(self, number: int) -> int:
        return self._data[number % len(self._data)].fileno()

    def _cover(self) -> None:
        """What waits in the socket of a worker that is gone is answered by another one until it is back."""
        if len(self._data) == 1 or self._stopping.is_set():
            return
        for number in range(LEADS, self._settings.workers + 1):
            covers = self._covers.get(number)
            if number in self._serving:
                self._covers.pop(number, None)
                if covers is not None and covers in self._serving.values():
                    covers.line.send(Cover(self._socket_of(number), on=False))
            elif covers not in self._serving.values() and self._serving:
                one = self._covers[number] = min(self._serving.values(), key=lambda worker: worker.number)
                one.line.send(Cover(self._socket_of(number), on=True))

    async def _again(self, number: int, lasted_s: float) -> None:
        failures = 0 if lasted_s >= _LASTED_S else self._failures.get(number, 0)
        while not self._stopping.is_set() and number not in self._serving:
            if failures:
                await _any(self._stopping.wait(), seconds=min(_BACKOFF_FIRST_S * 2**failures, _BACKOFF_MAX_S))
            failures = self._failures[number] = failures + 1
            if not self._stopping.is_set() and not await self._begins(number) and not self._stopping.is_set():
                _say(f"worker {number} does not start; it is tried again")

    async def _stop(self) -> None:
        """What waits in the sockets is the workers' now; each finishes as a process alone does."""
        self._stopping.set()
        for one in (*self._data, self._admin):
            one.close()
        for worker in list(self._all):
            with suppress(ProcessLookupError):
                worker.process.terminate()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._settings.drain_seconds + _STUCK_S)
        for worker in list(self._all):
            with suppress(ProcessLookupError):
                worker.process.kill()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _any(*waits: Coroutine[Any, Any, Any], seconds: float | None = None) -> None:
    """Until one of them is done, or for so long."""
    tasks = [asyncio.ensure_future(one) for one in waits]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in tasks:
            one.cancel()


def _say(text: str) -> None:
    sys.stderr.write(f"orchvynt: {text}\n")
    sys.stderr.flush()
