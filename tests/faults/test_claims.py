"""The caller leaves out or invents what would bind it, or names an address of its own: what its key and the policy say holds."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.faults.caller_rows import CLAIMS
from tests.faults.cells import meets, of_chapters, runnable
from tests.faults.judging import KEY, explained_of, judge, was_whole
from tests.faults.table import Cell
from tests.faults.world import SAID, World, opened, policy, script
from tests.support.outside import of_kind

NAMES = of_chapters(CLAIMS)
KEYS: list[dict[str, Any]] = [
    {"name": "open"},
    {"name": "docs", "fixed": {"workflow": "doc-analysis"}, "may_set": ["run"]},
    {"name": "audited", "fixed": {"flags": ["audited"]}},
]
GATE = {"name": "audit", "stage": "output", "when": '"audited" in flags', "reviewers": "people", "wait": {"up_to": "0s"}}
# Room for one or two calls.
ROOM = {"limit": {"tokens": 150}, "on_breach": "reject"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    def write(provider: Any) -> dict[str, Any]:
        budgets: list[Any] = []
        for cell in runnable("leaves-out"):
            of_run = {"name": f"run-{cell.name}", "scope": "run", "when": f'key.name == "open" && requested_model == "{cell.name}"'}
            of_docs = {
                "name": f"docs-{cell.name}",
                "scope": "global",
                "when": f'workflow == "doc-analysis" && requested_model == "{cell.name}"',
            }
            budgets += [{**of_run, **ROOM}, {**of_docs, **ROOM}]
        gated: dict[str, Any] = {"gates": [GATE], "groups": {"people": {"members": ["ana@example.com"]}}}
        return policy(provider, runnable(*NAMES), timeouts={}, alone=True, keys=KEYS, budgets=budgets, **gated)

    with opened(tmp_path_factory.mktemp("claims"), script(frame_interval=0), write) as world:
        yield world


@pytest.fixture(scope="module")
def secrets(world: World) -> dict[str, dict[str, str]]:
    """The credentials of each key, as headers."""
    issued = {key["name"]: world.server.admin("/keys", {"name": key["name"]}).json["secret"] for key in KEYS}
    return {str(name): {"authorization": f"Bearer {secret}"} for name, secret in issued.items()}


@meets("leaves-out")
@pytest.mark.parametrize("key", ["open", "docs"])
def test_silence_is_no_escape_from_a_budget(world: World, secrets: dict[str, dict[str, str]], cell: Cell, key: str) -> None:
    since = world.provider.ledger().last
    statuses = [world.ask(cell, headers=secrets[key], max_tokens=20).status for _ in range(6)]
    assert (statuses[0], statuses[-1]) == (200, 402)
    assert statuses == sorted(statuses)
    assert world.arrivals(since) == [cell.name] * statuses.count(200), "what is refused is not sent"
    named = {**secrets["open"], "x-orchvynt-run": "a-run-of-its-own"}
    assert world.ask(cell, headers=named, max_tokens=20).status == 200
    assert world.held == 0


@meets("leaves-out-flag")
def test_silence_is_no_escape_from_a_gate(world: World, secrets: dict[str, dict[str, str]], cell: Cell) -> None:
    heard = world.ask(cell, headers=secrets["audited"])
    assert (heard.status, heard.json["error"]["code"]) == (409, "hitl_pending")
    assert world.ask(cell, headers=secrets["open"]).status == 200


@meets("poses")
def test_another_teams_workflow_is_overruled_on_record(world: World, secrets: dict[str, dict[str, str]], cell: Cell) -> None:
    since = world.provider.ledger().last
    explained = judge(world, cell, world.ask(cell, headers={**secrets["docs"], "x-orchvynt-workflow": "support"}), since)
    [received] = of_kind(explained, "invocation_received")
    assert explained["workflow"] == "doc-analysis"
    assert received["claims_overruled"] == ["workflow: doc-analysis, not support"]


@meets("names-address")
def test_a_request_cannot_name_an_address_or_a_key(world: World, secrets: dict[str, dict[str, str]], cell: Cell) -> None:
    headers = {**secrets["open"], "x-orchvynt-base-url": "http://127.0.0.1:1", "x-orchvynt-provider": "rescue", "cookie": "session=1"}
    since = world.provider.ledger().last
    heard = world.ask(cell, headers=headers)
    was_whole(heard, SAID)
    explained_of(world, heard)
    [arrival] = world.provider.ledger().where(since=since).arrivals
    assert arrival.provider == cell.name
    assert arrival.key_sha256_8 == hashlib.sha256(KEY).hexdigest()[:8], "the provider hears the policy's key and no other"
    [kept] = world.provider.arrivals(since)
    names = {name.lower() for name in kept["headers"]}
    assert not {name for name in names if name.startswith("x-orchvynt") or name == "cookie"}
    assert "session=1" not in json.dumps(kept["headers"])
    # Within the body: one that is passed on as it is may hold what it likes, another dialect has no word for it.
    since = world.provider.ledger().last
    heard = world.ask(cell, headers=headers, base_url="http://127.0.0.1:1", api_key="mine")
    if cell.kind == "openai":
        was_whole(heard, SAID)
        assert world.arrivals(since) == [cell.name]
    else:
        assert (heard.status, heard.json["error"]["code"], world.arrivals(since)) == (400, "unsupported", [])
