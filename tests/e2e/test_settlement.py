"""Every way in which an attempt can end is settled: at what the provider billed or more, on every budget, and never at nothing."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise, product
from typing import Any

import pytest
from tests.support.auditing import Auditor
from tests.support.outside import chat, hear, of_kind
from tests.support.policies import three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

BUDGETS = "budgets: [{name: all, scope: global, limit: {tokens: 100000000, usd: 1000}}, {name: per-run, scope: run, limit: {usd: 900}}]"
TIMEOUTS = "  timeouts: {connect: 1s, first_token: 500ms, stall: 400ms, answer: 600ms, invocation: 1500ms}"
TEXT = "A ledger is a book that never forgets what was written into it."
SCRIPT: dict[str, Any] = {
    "answers": [
        {"match": {"last_user": "no usage"}, "text": TEXT, "usage": "missing"},
        {"match": {"last_user": "absurd usage"}, "text": TEXT, "usage": "absurd"},
        {"match": {"last_user": "late"}, "text": TEXT, "latency": "20s"},
        {"match": {"last_user": "slow"}, "text": TEXT, "frames": 12, "frame_interval": "60ms"},
        {"text": TEXT, "frames": 6},
    ]
}
# After content, in a stream; the same in a whole answer cuts it off.
BROKEN: list[Any] = [{"cut_after": 2}, {"reset_after": 2}, {"clean_end_without_terminal": 3}, {"error_event_after": 2}, {"stall_after": 2}]
GARBLED: list[Any] = [
    "bad_json",
    "truncated_json",
    "html_200",
    "error_object_200",
    "empty_200",
    "wrong_content_type",
    {"wrong_length": "more"},
]
BEFORE: list[Any] = ["close_before_byte", "reset_before_byte", "silent", {"slow_first_token": "1s"}, "close_on_reuse"]
REFUSED: list[Any] = [
    *({"status": status} for status in (400, 401, 404, 422, 429, 500, 503)),
    {"status": 400, "error_code": "context_length_exceeded", "message": "maximum context length is 8192 tokens"},
]


class World:
    def __init__(self, server: Serving, provider: ScriptedProvider) -> None:
        self.server = server
        self.provider = provider
        self.auditor = Auditor(server, provider)

    def audited(self) -> list[Any]:
        """The new records, once nothing is open any more and the provider has written all its bills."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if not self.server.admin("/status").json["invocations_open"] and self._all_billed():
                break
            time.sleep(0.02)
        return self.auditor.audit()

    def _all_billed(self) -> bool:
        """Who was refused before it ran is never billed: a moment is given to the others."""
        ledger = self.provider.ledger()
        newest = max((arrival.at for arrival in ledger.arrivals), default=0)
        return not ledger.totals.open or time.time_ns() - newest > 150_000_000


FAULTS: list[Any] = [None, *BROKEN, *GARBLED, *BEFORE, *REFUSED]
ENDS = list(accumulate(map(len, ([None], BROKEN, GARBLED, BEFORE, REFUSED)), initial=0))
FAMILIES = {one: range(*ends) for one, ends in zip(("none", "broken", "garbled", "before", "refused"), pairwise(ENDS), strict=True)}
CALLERS = 16
# Alone and with a tier that goes on; with a limit of the caller's own and without one.
ASKS: list[tuple[str, dict[str, int]]] = [(flags, limit) for flags in ("alone", "") for limit in ({"max_tokens": 40}, {})]


def name(case: int, stream: bool, ask: int) -> str:
    """A model and a provider of each ask's own: what failed before must not keep it from being asked."""
    return f"m{case}-{ask}{'s' if stream else ''}"


def policy(provider: ScriptedProvider) -> str:
    names = [name(case, stream, ask) for case in range(len(FAULTS)) for stream in (False, True) for ask in range(len(ASKS))]
    text = three_tiers(provider, BUDGETS, TIMEOUTS, tiers="claude")
    urls = [f'  {one}: {{kind: openai, base_url: "{provider.base_url(one)}", api_key: "${{env:TEST_API_KEY}}"}}\n' for one in names]
    models = [f"  {one}: {{provider: {one}, price: {{input: 2.50, output: 10}}}}\n" for one in names]
    # No attempt ends with such a status.
    alone = "  use: [{when: '\"alone\" in flags', chain: alone}]\n  chains: {alone: {tiers: [claude], triggers: [status_599]}, default:"
    text = text.replace("models:\n", f"{''.join(urls)}models:\n{''.join(models)}").replace("  chains: {default:", alone)
    assert alone in text
    return text


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (
        ScriptedProvider(SCRIPT) as provider,
        Serving(tmp_path_factory.mktemp("settlement"), policy(provider), arguments=("--drain", "1")) as server,
    ):
        yield World(server, provider)


