"""No way of saying or leaving out a claim escapes what a key fixes, a budget, or a gate. One test per way, over sockets.

The key fixes workflow, agent, team and a flag; the budget counts its workflow, and the gate looks at its flag: a caller that escapes
gets an answer where the budget is spent, or one that nobody has reviewed.
"""

import asyncio
import json
from typing import Any

import msgspec
import pytest
from tests.support.loops import until
from tests.support.snapshots import snapshot
from tests.surfaces.api.plane import CHAT, Heard, Plane, play
from tests.surfaces.http.serving import Peer

from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.snapshot import Budget, Expression, Fixed, Gate, Key, Limits, Snapshot

DOCS = Key("doc-team", fixed=Fixed("doc-analysis", "drafting", flags=("audited",), context={"team": "docs", "limits": {"tier": "free"}}))
# An answer of the fake provider is settled at 10 tokens, and held at more than 30.
TOKENS = 60
Fields = list[tuple[bytes, bytes]]


def when(text: str) -> Expression:
    compiled = compile_expression(text, "request")
    assert isinstance(compiled, Compiled), compiled
    return compiled.expression


def keyed(budgets: tuple[Budget, ...] = (), gates: tuple[Gate, ...] = (), key: Key = DOCS) -> Snapshot:
    return msgspec.structs.replace(snapshot(budgets=budgets, gates=gates), keys={key.name: key})


def fields(**said: str) -> Fields:
    return [(f"x-orchvynt-{name.replace('_', '-')}".encode(), value.encode()) for name, value in said.items()]


def metadata(**said: Any) -> dict[str, Any]:
    return {"metadata": {f"orchvynt_{name}": value for name, value in said.items()}}


