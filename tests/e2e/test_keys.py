"""Keys from outside: secrets on the command line, claims that hold, listening beyond the loopback, and runs that nobody named."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Serve
from tests.support.outside import Heard, books_balance, chat, of_kind, post
from tests.support.policies import three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

KEYS = """
keys:
  - name: doc-team
    owner: docs-lead@example.com
    fixed: {workflow: doc-analysis, context: {team: docs}, flags: [audited]}
    may_set: [agent, run, session, workload, flags]
    require: [run]
    allow_models: [gpt-4o, local]
  - {name: open}
budgets: [{name: docs, scope: workflow, when: 'workflow == "doc-analysis"', limit: {tokens: 100}, on_breach: reject}]
"""
# An address of this machine that only --listen of a policy with keys may take.
ELSEWHERE = "127.0.0.2"


def issue(server: Serving, name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {server.admin('/keys', {'name': name}).json['secret']}"}


def test_the_policys_own_example(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, KEYS))
    assert chat(server, "gpt-4o").status == 401
    docs, said = issue(server, "doc-team"), {"x-orchvynt-run": "r1"}
    missing = chat(server, "gpt-4o", headers=docs)
    assert (missing.status, missing.json["error"]["param"]) == (400, "x-orchvynt-run")
    assert "orchvynt_run" in missing.json["error"]["help"]
    heard = chat(server, "gpt-4o", headers={**docs, **said, "x-orchvynt-workflow": "support"}, max_tokens=20)
    assert heard.status == 200
    explained = books_balance(server, scripted_provider, heard.headers["x-orchvynt-invocation"])
    [received] = of_kind(explained, "invocation_received")
    assert (received["key"], explained["workflow"], received["claims_overruled"]) == (
        "doc-team", "doc-analysis", ["workflow: doc-analysis, not support"],
    )  # fmt: skip
    assert "overruled: workflow: doc-analysis, not support" in explained["timeline"][0]["text"]
    assert chat(server, "gpt-4o", headers={**docs, **said, "x-orchvynt-user": "ana"}).json["error"]["code"] == "forbidden"
    assert chat(server, "claude", headers={**docs, **said}).json["error"]["code"] == "forbidden"
    models = server.ask("/v1/models", headers=docs).json["data"]
    assert [model["id"] for model in models] == ["auto", "gpt-4o", "local", "big"]
    statuses = [chat(server, "local", headers={**docs, **said}, max_tokens=20).status for _ in range(8)]
    assert statuses[-1] == 402
    assert chat(server, "gpt-4o", headers=issue(server, "open"), max_tokens=20).status == 200


def test_a_secret_outlives_a_crash_and_ends_when_it_is_told_to(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, KEYS))
    old, other = issue(server, "open"), issue(server, "open")
    new = {"x-api-key": server.command("keys", "rotate", "open", "--overlap", "1h").stdout.strip()}
    assert [chat(server, "local", headers=one).status for one in (old, other, new)] == [200, 200, 200]
    server.kill()
    server.start()
    assert [chat(server, "local", headers=one).status for one in (old, other, new)] == [200, 200, 200]
    first = min(server.admin("/keys").json["items"], key=lambda item: item["created_at"])
    assert (first["key"], first["in_policy"], first["expires_at"] > first["created_at"]) == ("open", True, True)
    assert first["last_used_at"] > first["created_at"]
    assert server.command("keys", "revoke", "open", "--id", first["id"]).returncode == 0
    assert [chat(server, "local", headers=one).status for one in (old, other, new)] == [401, 200, 200]
    assert server.admin("/keys/open", method="DELETE").status == 200
    server.kill()
    server.start()
    assert [chat(server, "local", headers=one).status for one in (old, other, new)] == [401, 401, 401]
    whats = [entry["what"] for entry in server.admin("/audit").json["items"]]
    assert whats == ["key.revoke", "key.revoke", "key.rotate", "key.issue", "key.issue"]


def test_no_secret_stands_anywhere(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, KEYS))
    secret = issue(server, "open")["authorization"].removeprefix("Bearer ")
    heard = chat(server, "local", headers={"x-api-key": secret})
    inv = heard.headers["x-orchvynt-invocation"]
    chat(server, "local", headers={"authorization": f"Bearer {secret}x"})
    shown = [server.admin(path).body for path in ("/keys", "/audit", f"/invocations/{inv}", "/invocations", "/policies", "/status")]
    shown += [heard.body, json.dumps(heard.headers).encode(), server.log.encode()]
    assert server.stop() == 0
    shown += [file.read_bytes() for file in server.folder.rglob("*") if file.is_file()]
    assert not [one for one in shown if secret.encode() in one]
    assert all(secret not in json.dumps(arrival["headers"]) for arrival in scripted_provider.arrivals())


def test_a_policy_that_changes_its_keys_holds_from_the_next_request_on(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    policy = three_tiers(scripted_provider)
    server = serve(policy)
    early = issue(server, "open")
    assert chat(server, "local").status == 200, "without keys anybody may call, on this machine"
    mine = chat(server, "local", headers=early).headers["x-orchvynt-invocation"]
    assert server.admin("/policies", {"yaml": three_tiers(scripted_provider, KEYS), "message": "keys"}).status == 200
    assert chat(server, "local").status == 401
    assert chat(server, "local", headers=early).status == 200, "a secret may be issued before the policy names its key"
    assert server.ask(f"/v1/invocations/{mine}", headers=early).status == 404, "that was somebody without a key"
    assert server.admin("/policies", {"yaml": policy, "message": "no keys"}).status == 200
    assert chat(server, "local").status == 200


def start(folder: Path, policy: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A start that is refused."""
    (folder / "refused.yaml").write_text(policy)
    command = [sys.executable, "-m", "orchvynt", "serve", "--policy", "refused.yaml", "--admin", "127.0.0.1:0", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder, check=False)


