"""The load of many streams checks what it says it checks, and the verdict is reached as it is described. It measures nothing here."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
JUDGE = """
import json, sys
from open_streams import Run, Told, verdict

def runs(system, rounds):
    told = [Told(100, 100, lost, "", 1.0, late, 1, 2, 3, 4, 0) for lost, late in rounds]
    return [Run(system, 512, each, 1.0, 25_600.0, 0.5, 0.0, 20.0, 20.0) for each in told]

given = json.loads(sys.stdin.read())
print(json.dumps(verdict(runs("direct", given["direct"]), runs("orchvynt", given["own"]))[0]))
"""


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[str], int]]:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    program = tmp_path_factory.mktemp("load") / "stream_load"
    subprocess.run([compiler, "-O1", "-Wall", "-Wextra", "-Werror", "-o", str(program), str(BENCH / "stream_load.c")], check=True)
    with subprocess.Popen([str(program), "50"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline().split()[-1])
        finally:
            process.kill()


def run(folder: Path, process: subprocess.Popen[str], port: int, streams: int, frames: int, exact: bool = True) -> dict[str, object]:
    assert process.stdin is not None
    assert process.stdout is not None
    body = '{"model":"m","stream":true,"messages":[{"role":"user","content":"stream ###### of $$$$$$ frames"}]}'
    request = folder / "request"
    request.write_text(f"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: {len(body)}\r\n\r\n{body}")
    process.stdin.write(f"{port} {streams} {frames} {int(exact)} {request}\n")
    process.stdin.flush()
    while not (line := process.stdout.readline()).startswith("{"):
        assert line.strip() in ("open", "closing")
    told: dict[str, object] = json.loads(line)
    return told


def test_streams_that_go_straight_from_end_to_end_are_whole(tmp_path: Path, load: tuple[subprocess.Popen[str], int]) -> None:
    process, port = load
    told = run(tmp_path, process, port, 5, 8)
    assert (told["frames"], told["expected"], told["broken"], told["why"]) == (40, 40, 0, "")


@pytest.mark.parametrize(
    ("change", "exact", "why"),
    [
        ((b" 0000002 ", b" 0000003 "), True, "another frame was due"),
        ((b"gpt-4o-2024-08-06", b"gpt-4o-2024-08-07"), True, "another frame was due"),
        ((b"[DONE]", b"[GONE]"), True, "an event that nobody sent"),
        ((b"00001 0000001", b"00007 0000001"), True, "another frame was due"),
        ((b"gpt-4o-2024-08-06", b"gpt-4o-2024-08-07"), False, ""),
        ((b'"object":"chat', b'"object":"wild'), False, ""),
        ((b" 0000002 ", b" 0000003 "), False, "another frame was due"),
        ((b"00001 0000001", b"00007 0000001"), False, "another frame was due"),
        ((b"[DONE]", b"[GONE]"), False, "it ended without its terminal marker"),
    ],
)
def test_whatever_is_changed_on_the_way_is_found(
    tmp_path: Path, load: tuple[subprocess.Popen[str], int], change: tuple[bytes, bytes], exact: bool, why: str
) -> None:
    process, port = load
    relay = subprocess.Popen(
        [sys.executable, "-c", RELAY, str(port), *(part.decode() for part in change)], stdout=subprocess.PIPE, text=True
    )
    with relay:
        assert relay.stdout is not None
        told = run(tmp_path, process, int(relay.stdout.readline()), 2, 4, exact)
        relay.kill()
    assert bool(told["broken"]) == bool(why)
    assert why in str(told["why"])


RELAY = """
import asyncio, sys

async def carry(reader, writer):
    own, provider = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    provider.write(await reader.read(65536))
    while data := await own.read(65536):
        writer.write(data.replace(sys.argv[2].encode(), sys.argv[3].encode()))

async def main():
    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


def judge(direct: list[tuple[int, int]], own: list[tuple[int, int]]) -> bool:
    """Of each round, how many frames were lost and how many late."""
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(BENCH)!r})\n{JUDGE}"]
    given = json.dumps({"direct": direct, "own": own})
    holds: bool = json.loads(subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=True).stdout)
    return holds


def test_one_lost_frame_is_too_much_in_any_round() -> None:
    assert judge(direct=[(0, 0)] * 3, own=[(0, 0)] * 3)
    assert not judge(direct=[(0, 0)] * 3, own=[(0, 0), (1, 0), (0, 0)])


def test_what_the_machine_made_late_is_no_fault_of_the_one_measured_in_most_rounds() -> None:
    assert judge(direct=[(0, 7), (0, 0), (0, 0)], own=[(0, 7), (0, 0), (0, 5)])
    assert not judge(direct=[(0, 0)] * 3, own=[(0, 5), (0, 0), (0, 1)])
