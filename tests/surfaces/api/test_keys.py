"""With `keys` in the policy: what needs one, what each sees, and that a new secret is the same caller."""

import asyncio

import msgspec
import pytest
from tests.support.loops import until
from tests.support.snapshots import snapshot
from tests.surfaces.api.plane import CHAT, Plane, play

from orchvynt.decisions.identity.conversations import Conversations
from orchvynt.language.snapshot import Budget, Gate, Key, Limits, Snapshot
from orchvynt.model.facts import InvocationReceived
from orchvynt.model.turns import Turn, said
from orchvynt.runtime.keyring import Issued

DOCS, OTHER = Key("docs", allow_models=frozenset({"gpt"})), Key("other")
GATE = Gate("g", "output", None, "people", False, 0)


def keyed(*, budgets: tuple[Budget, ...] = (), gates: tuple[Gate, ...] = ()) -> Snapshot:
    return msgspec.structs.replace(snapshot(budgets=budgets, gates=gates), keys={key.name: key for key in (DOCS, OTHER)})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/chat/completions"),
        ("POST", "/@docs/drafting/v1/chat/completions"),
        ("POST", "/v1/route"),
        ("GET", "/v1/models"),
        ("GET", "/@docs/v1/models"),
        ("GET", "/v1/invocations/inv_1"),
        ("GET", "/v1/invocations/inv_1/result"),
        ("POST", "/v1/invocations/inv_1/feedback"),
    ],
)
def test_everything_but_health_needs_a_key(method: str, path: str) -> None:
    async def scenario(plane: Plane) -> None:
        secret = await plane.issue("docs")
        await plane.keyring.revoke("docs", "")
        retired = await plane.issue("retired")
        texts = set()
        for credential in ("Bearer sk-guess", secret, retired, "Basic ZG9jczpkb2Nz"):
            heard = await plane.ask(path, CHAT if method == "POST" else None, method=method, authorization=credential, x_request_id="r")
            assert (heard.status, heard.error["code"], heard.headers["www-authenticate"]) == (401, "unauthorized", "Bearer")
            assert heard.headers["x-request-id"] == "r"
            assert heard.error["type"] == "authentication_error"
            if credential.startswith("Bearer"):
                texts.add(heard.error["message"])
        assert len(texts) == 1, "nobody learns which secrets there were"
        assert "orchvynt keys issue" in (await plane.ask(path, CHAT if method == "POST" else None, method=method)).error["help"]
        assert plane.runtime.upstream.arrivals == []
        assert plane.runtime.journal.frames == [], "strangers leave no records"

    play(keyed(), scenario)


def test_health_needs_none() -> None:
    async def scenario(plane: Plane) -> None:
        assert (await plane.ask("/health/live")).status == 200
        assert (await plane.ask("/health/ready")).status == 200

    play(keyed(), scenario)


def test_a_key_sees_the_models_that_it_may_use() -> None:
    async def scenario(plane: Plane) -> None:
        seen = {}
        for name in ("docs", "other"):
            heard = await plane.ask("/v1/models", authorization=await plane.issue(name))
            seen[name] = [model["id"] for model in heard.json["data"]]
        assert seen == {"docs": ["auto", "gpt", "small"], "other": ["auto", "gpt", "claude", "small"]}

    play(keyed(), scenario)


def test_a_record_belongs_to_the_key_whichever_of_its_secrets_asks() -> None:
    async def scenario(plane: Plane) -> None:
        old, other = await plane.issue("docs"), await plane.issue("other")
        heard = await plane.chat(authorization=old)
        path = f"/v1/invocations/{heard.headers['x-orchvynt-invocation']}"
        rotated = await plane.keyring.rotate("docs", 1_000, "token:ana")
        assert isinstance(rotated, Issued)
        assert (await plane.ask(path, x_api_key=rotated.secret)).json["outcome"] == "answered"
        assert (await plane.ask(path, authorization=other)).status == 404
        assert (await plane.ask(path, authorization=old)).status == 200
        plane.runtime.clock.advance(1_000)
        assert (await plane.ask(path, authorization=old)).status == 401

    play(keyed(), scenario)


