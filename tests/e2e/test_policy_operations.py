"""The policy in operation: apply, refuse, roll back, restart and die; who may do what; and what the store's own faults do."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Serve
from tests.support.outside import books_balance, chat
from tests.support.policies import gate, three_tiers
from tests.support.serving import TOKEN, Reply, Serving

from orchvynt.testing.scripted import ScriptedProvider

BUDGET = "budgets: [{name: all, scope: global, limit: {tokens: 10000000}, on_breach: reject}]"


def apply(server: Serving, text: str, expected: int | None = None, token: str = TOKEN) -> Reply:
    return server.admin("/policies", {"yaml": text, "message": "because", "expected_version": expected}, token=token)


def current(server: Serving) -> int:
    return int(next(item["version"] for item in server.admin("/policies").json["items"] if item["current"]))


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server whose policy no test of this file changes."""
    with ScriptedProvider() as provider, Serving(tmp_path_factory.mktemp("standing"), three_tiers(provider, BUDGET)) as server:
        yield server


BROKEN = ["", "version: 1", "version: 2\n", "a: &a [*a, *a]\n", "models: {", "\x00", "- 1\n", "version: 1\nversion: 1\n", "x" * 100_000]


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_policy_leaves_the_old_one_in_force(standing: Serving, text: str) -> None:
    server = standing
    refused = apply(server, text)
    assert (refused.status, refused.json["error"]["code"]) in ((422, "policy_invalid"), (400, "invalid_request"))
    for problem in refused.json["error"].get("detail", {}).get("problems", ()):
        assert problem["line"] >= 1
        assert problem["message"]
    assert current(server) == 1
    assert chat(server, "gpt-4o").headers["x-orchvynt-policy"] == "1"
    assert server.admin("/audit").json["items"][0]["what"] == "policy.apply refused"
    assert "Traceback" not in server.log


LATER = {
    "enforce: observe": "enforce",
    'telemetry: {otlp: "${env:OTEL_EXPORTER_OTLP_ENDPOINT}"}': "telemetry",
}


@pytest.mark.parametrize("text", list(LATER))
def test_what_is_not_there_yet_is_refused_with_its_place(standing: Serving, text: str) -> None:
    problem = apply(standing, standing.policy.read_text() + text + "\n").json["error"]["detail"]["problems"][0]
    assert LATER[text] in problem["message"]
    assert "not supported" in problem["message"]
    assert problem["line"] > 10


@pytest.mark.parametrize(
    ("there", "not_yet"),
    [
        ("on_breach: reject", "on_breach: reject, enforce: observe"),
        ("routing: {default: gpt-4o}", "routing: {default: gpt-4o, rules: [{name: s, use: gpt-4o, shadow: {model: claude, sample: 10%}}]}"),
        (
            "routing: {default: gpt-4o}",
            "routing: {default: gpt-4o, rules: [{name: s, canary: {stable: gpt-4o, candidate: claude, steps: [{weight: 100%}]}}]}",
        ),
    ],
)
def test_features_of_later_versions_are_refused(standing: Serving, there: str, not_yet: str) -> None:
    text = standing.policy.read_text()
    assert there in text
    refused = apply(standing, text.replace(there, not_yet))
    assert (refused.status, current(standing)) == (422, 1)
    assert "not supported" in str(refused.json["error"]["detail"]["problems"])


