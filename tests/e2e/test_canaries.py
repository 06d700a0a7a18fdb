"""The search for planted secrets finds what it is for; and a server that met all of them lets none out."""

import base64
import json
import sqlite3
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.e2e.conftest import Serve
from tests.support.canaries import PLANTED, LeakedError, search, search_folder
from tests.support.outside import chat
from tests.support.policies import three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider


@pytest.mark.parametrize("name", list(PLANTED))
@pytest.mark.parametrize("begins_at", [0, 1, 2])
def test_every_secret_is_found_in_every_spelling(name: str, begins_at: int) -> None:
    value = PLANTED[name]
    spoken = f"{'-' * begins_at}{value}--"
    spellings = (spoken.encode(), json.dumps(spoken).encode(), quote(spoken, safe="").encode(), base64.b64encode(spoken.encode()))
    for spelling in (*spellings, base64.b64encode(b"user:" + value.encode() + b"@host")):
        with pytest.raises(LeakedError, match=name) as found:
            search(b"before " + spelling + b" after", "a test")
        assert value not in str(found.value)
    search("nothing of the kind: canary, sk-canary, PLANTED_API_KEY", "a test")


def test_it_is_found_in_files_of_any_depth_and_in_pages_of_a_database(tmp_path: Path) -> None:
    assert search_folder(tmp_path) == 0
    database = sqlite3.connect(tmp_path / "store.db")
    database.execute("CREATE TABLE t (x TEXT)")
    database.execute("INSERT INTO t VALUES (?)", ("x" * 5_000 + PLANTED["PLANTED_TOKEN"],))
    database.commit()
    database.close()
    with pytest.raises(LeakedError, match="PLANTED_TOKEN"):
        search_folder(tmp_path)
    (tmp_path / "store.db").unlink()
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "0001.journal").write_bytes(b"\x00\xff" + PLANTED["TEST_API_KEY"].encode())
    with pytest.raises(LeakedError, match="TEST_API_KEY"):
        search_folder(tmp_path)


def test_a_server_that_leaks_into_its_log_fails_its_test(tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    """A policy may hold a secret that nobody told it to be one: as a model's name it goes wherever names go."""
    leaky = three_tiers(scripted_provider).replace("model: local-model", f"model: {PLANTED['PLANTED_PLAIN']}")
    with pytest.raises(LeakedError, match="PLANTED_PLAIN"), Serving(tmp_path, leaky) as server:
        assert chat(server, "gpt-4o").status == 200


def test_secrets_are_used_and_come_out_nowhere(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider))
    assert chat(server, "gpt-4o").status == 200
    assert any(name.lower() == "authorization" for name in scripted_provider.arrivals()[-1]["headers"])
    for provider in ("openai", "anthropic"):
        scripted_provider.fault(provider, {"echo_key": True})
    scripted_provider.fault("local", {"status": 500})
    for stream in (False, True):
        assert chat(server, "gpt-4o", stream=stream).status == 503
    named = server.policy.read_text().replace("TEST_API_KEY", "PLANTED_API_KEY")
    unnamed = server.policy.read_text().replace("TEST_API_KEY", "PLANTED_PLAIN")
    for text in (named, unnamed, unnamed.replace("PLANTED_PLAIN", "ORCHVYNT_ADMIN_TOKEN")):
        (server.folder / "next.yaml").write_text(text)
        assert server.admin("/policies", {"yaml": text, "message": "why"}).status in (200, 422)
        assert server.admin("/policies/diff", {"yaml": text}).status == 200
    server.command("diff", "next.yaml")
    for command in (("status",), ("explain", "last"), ("policy", "pull")):
        assert server.command(*command).returncode == 0
    for path in ("/status", "/policies", "/providers", "/models", "/audit", "/tokens", "/openapi.json"):
        assert server.admin(path).status == 200
    server.stop()
    assert search_folder(server.folder) > 3
