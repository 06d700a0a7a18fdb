"""What clients of each API are shown of the policy's models, and to whom."""

import json
from typing import Any

import msgspec
import pytest
from ollama import ListResponse, ShowResponse
from tests.support.snapshots import snapshot

from orchvynt.catalog.capabilities import Capabilities
from orchvynt.decisions.identity.credentials import Identity
from orchvynt.language.snapshot import Key, Snapshot
from orchvynt.model.faults import Fault
from orchvynt.surfaces.api.listing import LISTS, listed, shown
from orchvynt.surfaces.api.models import names

ANYBODY = Identity(None, "digest")
DOCS = Identity(Key("docs", allow_models=frozenset({"gpt"})), "digest")


def told(path: str, identity: Identity = ANYBODY, policy: Snapshot | None = None) -> Any:
    return json.loads(listed(path, policy or snapshot(), identity, "openai_chat"))


def test_what_a_key_may_ask_for() -> None:
    assert names(snapshot(), ANYBODY) == ["auto", "gpt", "claude", "small"]
    assert names(snapshot(), DOCS) == ["auto", "gpt", "small"]
    assert names(msgspec.structs.replace(snapshot(), default=""), DOCS) == ["gpt", "small"]


@pytest.mark.parametrize("identity", [ANYBODY, DOCS])
def test_every_api_lists_the_same_names(identity: Identity) -> None:
    known = names(snapshot(), identity)
    assert [entry["id"] for entry in told("/v1/models", identity)["data"]] == known
    tags = told("/api/tags", identity)
    assert [entry["name"] for entry in tags["models"]] == known
    assert [model.model for model in ListResponse.model_validate(tags).models] == known


def test_a_version() -> None:
    assert told("/api/version")["version"].count(".") == 2
    assert {"/api/version", "/api/tags", "/v1/models"} == LISTS


def test_what_is_known_of_a_model_is_shown() -> None:
    policy = snapshot()
    seeing = msgspec.structs.replace(policy.models["gpt"], capabilities=Capabilities(True, True), context_window=128_000)
    policy = msgspec.structs.replace(policy, models={**policy.models, "gpt": seeing})
    for name, body in (("gpt", b'{"model":"gpt"}'), ("small", b'{"name":"small"}'), ("auto", b'{"model":"auto"}')):
        said = shown(body, policy, DOCS)
        assert isinstance(said, bytes), name
        shape = ShowResponse.model_validate_json(said)
        assert shape.capabilities == ["completion", "tools", "vision"]
        assert shape.modelinfo == {"general.architecture": "orchvynt", "orchvynt.context_length": 128_000}
    said = shown(b'{"model":"claude"}', policy, ANYBODY)
    assert isinstance(said, bytes)
    assert json.loads(said)["capabilities"] == ["completion"]
    assert json.loads(said)["model_info"] == {}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"model":"claude"}', "model_not_found"),
        (b"{}", "model_not_found"),
        (b"{", "invalid_request"),
        (b'{"model":1}', "invalid_request"),
        (b"\xff", "invalid_request"),
        (b"[" * 5000, "invalid_request"),
    ],
)
def test_what_cannot_be_shown(body: bytes, code: str) -> None:
    said = shown(body, snapshot(), DOCS)
    assert isinstance(said, Fault)
    assert (said.code, said.param) == (code, "model")