def test_a_new_secret_begins_no_new_budget() -> None:
    budget = Budget("per-key", "key", None, "lifetime", Limits(tokens=60), wait_for_holds_ns=0)

    async def scenario(plane: Plane) -> None:
        while (await plane.chat(authorization=await plane.issue("docs"))).status == 200:
            pass
        heard = await plane.chat(authorization=await plane.issue("docs"))
        assert (heard.status, heard.error["subject"]) == (402, "docs")
        assert (await plane.chat(authorization=await plane.issue("other"))).status == 200

    play(keyed(budgets=(budget,)), scenario)


def test_a_parked_answer_is_joined_by_its_key_only_whichever_secret_and_even_when_its_run_is_forgotten() -> None:
    async def scenario(plane: Plane) -> None:
        first = await plane.issue("docs")
        messages = [*CHAT["messages"], {"role": "assistant", "content": "hi"}, {"role": "user", "content": "more"}]
        reception = plane.data_plane.reception
        reception.conversations.place("key:docs", [Turn("user", "hello")]).answered("inv_x", said(Turn("assistant", "hi")))
        asked = asyncio.create_task(plane.ask("/v1/chat/completions", {**CHAT, "messages": messages}, authorization=first))
        await until(lambda: plane.runtime.parked.open_count == 1)
        plane.runtime.later(1)
        pending = (await asked).error
        received = plane.runtime.journal.frames[0][0]
        assert isinstance(received, InvocationReceived)
        assert (received.claims.run, received.claims.run_source) == ("inv_x", "inferred")
        reception.conversations = Conversations(2)
        second = await plane.issue("docs")
        again = asyncio.create_task(plane.ask("/v1/chat/completions", {**CHAT, "messages": messages}, authorization=second))
        await until(lambda: any(life.callers for life in plane.runtime.carrier.lives.values()))
        plane.runtime.later(1)
        assert (await again).error["invocation_id"] == pending["invocation_id"]
        assert (await plane.ask(pending["poll"], authorization=second)).status == 409
        assert (await plane.ask(pending["poll"], authorization=await plane.issue("other"))).status == 404

    play(keyed(gates=(GATE,)), scenario)


def test_a_policy_that_drops_a_key_shuts_its_callers_out_at_once() -> None:
    async def scenario(plane: Plane) -> None:
        docs = await plane.issue("docs")
        assert (await plane.chat(authorization=docs)).status == 200
        plane.runtime.policies.current = msgspec.structs.replace(keyed(), keys={"other": OTHER})
        assert (await plane.chat(authorization=docs)).status == 401
        plane.runtime.policies.current = keyed()
        assert (await plane.chat(authorization=docs)).status == 200

    play(keyed(), scenario)


@pytest.mark.parametrize("stream", [False, True])
def test_the_run_of_a_conversation_is_found_in_streams_too(stream: bool) -> None:
    async def scenario(plane: Plane) -> None:
        docs = await plane.issue("docs")
        first = await plane.ask("/v1/chat/completions", {**CHAT, "stream": stream}, authorization=docs)
        answer = {"role": "assistant", "content": "hey" if stream else "hi"}
        body = {**CHAT, "messages": [*CHAT["messages"], answer, {"role": "user", "content": "more"}]}
        runs = []
        for credential in (docs, await plane.issue("other")):
            heard = await plane.ask("/v1/chat/completions", body, authorization=credential)
            record = await plane.ask(f"/v1/invocations/{heard.headers['x-orchvynt-invocation']}", authorization=credential)
            runs.append(record.json["run"])
        assert runs == [first.headers["x-orchvynt-invocation"], ""]

    play(keyed(), scenario)
