"""The process and the fixture: it starts and stops, keeps its books through both, carries a crowd, and stands alone."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.scripted.wire_client import ask, send

from orchvynt.scripted.ledger import Ledger
from orchvynt.testing.scripted import ScriptedProvider, ScriptedProviderError

CROWD = 1_000


def test_the_fixture_gives_a_provider_of_its_own(scripted_provider: ScriptedProvider) -> None:
    assert scripted_provider.ledger().totals.arrivals == 0
    seen = send(scripted_provider.url, "/p/x/v1/chat/completions", ask("openai"))
    assert json.loads(seen.body)["choices"][0]["message"]["content"] == "You said: hello there"
    assert scripted_provider.ledger().totals.charged == 1


def test_the_ledger_goes_on_over_lives_of_the_process_and_open_answers_are_billed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with ScriptedProvider({"otherwise": {"text": "a b c", "frame_interval": "30s"}}, ledger_path=path) as provider:
        seen = send(provider.url, "/v1/chat/completions", ask("openai"), wait=0.05)
        assert seen.raw == b""
        asyncio.run(_leave_open(provider))
    with ScriptedProvider(ledger_path=path) as provider:
        send(provider.url, "/v1/chat/completions", ask("openai"))
        assert [arrival.n for arrival in provider.ledger().arrivals] == [1, 2, 3]
    assert [(charge.how, charge.billed.output) for charge in Ledger.read(path).charges] == [("gone", 3), ("gone", 1), ("whole", 8)]


async def _leave_open(provider: ScriptedProvider) -> None:
    """Asks for a stream, sees its first frame, and is still there when the process is told to stop."""
    address = urlsplit(provider.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    body = json.dumps(ask("openai", stream=True)).encode()
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    await reader.readuntil(b'"content":"a"')
    provider.stop()
    writer.close()


def test_a_script_that_is_wrong_stops_the_start_with_its_position() -> None:
    with (
        pytest.raises(ScriptedProviderError, match=r"script\.yaml:1:1: `anwsers` is not a field here; did you mean `answers`\?"),
        ScriptedProvider("anwsers: []"),
    ):
        pass


def test_the_process_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "orchvynt.scripted", "--listen", "127.0.0.1:0", "--ledger", str(tmp_path / "l"), "--stop-with-stdin"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline().startswith(b"listening on http://127.0.0.1:")
        process.stdin.close()
        assert process.wait(10) == 0


def test_an_address_in_use_is_said_and_is_exit_status_1(provider: ScriptedProvider, tmp_path: Path) -> None:
    address = urlsplit(provider.url).netloc
    command = [sys.executable, "-m", "orchvynt.scripted", "--listen", address, "--ledger", str(tmp_path / "l")]
    done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    assert done.returncode == 1
    assert b"scripted-provider: " in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_thousand_streams_at_once_are_all_whole_and_all_billed(provider: ScriptedProvider) -> None:
    provider.script({"otherwise": {"text": "one two six ten", "latency": "100ms", "frame_interval": "20ms"}})
    since = provider.ledger().last
    body = json.dumps(ask("openai", stream=True)).encode()
    request = b"POST /p/crowd/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    address = urlsplit(provider.url)

    async def one() -> bool:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(request)
        whole = (await reader.readuntil(b"0\r\n\r\n")).count(b"data: [DONE]") == 1
        writer.close()
        await writer.wait_closed()
        return whole

    async def crowd() -> list[bool]:
        return await asyncio.gather(*(one() for _ in range(CROWD)))

    assert all(asyncio.run(crowd()))
    totals = provider.ledger().where(since=since, provider="crowd").totals
    assert (totals.arrivals, totals.charged, totals.output_tokens) == (CROWD, CROWD, CROWD * 4)


def test_requests_in_a_row_on_one_connection_are_answered_in_order(provider: ScriptedProvider) -> None:
    since = provider.ledger().last
    bodies = [json.dumps(ask("openai", said=f"number {at}")).encode() for at in range(300)]
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"

    async def talk() -> bytes:
        address = urlsplit(provider.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(b"".join(head % len(body) + body for body in bodies))
        writer.write(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        found = await reader.read(-1)
        writer.close()
        return found

    answers = asyncio.run(talk()).split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert [b'You said: number %d"' % at in answer for at, answer in enumerate(answers[:-1])] == [True] * 300
    assert provider.ledger().where(since=since).totals.charged == 300


def test_it_stands_alone_and_the_plugin_is_light() -> None:
    program = (
        "import sys\nimport orchvynt.scripted.serve\n"
        "print([name for name in sys.modules if name.startswith('orchvynt.') and not name.startswith('orchvynt.scripted')])\n"
    )
    alone = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    assert alone.stdout.strip() == b"[]"
    light = "import sys, pytest\nbefore = set(sys.modules)\nimport orchvynt.testing.plugin\nprint(sorted(set(sys.modules) - before))\n"
    plugin = subprocess.run([sys.executable, "-c", light], capture_output=True, check=True, timeout=60)
    assert plugin.stdout.strip() == b"['orchvynt', 'orchvynt.testing', 'orchvynt.testing.plugin']"


def test_the_provider_is_gone_after_the_with_block() -> None:
    with ScriptedProvider() as provider:
        process = provider._process
        assert process is not None
        folder = provider.ledger_path.parent
    assert process.returncode == 0
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
    started = time.monotonic()
    provider.stop()
    assert time.monotonic() - started < 5


def test_the_test_that_the_how_to_shows_passes(scripted_provider: ScriptedProvider) -> None:
    how_to = Path(__file__).parents[2] / "docs" / "how-to" / "scripted-provider.md"
    shown = how_to.read_text("utf-8").split("```python\n")[1].split("```")[0]
    names: dict[str, Callable[[ScriptedProvider], None]] = {}
    exec(compile(shown, str(how_to), "exec"), names)
    names["test_my_agent"](scripted_provider)