def test_without_keys_nobody_else_is_listened_to(tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    done = start(tmp_path, three_tiers(scripted_provider), "--listen", "0.0.0.0:0")
    assert done.returncode == 2
    assert "  keys: [{name: agents}]" in done.stderr
    assert "  orchvynt keys issue agents" in done.stderr
    assert "Traceback" not in done.stderr
    # What was refused is not in the store: with the two lines it starts.
    fixed = three_tiers(scripted_provider, "keys: [{name: agents}]")
    with Serving(tmp_path, fixed, arguments=("--listen", f"{ELSEWHERE}:0", "--store", "sqlite:///orchvynt.db")) as server:
        agents = issue(server, "agents")
        statuses = []
        for headers in ({}, agents):
            connection = http.client.HTTPConnection(ELSEWHERE, server.port, timeout=20)
            connection.request("GET", "/v1/models", headers=headers)
            statuses.append(connection.getresponse().status)
            connection.close()
        assert statuses == [401, 200]


def test_a_policy_without_keys_comes_not_into_force_where_strangers_call(tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    bare, keyed = three_tiers(scripted_provider), three_tiers(scripted_provider, "keys: [{name: agents}]")
    with Serving(tmp_path, bare) as server:
        assert server.admin("/policies", {"yaml": keyed, "message": "keys"}).status == 200
        assert server.stop() == 0
        server.arguments = ("--listen", f"{ELSEWHERE}:0")
        server.port = 0
        server.start()
        for refused in (server.admin("/policies", {"yaml": bare, "message": "x"}), server.admin("/policies/1/rollback", {"message": "x"})):
            assert (refused.status, refused.json["error"]["code"]) == (422, "policy_invalid")
            assert "orchvynt keys issue agents" in refused.json["error"]["message"]
        assert server.admin("/status").json["policy_version"] == 2
        shown = server.command("rollback", "1")
        assert (shown.returncode, "keys: [{name: agents}]" in shown.stderr) == (1, True)


def conversation(server: Serving, model: str, turns: int, **options: Any) -> list[Heard]:
    """A client that sends back what it was told, and names no run. Gives what it heard."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": f"hello {model} {options}"}]
    told: list[Heard] = []
    for turn in range(turns):
        body = {"model": model, "messages": messages, **options}
        heard = post(server.port, "/v1/chat/completions", body)
        told.append(heard)
        messages = [*messages, {"role": "assistant", "content": heard.text}, {"role": "user", "content": f"more {turn}"}]
    return told


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with ScriptedProvider() as provider, Serving(tmp_path_factory.mktemp("keys"), three_tiers(provider)) as server:
        call = {"match": {"last_user": "look"}, "tool_calls": [{"name": "search", "arguments": {"q": "x"}}]}
        provider.script({"answers": [call]})
        yield server


@pytest.mark.parametrize("model", ["gpt-4o", "claude", "local"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_conversation_is_one_run_whoever_answers(standing: Serving, model: str, stream: bool) -> None:
    server = standing
    ids = [heard.headers["x-orchvynt-invocation"] for heard in conversation(server, model, 3, stream=stream)]
    records = [server.explain(inv) for inv in ids]
    assert [record["run"] for record in records] == ["", ids[0], ids[0]]
    assert [of_kind(record, "invocation_received")[0]["claims"].get("run_source", "") for record in records] == ["", "inferred", "inferred"]
    assert "inferred" in records[1]["timeline"][0]["text"]
    run = server.admin(f"/runs/{ids[0]}").json
    assert ([item["invocation"] for item in run["items"]], run["invocations"]) == (ids, 3)
    assert server.admin(f"/runs/{ids[1]}").status == 404


def test_tool_calls_go_on_with_their_run(standing: Serving) -> None:
    server = standing
    tools = [{"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}]
    asked = [{"role": "user", "content": "look"}]
    first = server.ask("/v1/chat/completions", {"model": "gpt-4o", "messages": asked, "tools": tools})
    message = first.json["choices"][0]["message"]
    [call] = message["tool_calls"]
    result = {"role": "tool", "tool_call_id": call["id"], "content": "found"}
    second = server.ask("/v1/chat/completions", {"model": "gpt-4o", "messages": [*asked, message, result], "tools": tools})
    assert server.explain(second.headers["x-orchvynt-invocation"])["run"] == first.headers["x-orchvynt-invocation"]
