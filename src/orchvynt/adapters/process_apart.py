"""A process of ours that works apart on two pipes, and the one thread that speaks with it. What they say to each other is theirs."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from typing import Protocol


class Readable(Protocol):
    """A read may give less than was asked for, and nothing at the end."""

    def read(self, size: int, /) -> bytes | None: ...


class Answers(Protocol):
    """An output without a buffer: nothing is left to be written when the process ends."""

    def write(self, data: bytes, /) -> int | None: ...


def read_exactly(of: Readable, count: int) -> bytes:
    """Raises EOFError where it ends before."""
    data = bytearray()
    while len(data) < count:
        part = of.read(count - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


class ProcessApart:
    """`running` is the process, None where nobody needed it so far, or it was ended. Only `submit` and `close` are for other threads than
    the one that works here. Once it is `closed` nothing is started any more, and that nothing answers is nobody's news."""

    def __init__(self, name: str) -> None:
        self.running: subprocess.Popen[bytes] | None = None
        self._name = name
        self._thread: ThreadPoolExecutor | None = None
        # Starting and closing take turns, so that nothing is started behind the end.
        self._entry = Lock()
        self.closed = False

    def submit(self, work: Callable[[], None]) -> None:
        """Does it on the thread, one after the other."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix=self._name)
        self._thread.submit(work)

    def start(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None, *, errors: int | None = None, buffer_bytes: int = -1
    ) -> "subprocess.Popen[bytes]":
        """In place of the one that ran. `errors` and `buffer_bytes` are subprocess's `stderr` and `bufsize`. Raises OSError."""
        self.end()
        with self._entry:
            if self.closed:
                raise OSError("this server stops")
            pipe = subprocess.PIPE
            self.running = subprocess.Popen(  # noqa: S603 - modules of ours, named in the code
                command, stdin=pipe, stdout=pipe, stderr=errors, env=environment, bufsize=buffer_bytes
            )
            return self.running

    def end(self) -> None:
        """Ends the process, whatever it does."""
        ended, self.running = self.running, None
        if ended is None:
            return
        ended.kill()
        for stream in (ended.stdin, ended.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        ended.wait()

    def close(self) -> None:
        """Ends the process, for good, and then the thread, which hears that it has ended."""
        with self._entry:
            self.closed = True
            if self.running is not None:
                self.running.kill()
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
        self.end()