async def raw(plane: Plane, head: Fields, body: Any, path: bytes) -> Heard:
    """One request with exactly these header fields, repeated ones and all."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [(b"host", b"x"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(data)), *head]
    peer = await Peer.to(plane.port)
    try:
        peer.send(b"POST " + path + b" HTTP/1.1\r\n" + b"".join(b"%b: %b\r\n" % line for line in lines) + b"\r\n" + data)
        return Heard(*await peer.response())
    finally:
        await peer.close()


WAYS: dict[str, tuple[Fields, dict[str, Any], bytes]] = {
    "says nothing": ([], {}, b""),
    "another workflow in a header": (fields(workflow="support"), {}, b""),
    "another one in metadata": ([], metadata(workflow="support", agent="other"), b""),
    "another one in the path": ([], {}, b"/@support/other"),
    "another one in all places": (fields(workflow="a"), metadata(workflow="b"), b"/@c/d"),
    "a look-alike": (fields(workflow="dос-analysis"), {}, b""),
    "other capitals": (fields(workflow="Doc-Analysis"), {}, b""),
    "other capitals of the header": ([(b"X-ORCHVYNT-WORKFLOW", b"support")], {}, b""),
    "an empty header": (fields(workflow="", flags="", context=""), {}, b""),
    "an empty text": ([], metadata(workflow="", flags="", context=""), b""),
    "null": ([], metadata(workflow=None, flags=None, context=None), b""),
    "metadata that is null": ([], {"metadata": None}, b""),
    "blanks": (fields(workflow="   "), metadata(workflow="  "), b"/@%20/%20"),
    "an empty path": ([], {}, b"/@/"),
    "an encoded path": ([], {}, b"/%40support%2Fx/other"),
    "a path without an agent": ([], {}, b"/@support"),
    "no flags": ([], metadata(flags=[]), b""),
    "other flags": (fields(flags="-audited, AUDITED"), metadata(flags=["!audited"]), b""),
    "another team": (fields(context='{"team": "sales", "limits": {}}'), {}, b""),
    "a team that is null": ([], metadata(context={"team": None, "limits": None}), b""),
    "a deep one": ([], metadata(context={"limits": {"tier": {"tier": "gold"}}, "team": {"docs": "docs"}}), b""),
    "the same key twice": (fields(context='{"team": "docs", "team": "sales"}'), {}, b""),
    "its own key and owner": (fields(context='{"key": "other"}', user="docs-lead@example.com"), metadata(key="other"), b""),
    "another run and session": (fields(run="r", session="s"), {}, b""),
}
CONTRADICTS_NOTHING = {
    "says nothing", "an empty header", "an empty text", "null", "metadata that is null", "blanks", "an empty path", "no flags",
    "other flags", "its own key and owner", "another run and session",
}  # fmt: skip
REFUSED: dict[str, tuple[Fields, dict[str, Any] | bytes, bytes]] = {
    "a header twice": ([*fields(workflow="doc-analysis"), *fields(workflow="support")], CHAT, b""),
    "a credential twice": ([(b"x-api-key", b"a"), (b"x-api-key", b"b")], CHAT, b""),
    "a workflow that is no text": ([], {**CHAT, **metadata(workflow=["doc-analysis"])}, b""),
    "flags that are no list": ([], {**CHAT, **metadata(flags={"audited": False})}, b""),
    "invisible letters": (fields(workflow="doc-analysis\u200b"), CHAT, b""),
    "a text too long to be shown": (fields(workflow="w" * 300), CHAT, b""),
    "context that is no object": (fields(context="[1]"), CHAT, b""),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_a_key_fixes_holds(way: str) -> None:
    head, more, path = WAYS[way]

    async def scenario(plane: Plane) -> None:
        secret = await plane.issue("doc-team")
        heard = await raw(plane, [(b"authorization", secret.encode()), *head], {**CHAT, **more}, path + b"/v1/chat/completions")
        assert heard.status == 200, heard.body
        inv = heard.headers["x-orchvynt-invocation"]
        record = (await plane.ask(f"/v1/invocations/{inv}", authorization=secret)).json
        received = record["timeline"][0]["detail"]
        claims = received["claims"]
        assert (claims["workflow"], claims["agent"], received["key"]) == ("doc-analysis", "drafting", "doc-team")
        assert "audited" in claims["flags"]
        assert {name: claims["context"][name] for name in ("team", "limits")} == {"team": "docs", "limits": {"tier": "free"}}
        assert bool(received.get("claims_overruled")) == (way not in CONTRADICTS_NOTHING), "a contradiction is on record"

    play(keyed(), scenario)


SPENT = Budget("docs", "workflow", when('workflow == "doc-analysis"'), "lifetime", Limits(tokens=TOKENS), wait_for_holds_ns=0)
BY_TEAM = Budget(
    "team", "global", when('context.team == "docs" && "audited" in flags'), "lifetime", Limits(tokens=TOKENS), wait_for_holds_ns=0
)


@pytest.mark.parametrize("budget", [SPENT, BY_TEAM], ids=lambda one: one.name)
def test_a_budget_of_what_is_fixed_is_escaped_in_no_way(budget: Budget) -> None:
    async def scenario(plane: Plane) -> None:
        secret = (await plane.issue("doc-team")).encode()
        while (await raw(plane, [(b"authorization", secret)], CHAT, b"/v1/chat/completions")).status == 200:
            pass
        arrived = len(plane.runtime.upstream.arrivals)
        assert arrived
        for way, (head, more, path) in WAYS.items():
            heard = await raw(plane, [(b"authorization", secret), *head], {**CHAT, **more}, path + b"/v1/chat/completions")
            assert (heard.status, heard.error["code"]) == (402, "budget_exceeded"), way
        other = (await plane.issue("doc-team")).encode()
        assert (await raw(plane, [(b"x-api-key", other.removeprefix(b"Bearer "))], CHAT, b"/v1/chat/completions")).status == 402
        assert len(plane.runtime.upstream.arrivals) == arrived, "what does not fit never reaches a provider"

    play(keyed((budget,)), scenario)


@pytest.mark.parametrize("way", WAYS)
def test_a_gate_on_what_is_fixed_sees_every_answer(way: str) -> None:
    head, more, path = WAYS[way]
    gate = Gate("audit", "output", when('"audited" in flags && workflow == "doc-analysis"'), "people", False, 0)

    async def scenario(plane: Plane) -> None:
        secret = (await plane.issue("doc-team")).encode()
        asked = asyncio.create_task(raw(plane, [(b"authorization", secret), *head], {**CHAT, **more}, path + b"/v1/chat/completions"))
        await until(lambda: plane.runtime.parked.open_count == 1)
        plane.runtime.later(1)
        assert ((await asked).status, (await asked).error["code"]) == (409, "hitl_pending")

    play(keyed(gates=(gate,)), scenario)


@pytest.mark.parametrize("way", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused(way: str) -> None:
    head, body, path = REFUSED[way]

    async def scenario(plane: Plane) -> None:
        secret = (await plane.issue("doc-team")).encode()
        heard = await raw(
            plane, [*head, (b"authorization", secret)] if b"x-api-key" not in dict(head) else head, body, path + b"/v1/chat/completions"
        )
        assert heard.status in (400, 401), heard.body
        assert plane.runtime.upstream.arrivals == []

    play(keyed(), scenario)


@pytest.mark.parametrize("scope", ["run", "session", "agent", "workflow"])
def test_leaving_a_subject_out_is_the_shared_one_and_inventing_them_comes_to_an_end(scope: Any) -> None:
    budget = Budget("per", scope, None, "lifetime", Limits(tokens=TOKENS), wait_for_holds_ns=0)

    async def scenario(plane: Plane) -> None:
        secret = (await plane.issue("open")).encode()

        async def ask(**said: str) -> int:
            return (await raw(plane, [(b"authorization", secret), *fields(**said)], CHAT, b"/v1/chat/completions")).status

        while await ask() == 200:
            pass
        assert [await ask(), await ask(**{scope: ""}), await ask(**{scope: " "})] == [402, 402, 402]
        invented = [await ask(**{scope: f"new-{number}"}) for number in range(6)]
        assert invented == [200, 200, 200, 429, 429, 429]
        heard = await raw(plane, [(b"authorization", secret), *fields(**{scope: "one-more"})], CHAT, b"/v1/chat/completions")
        assert (heard.error["code"], heard.error["scope"], "retry-after" in heard.headers) == ("rate_limited", scope, True)
        record = await plane.ask(f"/v1/invocations/{heard.headers['x-orchvynt-invocation']}", authorization=secret.decode())
        assert record.json["outcome"] == "refused", "on record"

    play(keyed((budget,), key=Key("open")), scenario, subjects_max=3)


def test_a_conversation_without_a_run_spends_the_budget_of_one_run() -> None:
    budget = Budget("per-run", "run", None, "lifetime", Limits(tokens=TOKENS), wait_for_holds_ns=0)

    async def scenario(plane: Plane) -> None:
        messages = list(CHAT["messages"])
        statuses = []
        for _ in range(12):
            heard = await plane.ask("/v1/chat/completions", {**CHAT, "messages": messages})
            statuses.append(heard.status)
            if heard.status == 200:
                messages += [heard.json["choices"][0]["message"], {"role": "user", "content": "more"}]
        assert statuses == sorted(statuses)
        assert statuses[-1] == 402
        runs = {fact.claims.run for frame in plane.runtime.journal.frames for fact in frame if hasattr(fact, "claims")}
        assert len(runs) == 2, "none for the first request, and the first one's id for all that go on with it"

    play(snapshot(budgets=(budget,)), scenario)
