"""Policies changed while agents call: nobody fails or meets two versions, what was answered stays after a kill; and who may do what."""

import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.e2e.conftest import Serve
from tests.support.outside import Heard, chat
from tests.support.policies import gate, three_tiers
from tests.support.serving import TOKEN, Reply, Serving

from orchvynt.testing.scripted import ScriptedProvider

BUDGET = "budgets: [{name: all, scope: global, limit: {tokens: 100000000}, on_breach: reject}]"
CALLERS = 64
CHANGES = 20


def apply(server: Serving, text: str, expected: int | None = None, token: str = TOKEN) -> Reply:
    return server.admin("/policies", {"yaml": text, "message": "because", "expected_version": expected}, token=token)


def using(provider: ScriptedProvider, model: str) -> str:
    rules = f"routing: {{default: gpt-4o, rules: [{{name: to-{model}, use: {model}}}]}}"
    return three_tiers(provider, BUDGET).replace("routing: {default: gpt-4o}", rules)


def told(server: Serving, heard: Heard) -> str:
    return "\n".join(str(entry["text"]) for entry in server.explain(heard.headers["x-orchvynt-invocation"])["timeline"])


class Call(NamedTuple):
    """`floor` is the newest version whose apply or rollback was answered before the call was made."""

    floor: int
    heard: Heard


