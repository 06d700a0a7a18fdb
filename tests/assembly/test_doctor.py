"""The doctor finds what usually goes wrong and says what to do; it never shows a secret, and never falls over itself."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchvynt.assembly.doctor import Finding, examine, run
from orchvynt.assembly.init import first_policy

WITH_KEYS = first_policy(["openai", "anthropic"])
NOBODY = "127.0.0.1:1"


class Healthy(http.server.BaseHTTPRequestHandler):
    status = "ok"

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/v1/health" else 404)
        self.end_headers()
        self.wfile.write(json.dumps({"status": self.status}).encode())

    def log_message(self, format: str, *args: object) -> None:
        return


class WithoutStore(Healthy):
    status = "store_away"


class Another(Healthy):
    status = "nobody's"


@contextmanager
def server(answers: type[Healthy] = Healthy) -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), answers) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
            thread.join()


def findings(folder: Path, text: str | None = None, **environment: str) -> dict[str, Finding]:
    path = folder / "policy.yaml"
    if text is not None:
        path.write_text(text)
    return {one.what: one for one in examine(str(path), NOBODY, environment, folder)}


def test_a_healthy_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(WITH_KEYS)
    with server() as address:
        keys = {"OPENAI_API_KEY": "sk-canary-1", "ANTHROPIC_API_KEY": "sk-canary-2"}
        assert run(str(path), address, False, keys, tmp_path) == 0
        told = capsys.readouterr().out
        assert "FAIL" not in told
        assert "2 models, 1 budgets" in told
        assert "sk-canary" not in told
        assert run(str(path), f"http://{address}/", True, keys, tmp_path) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert {"ok", "what", "found", "help"} == set(items[0])
    assert [item["what"] for item in items] == ["python", "policy", "provider openai", "provider anthropic", "server"]


def test_a_key_that_is_missing_is_named(tmp_path: Path) -> None:
    found = findings(tmp_path, WITH_KEYS, OPENAI_API_KEY="sk-canary")
    assert found["provider openai"].ok
    missing = found["provider anthropic"]
    assert not missing.ok
    assert "ANTHROPIC_API_KEY" in missing.found
    assert "here" in missing.found, "it knows nothing of the server's environment"
    assert "orchvynt serve" in missing.help


def test_the_secret_of_a_webhook_is_looked_at(tmp_path: Path) -> None:
    hook = """
  alerts: [{when: "calls > 20", notify: [oncall]}]
notify: {oncall: {webhook: "https://hooks.example/oncall", secret: "${env:HOOK_SECRET}"}}
"""
    text = WITH_KEYS.replace("\nbudgets:", hook + "budgets:")
    assert not findings(tmp_path, text)["destination oncall"].ok
    assert findings(tmp_path, text, HOOK_SECRET="canary")["destination oncall"].ok


def test_a_broken_policy_leads_to_validate(tmp_path: Path) -> None:
    policy = findings(tmp_path, "version: 1\nmodles: {}\n")["policy"]
    assert not policy.ok
    assert policy.help.startswith("orchvynt validate ")


def test_a_policy_that_was_named_must_be_there_and_one_that_was_not_need_not(tmp_path: Path) -> None:
    assert not findings(tmp_path)["policy"].ok
    found = {one.what: one for one in examine("", NOBODY, {}, tmp_path)}
    assert found["policy"].ok


def test_the_policy_that_stands_in_the_folder_is_examined(tmp_path: Path) -> None:
    (tmp_path / "orchvynt.yaml").write_text(first_policy([]))
    found = {one.what: one for one in examine("", NOBODY, {}, tmp_path)}
    assert "1 models" in found["policy"].found
    assert found["provider scripted"].found == "needs no key"


@pytest.mark.parametrize("address", [NOBODY, "nowhere", "127.0.0.1:x", "127.0.0.1:99999", "127.0.0.1:-1", "http://[::1]:1/", ":"])
def test_a_server_that_does_not_answer_is_told(tmp_path: Path, address: str) -> None:
    found = {one.what: one for one in examine("", address, {}, tmp_path)}["server"]
    assert not found.ok
    assert found.help == "Start one: orchvynt serve"


def test_a_server_whose_store_is_away_is_not_well(tmp_path: Path) -> None:
    with server(WithoutStore) as address:
        found = {one.what: one for one in examine("", address, {}, tmp_path)}["server"]
    assert not found.ok
    assert "store_away" in found.found
    assert "orchvynt status" in found.help
    with server(Another) as address:
        assert {one.what: one for one in examine("", address, {}, tmp_path)}["server"].ok


def test_the_environment_names_the_server(tmp_path: Path) -> None:
    found = {one.what: one for one in examine("", "", {"ORCHVYNT_SERVER": NOBODY}, tmp_path)}["server"]
    assert NOBODY in found.found