def receipts(records: list[Any]) -> list[Any]:
    return [detail for record in records for detail in of_kind(record, "attempt_settled")]


@pytest.mark.parametrize("cases", FAMILIES.values(), ids=FAMILIES)
def test_whatever_the_provider_does(world: World, cases: range) -> None:
    """A family of faults at once: each fault whole and as a stream, alone and with a tier that goes on, with a limit and without."""
    since = world.provider.ledger().last
    asks = list(product(cases, (False, True), range(len(ASKS))))

    def ask(asked: tuple[int, bool, int]) -> None:
        (case, stream, number), model = asked, name(*asked)
        flags, limit = ASKS[number]
        if FAULTS[case] == "close_on_reuse":
            chat(world.server, model, TEXT, {"x-orchvynt-flags": flags})
        world.provider.fault(model, FAULTS[case], times=1)
        chat(world.server, model, TEXT, {"x-orchvynt-flags": flags}, stream=stream, **limit)

    with ThreadPoolExecutor(CALLERS) as callers:
        list(callers.map(ask, asks))
    records = world.audited()
    arrived = world.provider.ledger().where(since=since)
    assert {name(*asked) for asked in asks} <= {arrival.provider for arrival in arrived.arrivals}
    billed = {charge.n: charge.billed for charge in arrived.charges}
    paid = {receipt["attempt"]: receipt["usage"] for receipt in receipts(records)}
    for arrival in arrived.arrivals:
        if arrival.n in billed and billed[arrival.n].output:
            assert paid[arrival.client_request_id]["output_tokens"] >= billed[arrival.n].output > 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("prompt", ["no usage", "absurd usage"])
def test_a_usage_that_cannot_be_used_is_settled_at_the_bound(world: World, prompt: str, stream: bool) -> None:
    since = world.provider.ledger().last
    assert chat(world.server, "gpt-4o", prompt, stream=stream, max_tokens=40).status == 200
    [receipt] = receipts(world.audited())
    assert receipt["usage"]["estimated"]
    assert receipt["usage"]["output_tokens"] == 40
    assert world.provider.ledger().where(since=since).totals.output_tokens > 0 or prompt == "absurd usage"


def leave(world: World, prompt: str, stream: bool, after: str) -> None:
    """Asks, and closes the connection before the answer or amid it."""
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": prompt}], "stream": stream, "max_tokens": 40}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    since = world.provider.ledger().last
    with socket.create_connection(("127.0.0.1", world.server.port), 20) as caller:
        caller.sendall(head.encode() + body)
        if after == "the first bytes":
            assert caller.recv(1)
        until = time.monotonic() + 20
        while not world.provider.ledger().where(since=since).arrivals and time.monotonic() < until:
            time.sleep(0.01)


@pytest.mark.parametrize(
    ("prompt", "stream", "after"), [("late", False, "the send"), ("late", True, "the send"), ("slow", True, "the first bytes")]
)
def test_who_leaves_pays_for_what_was_begun(world: World, prompt: str, stream: bool, after: str) -> None:
    leave(world, prompt, stream, after)
    [receipt] = receipts(world.audited())
    assert receipt["usage"]["estimated"]
    assert receipt["usage"]["output_tokens"] == 40


def test_an_attempt_that_the_deadline_ends_is_paid_for(world: World) -> None:
    heard = chat(world.server, "gpt-4o", "late", {"x-orchvynt-flags": "alone"}, max_tokens=40)
    assert heard.status == 503
    found = receipts(world.audited())
    assert found
    assert all(receipt["usage"]["estimated"] and receipt["usage"]["output_tokens"] == 40 for receipt in found)


def test_a_stop_settles_what_it_cuts_off(world: World) -> None:
    """The drain is too short for the answers. The last test: its server is another process afterwards."""
    server = world.server
    world.provider.script({"answers": [{"text": TEXT, "frames": 12, "frame_interval": "390ms"}]})
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": TEXT}], "stream": True, "max_tokens": 40}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    callers = [socket.create_connection(("127.0.0.1", server.port), 20) for _ in range(20)]
    for caller in callers:
        caller.sendall(head.encode() + body)
    for caller in callers:
        assert caller.recv(1)
    assert server.stop() == 0
    for caller in callers:
        heard = hear(caller, 5)
        assert b"error" in heard.body or heard.ended != "whole"
        caller.close()
    server.start()
    records = world.audited()
    assert len(records) == 20
    assert all(receipt["usage"]["estimated"] for receipt in receipts(records))
    assert len(receipts(records)) == 20