def test_changes_under_load_fail_no_call_and_mix_no_snapshots(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(using(scripted_provider, "gpt-4o"))
    models = {1: "gpt-4o"}
    answered = [1]
    stop = threading.Event()

    def caller(number: int) -> list[Call]:
        made = []
        while not stop.is_set():
            floor = answered[-1]
            made.append(Call(floor, chat(server, "gpt-4o", stream=bool(number % 2))))
        return made

    with ThreadPoolExecutor(CALLERS) as pool:
        callers = [pool.submit(caller, number) for number in range(CALLERS)]
        try:
            for number in range(CHANGES):
                time.sleep(0.05)
                if number % 2:
                    done, model = server.admin("/policies/rollback", {"message": "back"}), "gpt-4o"
                else:
                    model = ("claude", "local")[number // 2 % 2]
                    done = apply(server, using(scripted_provider, model))
                assert done.status == 200, done.body
                models[done.json["version"]] = model
                answered.append(done.json["version"])
                assert done.json["replicas"][0]["version"] == done.json["version"]
                if number % 5 == 0:
                    assert apply(server, "version: 1\nmodels: [").status == 422
        finally:
            stop.set()
        calls = [call for one in callers for call in one.result()]
    assert {call.heard.status for call in calls} == {200}
    for floor, heard in calls:
        version = int(heard.headers["x-orchvynt-policy"])
        assert version >= floor, "after the answer to apply every later call has the new version"
        assert heard.headers["x-orchvynt-model"] == models[version], told(server, heard)
        assert heard.text == "You said: hello"
        assert heard.ends == ["marker"] if heard.streamed else heard.ended == "whole"
    assert {int(call.heard.headers["x-orchvynt-policy"]) for call in calls} >= set(answered[1:-1])
    for _, heard in calls[:: max(1, len(calls) // 40)]:
        explained = server.explain(heard.headers["x-orchvynt-invocation"])
        assert explained["policy_version"] == int(heard.headers["x-orchvynt-policy"])
    assert "Traceback" not in server.log


@pytest.mark.parametrize("back", [False, True])
def test_a_kill_right_after_the_answer_forgets_nothing_and_the_old_file_is_drift(
    serve: Serve, scripted_provider: ScriptedProvider, back: bool
) -> None:
    server = serve(using(scripted_provider, "gpt-4o"))
    version = 1
    for model in ("claude", "local", "claude"):
        assert apply(server, using(scripted_provider, model)).status == 200
        version += 1
        if back:
            assert server.admin(f"/policies/{version - 1}/rollback", {"message": "back"}).status == 200
            version += 1
        served = chat(server, "gpt-4o").headers["x-orchvynt-model"]
        server.kill()
        server.start()
        heard = chat(server, "gpt-4o")
        assert (heard.headers["x-orchvynt-policy"], heard.headers["x-orchvynt-model"]) == (str(version), served)
        drift = "" if served == "gpt-4o" else "differs from version"
        assert drift in server.admin("/status").json["drift"]
        assert drift in server.ask("/health/ready").json["drift"]
    assert server.log.count("warning: ") >= (0 if back else 3)


def test_expected_versions_history_diff_and_pull(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(using(scripted_provider, "gpt-4o"))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: apply(server, using(scripted_provider, "claude"), expected=1), range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 7
    text = using(scripted_provider, "local").replace("\n", "\r\n") + "# é, and no line break at the end"
    (server.folder / "next.yaml").write_text(text, newline="")
    stale = server.command("apply", "next.yaml", "-m", "why", "--expect", "1")
    assert (stale.returncode, "Version 2 is in force, not 1" in stale.stderr) == (1, True)
    assert server.command("apply", "next.yaml").returncode == 2
    told = server.command("diff", "next.yaml")
    assert (told.returncode, "rule to-local added" in told.stdout, "+++ next.yaml" in told.stdout) == (0, True, True)
    assert server.command("apply", "next.yaml", "-m", "why", "--expect", "2").returncode == 0
    assert server.command("policy", "pull", "-o", "live.yaml").returncode == 0
    assert (server.folder / "live.yaml").read_bytes() == text.encode()
    assert "mean the same, to the letter" in server.command("diff", "live.yaml").stdout
    told = server.command("diff", "1", "3")
    assert "rule to-gpt-4o removed" in told.stdout
    assert server.command("rollback").returncode == 0
    assert chat(server, "gpt-4o").headers["x-orchvynt-model"] == "claude"
    again = server.command("rollback", "2")
    assert (again.returncode, "says the same as version 4" in again.stderr) == (1, True)
    history = server.command("history").stdout
    assert "because" in history
    assert "why" in history
    digest = server.admin("/status").json["policy_digest"]
    assert digest[:12] in history


def test_the_commit_of_a_committed_file_is_on_every_record(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(using(scripted_provider, "gpt-4o"))
    folder = server.folder / "repository"
    folder.mkdir()
    file = folder / "policy.yaml"
    file.write_text(using(scripted_provider, "claude"))
    git = ["git", "-C", str(folder), "-c", "user.name=ana", "-c", "user.email=ana@example.com"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "policy"]):
        subprocess.run([*git, *arguments], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert server.command("apply", str(file), "-m", "why").returncode == 0
    assert server.admin("/status").json["policy_commit"] == head
    assert head[:12] in server.command("history").stdout
    explained = server.explain(chat(server, "gpt-4o").headers["x-orchvynt-invocation"])
    assert (explained["policy_version"], explained["policy_commit"]) == (2, head)
    file.write_text(using(scripted_provider, "local"))
    assert server.command("apply", str(file), "-m", "why").returncode == 0
    assert server.admin("/status").json["policy_commit"] == "", "what is not committed as it is has no commit"


def test_a_parked_invocation_stays_with_its_version_over_changes_and_restarts(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, gate("0s")))
    pending = chat(server, "gpt-4o", headers={"x-orchvynt-flags": "review"})
    invocation, review = pending.headers["x-orchvynt-invocation"], pending.json["error"]["review_id"]
    # The later version has neither the gate nor the model that answered.
    assert apply(server, using(scripted_provider, "claude")).status == 200
    server.kill()
    server.start()
    assert apply(server, using(scripted_provider, "local")).status == 200
    vote = {"decision": "approve", "reason": "fine"}
    assert server.admin(f"/reviews/{review}/decisions", vote).json["status"] == "approved"
    answer = server.ask(f"/v1/invocations/{invocation}/result")
    assert (answer.status, answer.headers["x-orchvynt-policy"], answer.headers["x-orchvynt-model"]) == (200, "1", "gpt-4o")
    assert server.explain(invocation)["policy_version"] == 1
    assert chat(server, "gpt-4o", "another").headers["x-orchvynt-policy"] == "3"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount a small file system")
def test_while_the_store_is_away_nothing_changes(scripted_provider: ScriptedProvider, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], check=False, capture_output=True).returncode:
        pytest.skip("this machine mounts nothing")
    try:
        with Serving(disk, using(scripted_provider, "gpt-4o")) as server:
            filler = disk / "filler"
            with filler.open("wb", buffering=0) as file:
                try:
                    while file.write(b"x" * 4096):
                        pass
                except OSError:
                    pass
            large = using(scripted_provider, "claude") + "# " + "x" * 1_000_000
            for refused in (apply(server, large), apply(server, large)):
                assert (refused.status, refused.json["error"]["code"]) == (503, "store_unavailable")
                assert "retry-after" in refused.headers
            assert server.admin("/status").json["policy_version"] == 1
            filler.unlink()
            until = time.monotonic() + 15
            while (done := apply(server, large)).status != 200 and time.monotonic() < until:
                time.sleep(0.2)
            assert done.json["version"] == 2
            while (heard := chat(server, "gpt-4o")).status != 200 and time.monotonic() < until:
                # That the journal's disk has room again is seen a moment later.
                time.sleep(0.2)
            assert heard.headers["x-orchvynt-model"] == "claude"
            assert "Traceback" not in server.log
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_an_operator_changes_rules_and_only_an_admin_where_requests_and_secrets_go(
    serve: Serve, scripted_provider: ScriptedProvider
) -> None:
    server = serve(using(scripted_provider, "gpt-4o"))
    operator = server.admin("/tokens", {"name": "operator", "role": "operator"}).json["secret"]
    viewer = server.admin("/tokens", {"name": "viewer", "role": "viewer"}).json["secret"]
    assert apply(server, using(scripted_provider, "claude"), token=operator).status == 200
    elsewhere = using(scripted_provider, "claude").replace(scripted_provider.base_url("openai"), "http://127.0.0.1:9/v1")
    swapped = using(scripted_provider, "claude").replace("${env:TEST_API_KEY}", "${env:OTHER_API_KEY}", 1)
    for text, says in ((elsewhere, "http://127.0.0.1:9/v1"), (swapped, "${env:OTHER_API_KEY}")):
        refused = apply(server, text, token=operator).json["error"]
        assert (refused["code"], says in refused["message"]) == ("forbidden", True)
        assert refused["detail"]["addresses"]
        checked = server.admin("/policies/validate", {"yaml": text}, token=viewer).json
        assert (checked["valid"], says in str(checked["bindings"])) == (True, True)
        assert server.admin("/audit").json["items"][0]["what"] == "policy.apply refused"
    (server.folder / "elsewhere.yaml").write_text(elsewhere)
    told = server.command("diff", "elsewhere.yaml").stdout
    assert "To apply this needs the role admin:\n  provider openai: new address http://127.0.0.1:9/v1" in told
    assert apply(server, swapped).json["error"]["code"] == "policy_invalid", "this server has no such secret"
    assert apply(server, elsewhere).status == 200
    assert server.admin("/policies/rollback", {}, token=operator).json["error"]["code"] == "forbidden"
    assert server.admin("/policies/rollback", {}).status == 200


def test_a_change_while_it_stops_or_right_after_the_start_is_whole_or_refused(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(using(scripted_provider, "gpt-4o"))
    with ThreadPoolExecutor(4) as pool:

        def quietly(number: int) -> Any:
            try:
                return apply(server, using(scripted_provider, ("claude", "local")[number % 2])).json.get("version")
            except (OSError, ValueError):
                return None

        changes = [pool.submit(quietly, number) for number in range(8)]
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        done = [one.result() for one in changes]
    server.start()
    versions = [item["version"] for item in server.admin("/policies").json["items"]]
    assert {version for version in done if version} <= set(versions)
    assert chat(server, "gpt-4o").headers["x-orchvynt-policy"] == str(max(versions))
    assert "Traceback" not in server.log
