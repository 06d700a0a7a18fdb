"""What the standard invocation costs, counted and not timed: bytecode instructions and calls of C functions. `make instructions`.

A real `orchvynt serve` under `policy.yaml`, with its journal and its store, is asked over a socket for a chat of 1 KB, again and again, one
at a time. Two machines with the same Python give the same figure. `--renew` writes it into
`instructions.json`, which `tests/bench/test_instructions.py` holds it to.
"""

import argparse
import json
import mmap
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from processes import BenchError, last_lines, started, wait_until_listening
from systems import HERE, Launch, Upstream, serve
from workloads import PROVIDER_WORDS, WORKLOADS, body, request, standard

COMMITTED: Final = HERE / "instructions.json"
KINDS: Final = ("instructions", "c_calls", "filing_instructions", "filing_c_calls")
STRAYS_MAX: Final = 1.03
SWITCH: Final = 4
WARM_UP: Final = 60
COUNTED: Final = 24
TRIES: Final = 3
LOOP: Final = slice(0, 2)
FILING: Final = slice(2, SWITCH)
STILL_SECONDS: Final = 0.03
# Longer than filing rests between two batches: each invocation is filed alone.
FILED_SECONDS: Final = 0.3
STILL_SECONDS_MAX: Final = 30.0
ANSWER: Final = json.dumps(
    {
        "id": "chatcmpl-9aBcDeFgHiJkLmNoPqRsTuVwXyZ01",
        "object": "chat.completion",
        "created": 1_732_300_000,
        "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": PROVIDER_WORDS * 15}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 187, "completion_tokens": 86, "total_tokens": 273},
    }
).encode()


def python() -> str:
    """What a figure holds for: the bytecode differs from one minor version to the next."""
    return f"{sys.implementation.name} {sys.version_info.major}.{sys.version_info.minor}"


def whole(connection: socket.socket) -> bytes:
    """One message with a content-length, head and body; empty at the end of the connection."""
    got = b""
    while True:
        head, found, content = got.partition(b"\r\n\r\n")
        if found and len(content) >= int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]):
            return got
        more = connection.recv(1 << 16)
        if not more:
            return b""
        got += more


def _provide(listener: socket.socket) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(ANSWER)}\r\n\r\n".encode()
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            while whole(connection):
                connection.sendall(head + ANSWER)


class Counts:
    """The counters that the server shares."""

    def __init__(self, file: Path) -> None:
        file.write_bytes(bytes(8 * (SWITCH + 1)))
        with file.open("r+b") as opened:
            self._slots = memoryview(mmap.mmap(opened.fileno(), 0)).cast("q")

    def begin(self) -> None:
        self._slots[SWITCH] = 1

    def still(self, which: slice, seconds: float) -> tuple[int, ...]:
        """What these say once they have not moved for so long."""
        before: tuple[int, ...] = ()
        deadline = time.monotonic() + STILL_SECONDS_MAX
        while time.monotonic() < deadline:
            now = tuple(self._slots[which])
            if now == before:
                return now
            before = now
            time.sleep(seconds)
        raise BenchError(f"The server did not become still within {STILL_SECONDS_MAX:.0f} s.")


@contextmanager
def _provider() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_provide, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]


def _each(launch: Launch, counts: Counts) -> Iterator[tuple[int, ...]]:
    """What each invocation added to the counters, with whatever timer ran beside it. The first ones are left out: they fill caches."""
    content = request(launch, body(WORKLOADS["chat-1k"], "gpt-4o"))
    with socket.create_connection(("127.0.0.1", launch.port), timeout=60) as connection:
        counts.begin()
        filed: tuple[int, ...] = ()
        for block in (WARM_UP, *[1] * COUNTED):
            before = counts.still(LOOP, STILL_SECONDS) if filed else ()
            for _ in range(block):
                connection.sendall(content)
                answered = whole(connection)
                if not answered.startswith(b"HTTP/1.1 200") or PROVIDER_WORDS.encode() not in answered:
                    raise BenchError(f"An invocation was answered wrongly: {answered[:300]!r}")
            after, filed_after = counts.still(LOOP, STILL_SECONDS), counts.still(FILING, FILED_SECONDS)
            if filed:
                yield tuple(now - was for now, was in zip(after + filed_after, before + filed, strict=True))
            filed = filed_after


