"""The process that checks policies: forked before there is an event loop, a thread or a socket, it forks again for each check.

A policy that takes too long, or too much memory, takes nobody with it. It ends when its parent does.
"""

import contextlib
import gc
import os
import resource
import select
import signal
import socket
import struct
from typing import Final, Literal

import msgspec

from orchvynt.adapters.checking.inline import compare
from orchvynt.language.compile import load
from orchvynt.language.packing import pack

SECONDS_MAX: Final = 30.0
MEMORY_BYTES_MAX: Final = 1 << 30
NICER: Final = 10
# The catalog's data takes 100 ms to load; each check would load it again, so the keeper has it when it is idle.
IDLE_S: Final = 0.5
WARMING: Final = "version: 1\nproviders: {o: {kind: openai}}\nmodels: {gpt-4o: {provider: o}}\n"

LENGTH: Final = struct.Struct("!I")
DONE: Final = b"\x00"
FAILED: Final = b"\x01"


class Ask(msgspec.Struct, frozen=True):
    """`load` takes one text and its file, `compare` two of each."""

    what: Literal["load", "compare"]
    texts: tuple[str, ...]
    files: tuple[str, ...]


def fork_keeper(seconds_max: float) -> tuple[int, socket.socket]:
    """The keeper's process id and the socket to it. INVARIANT: called while this process has one thread and holds nothing."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid:
        theirs.close()
        return pid, ours
    try:
        _alone(theirs)
        _keep(theirs, seconds_max)
    finally:
        # Whatever happened: nothing of the parent's may run on here.
        os._exit(1)


def send_frame(line: socket.socket, *parts: bytes) -> None:
    line.sendall(b"".join((LENGTH.pack(sum(map(len, parts))), *parts)))


def receive_frame(line: socket.socket) -> bytes:
    """One frame. Raises EOFError when the other side is gone."""
    return _receive(line, LENGTH.unpack(_receive(line, LENGTH.size))[0])


def _receive(line: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = line.recv(min(count - len(data), 1 << 18))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def _alone(line: socket.socket) -> None:
    """Lets go of what came with the fork: terminals, files, signals of the parent's group."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGALRM, signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    kept = line.fileno()
    os.closerange(3, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX") if os.sysconf("SC_OPEN_MAX") < 65_536 else 65_536)
    os.nice(NICER)


def _keep(line: socket.socket, seconds_max: float) -> None:
    if not select.select([line], [], [], IDLE_S)[0]:
        load(WARMING, "")
    gc.freeze()
    while True:
        try:
            asked = receive_frame(line)
        except (EOFError, OSError):
            os._exit(0)
        send_frame(line, *_checked(asked, seconds_max))


def _checked(asked: bytes, seconds_max: float) -> tuple[bytes, bytes]:
    """Lets a child of its own answer; says so if that one came to its end before."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            # Nobody handles the signal here: the system ends the process.
            signal.setitimer(signal.ITIMER_REAL, seconds_max)
            with contextlib.suppress(OSError, ValueError):  # a lower limit is in force, or the system has none
                resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
            with os.fdopen(writing, "wb") as answer:
                answer.write(_answer(msgspec.msgpack.decode(asked, type=Ask)))
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        data = answer.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status == 0:
        return DONE, data
    slow = status == -signal.SIGALRM
    why = f"it took longer than {seconds_max:g} s" if slow else f"the process that checked it ended with status {status}"
    return FAILED, why.encode()


def _answer(ask: Ask) -> bytes:
    gc.disable()  # it ends in a moment
    if ask.what == "load":
        return msgspec.msgpack.encode(pack(load(ask.texts[0], ask.files[0])))
    old, new = zip(ask.texts, ask.files, strict=True)
    return msgspec.msgpack.encode(compare(old, new))