def test_roles(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, gate("0s")))
    review = chat(server, "gpt-4o", headers={"x-orchvynt-flags": "review"}).json["error"]["review_id"]
    secrets = {}
    for role in ("viewer", "reviewer", "operator", "admin"):
        issued = server.admin("/tokens", {"name": role, "role": role})
        assert issued.status == 201
        secrets[role] = issued.json["secret"]
    tokens = {**secrets, "nobody": "wrong", "": ""}
    text = three_tiers(scripted_provider, gate("0s"))

    def allowed(act: Any) -> set[str]:
        return {role for role, token in tokens.items() if act(token).status not in (401, 403)}

    everybody = {"viewer", "reviewer", "operator", "admin"}
    assert allowed(lambda token: server.admin("/status", token=token)) == everybody
    assert allowed(lambda token: server.admin(f"/reviews/{review}", token=token)) == everybody - {"viewer"}
    assert allowed(lambda token: apply(server, text, token=token)) == {"operator", "admin"}
    assert allowed(lambda token: server.admin("/policies/rollback", {"message": "x"}, token=token)) == {"operator", "admin"}
    assert allowed(lambda token: server.admin("/audit", token=token)) == {"operator", "admin"}
    assert allowed(lambda token: server.admin("/tokens", token=token)) == {"admin"}
    vote = {"decision": "approve", "reason": "fine"}
    for role in ("nobody", "", "viewer"):
        assert server.admin(f"/reviews/{review}/decisions", vote, token=tokens[role]).status in (401, 403)
    assert server.admin(f"/reviews/{review}/decisions", vote, token=secrets["reviewer"]).json["by"] == "token:reviewer"
    assert server.admin("/tokens/reviewer", method="DELETE").status == 200
    assert server.admin("/status", token=secrets["reviewer"]).status == 401
    stored = b"".join(file.read_bytes() for file in server.folder.rglob("*") if file.is_file())
    assert not [role for role, secret in secrets.items() if secret.encode() in stored], "tokens are stored hashed"
    assert TOKEN.encode() not in stored


def test_a_second_server_on_the_same_store_is_refused(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider))
    command = [sys.executable, "-m", "orchvynt", "serve", "--policy", str(server.policy), "--listen", "127.0.0.1:0"]
    command += ["--admin", "127.0.0.1:0", "--store", f"sqlite:///{server.folder / 'orchvynt.db'}"]
    second = subprocess.run(command, capture_output=True, text=True, timeout=20, env=server.environment, cwd=server.folder, check=False)
    assert second.returncode == 1
    assert "Traceback" not in second.stderr
    assert "orchvynt.db" in second.stderr
    assert chat(server, "gpt-4o").status == 200


def test_sigterm_while_a_stream_stands_still(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "one two three", "frames": 3, "frame_interval": "300ms"}]})
    server = serve(three_tiers(scripted_provider, BUDGET))
    with ThreadPoolExecutor(2) as pool:
        stream, whole = pool.submit(chat, server, "gpt-4o", stream=True), pool.submit(chat, server, "claude")
        time.sleep(0.4)
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        assert stream.result().ends == ["marker"]
        assert whole.result().status == 200
    server.start()
    for heard in (stream.result(), whole.result()):
        assert books_balance(server, scripted_provider, heard.headers["x-orchvynt-invocation"])["outcome"] == "answered"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount a small file system")
@pytest.mark.parametrize("stream", [False, True])
def test_a_full_disk_sends_nothing_unmetered(scripted_provider: ScriptedProvider, tmp_path: Path, stream: bool) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], check=False, capture_output=True).returncode:
        pytest.skip("this machine mounts nothing")
    try:
        with Serving(disk, three_tiers(scripted_provider, BUDGET)) as server:
            assert chat(server, "gpt-4o").status == 200
            filler = disk / "filler"
            with filler.open("wb", buffering=0) as file:
                try:
                    while file.write(b"x" * 4096):
                        pass
                except OSError:
                    pass
            seen = [chat(server, "gpt-4o", stream=stream) for _ in range(60)]
            refused = [heard for heard in seen if heard.status != 200]
            assert refused
            for heard in refused:
                assert (heard.status, heard.json["error"]["code"]) == (503, "store_unavailable")
                assert "retry-after" in heard.headers
            # The one whose hold was the last to find room was sent; after it, nothing is.
            assert scripted_provider.ledger().totals.arrivals <= 2 + len(seen) - len(refused)
            assert server.ask("/health/live").status == 200
            filler.unlink()
            until = time.monotonic() + 15
            while (heard := chat(server, "gpt-4o", stream=stream)).status != 200 and time.monotonic() < until:
                time.sleep(0.2)
            assert heard.status == 200
            books_balance(server, scripted_provider, heard.headers["x-orchvynt-invocation"])
            server.kill()
            server.start()
            line = server.admin("/budgets").json["items"][0]
            assert (line["settled_tokens"] >= scripted_provider.ledger().totals.tokens, line["held_tokens"]) == (True, 0)
            assert "Traceback" not in server.log
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)