def counted() -> dict[str, int]:
    """Of one invocation. Raises BenchError."""
    with tempfile.TemporaryDirectory(prefix="bench-instructions-") as name, _provider() as provider_port:
        folder, log = Path(name), Path(name) / "output.log"
        counts = Counts(folder / "counts")
        launch = serve(folder, standard(Upstream(provider_port)), {"PYTHONHASHSEED": "0"})
        command = [sys.executable, str(HERE / "traced.py"), str(folder / "counts"), *launch.command[3:]]
        with started(command, None, folder, log, launch.environment) as process:
            try:
                wait_until_listening(process, launch.port, 120)
                wait_until_listening(process, launch.admin_port, 120)
                found = list(_each(launch, counts))
            except (OSError, BenchError) as failed:
                raise BenchError(f"orchvynt: {failed}\nIts last words:\n{last_lines(log)}") from failed
    # What else happens beside an invocation only adds to it: the least met nothing. Filing may be late, and then two are filed as one.
    by_kind = dict(zip(KINDS, zip(*found, strict=True), strict=True))
    return {kind: sorted(values)[COUNTED // 2] if kind.startswith("filing") else min(values) for kind, values in by_kind.items()}


def compiled_rooms() -> list[str]:
    """The modules of OrchVynt that this Python would not interpret: what they do is not counted."""
    found = find_spec("orchvynt")
    places = [] if found is None else list(found.submodule_search_locations or ())
    return sorted(str(path) for place in places for path in Path(place).rglob("*.so"))


def strayed(found: Mapping[str, int], committed: Mapping[str, int]) -> list[str]:
    """A sentence for each figure that is not within 3 % of the committed one."""
    told = []
    for kind, value in found.items():
        before = committed[kind]
        if not before / STRAYS_MAX <= value <= before * STRAYS_MAX:
            what = "MORE: an invocation became dearer" if value > before else "less: keep the gain"
            told.append(f"{kind}: {value:,} where {before:,} are committed, × {value / before:.3f}, {what}")
    return told


def main() -> int:
    options = argparse.ArgumentParser(prog="make instructions", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--renew", action="store_true", help="write the figure, for others to be held to")
    renew = options.parse_args().renew
    if compiled := compiled_rooms():
        print(f"{len(compiled)} modules are compiled, and what they do cannot be counted: {compiled[0]} …", file=sys.stderr)
        return 2
    committed = json.loads(COMMITTED.read_text()) if COMMITTED.exists() else {}
    try:
        found = counted()
        for _ in range(TRIES - 1):
            # What a busy machine gets wrong it gets wrong upwards, as more timers run beside each invocation.
            if renew or not strayed(found, committed.get(python(), found)):
                break
            again = counted()
            found = {kind: min(value, again[kind]) for kind, value in found.items()}
    except BenchError as problem:
        print(problem, file=sys.stderr)
        return 2
    for kind, value in found.items():
        before = committed.get(python(), {}).get(kind)
        print(f"{kind:<20}{value:>8,}" + (f"   {before:,} committed, × {value / before:.4f}" if before else ""))
    if renew:
        COMMITTED.write_text(json.dumps({**committed, python(): found}, indent=1) + "\n")
        print(f"Written to {COMMITTED}")
        return 0
    wrong = strayed(found, committed[python()]) if python() in committed else []
    if wrong:
        wrong.append("If that is meant: `make instructions ARGS=--renew`, and commit bench/instructions.json.")
        print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
