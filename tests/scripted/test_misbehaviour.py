"""What a caller meets on the socket for each fault, and what the ledger says afterwards."""

import json
import time
import zlib
from typing import Any

import pytest
from tests.scripted.wire_client import PATHS, Seen, ask, send

from orchvynt.scripted.ledger import Charge, Ledger
from orchvynt.testing.scripted import ScriptedProvider

SAID = "You said: hello there"
TOKENS = 8
APIS = ["openai", "anthropic", "ollama"]


def meet(provider: ScriptedProvider, fault: Any, api: str = "openai", *, stream: bool = True, **more: Any) -> tuple[Seen, Ledger]:
    """Sets the fault on a provider of its own, sends one request, and gives what came and what was written down."""
    since = provider.ledger().last
    provider.fault("p", fault)
    seen = send(provider.url, f"/p/p{PATHS[api]}", ask(api, stream=stream), **more)
    return seen, provider.ledger().where(since=since)


def charge(provider: ScriptedProvider, ledger: Ledger) -> Charge:
    """The bill of the one arrival; waits a moment where it is written when the caller has gone."""
    n = ledger.arrivals[0].n
    for _ in range(200):
        found = provider.ledger().charge(n)
        if found is not None:
            return found
        time.sleep(0.02)
    raise AssertionError("no bill was written")


def content(body: bytes) -> str:
    """All text in a stream of any of the three formats, as far as it can be read."""
    found = ""
    for line in body.replace(b"\r\n", b"\n").split(b"\n"):
        try:
            event = json.loads(line.removeprefix(b"data: "))
        except ValueError:
            continue
        if isinstance(event, dict):
            delta = event["choices"][0]["delta"] if event.get("choices") else event.get("delta") or event.get("message") or {}
            found += delta.get("content") or delta.get("text") or "" if isinstance(delta.get("content", ""), str) else ""
    return found


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("status", [400, 401, 402, 429, 500, 503, 529])
def test_error_statuses_have_the_shape_of_the_api_and_cost_nothing(provider: ScriptedProvider, api: str, status: int) -> None:
    seen, ledger = meet(provider, {"status": status, "message": "no", "retry_after": 3, "headers": {"x-mine": "1"}}, api)
    assert (seen.status, seen.headers["retry-after"], seen.headers["x-mine"]) == (status, "3", "1")
    error = json.loads(seen.body)["error"]
    assert (error if api == "ollama" else error["message"]) == "no"
    assert (ledger.totals.arrivals, ledger.totals.charged) == (1, 0)


@pytest.mark.parametrize("body", ["plain words", {"any": ["json"]}])
def test_an_error_body_may_be_anything(provider: ScriptedProvider, body: Any) -> None:
    seen, _ = meet(provider, {"status": 502, "body": body})
    assert seen.body.decode() == (body if isinstance(body, str) else '{"any":["json"]}')


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize(
    ("fault", "ended", "how"),
    [
        ({"reset_after": 3}, "reset", "reset"),
        ({"cut_after": 3}, "closed", "cut"),
        ({"clean_end_without_terminal": 3}, "closed", "ended"),
        ({"error_event_after": 3}, "closed", "failed"),
    ],
)
def test_an_answer_that_breaks_off(provider: ScriptedProvider, api: str, stream: bool, fault: dict[str, int], ended: str, how: str) -> None:
    seen, ledger = meet(provider, fault, api, stream=stream)
    assert seen.ended == ended
    if not stream:
        if how == "failed":
            assert (seen.status, ledger.totals.charged) == (500, 0)
            return
        assert (charge(provider, ledger).billed.output, charge(provider, ledger).how) == (TOKENS, how)
        with pytest.raises(ValueError, match=r"."):
            json.loads(seen.body)
        return
    assert SAID.startswith(content(seen.body))
    assert "You said" in content(seen.body)
    assert content(seen.body) != SAID
    assert not any(marker in seen.raw for marker in (b"[DONE]", b"message_stop", b'"done":true'))
    assert seen.whole_chunks == (how in {"ended", "failed"})
    assert (charge(provider, ledger).billed.output, charge(provider, ledger).how) == (3, how)


@pytest.mark.parametrize("api", APIS)
def test_a_stream_may_lack_only_its_marker(provider: ScriptedProvider, api: str) -> None:
    seen, ledger = meet(provider, {"clean_end_without_terminal": 1_000}, api)
    assert content(seen.body) == SAID
    assert not any(marker in seen.raw for marker in (b"[DONE]", b"message_stop", b'"done":true'))
    assert charge(provider, ledger).billed.output == TOKENS


@pytest.mark.parametrize(("fault", "ended"), [("close_before_byte", "closed"), ("reset_before_byte", "reset")])
def test_an_end_before_any_byte_is_billed_because_it_may_have_run(provider: ScriptedProvider, fault: str, ended: str) -> None:
    seen, ledger = meet(provider, fault)
    assert (seen.raw, seen.ended) == (b"", ended)
    assert (charge(provider, ledger).how, charge(provider, ledger).billed.output) == ("unseen", TOKENS)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_silence_bills_the_input_when_the_caller_leaves(provider: ScriptedProvider, stream: bool) -> None:
    seen, ledger = meet(provider, "silent", stream=stream, wait=0.2)
    assert (seen.raw, seen.ended) == (b"", "waiting")
    assert (charge(provider, ledger).how, charge(provider, ledger).billed.output) == ("silent", 0)
    assert charge(provider, ledger).billed.input > 0


def test_a_stall_bills_what_was_sent(provider: ScriptedProvider) -> None:
    seen, ledger = meet(provider, {"stall_after": 2}, wait=0.3)
    assert (content(seen.body), seen.ended) == ("You sai", "waiting")
    assert (charge(provider, ledger).how, charge(provider, ledger).billed.output) == ("stalled", 2)


@pytest.mark.parametrize("api", APIS)
def test_pings_are_no_progress(provider: ScriptedProvider, api: str) -> None:
    seen, ledger = meet(provider, {"pings_only": True, "interval": "10ms"}, api, wait=0.3)
    assert seen.ended == "waiting"
    assert content(seen.body) == ""
    assert len(seen.body) > 3
    assert charge(provider, ledger).billed.output == 0


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_answers_that_are_no_answers(provider: ScriptedProvider, stream: bool) -> None:
    page, _ = meet(provider, "html_200", stream=stream)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    wrong, _ = meet(provider, "error_object_200", stream=stream)
    assert wrong.status == 200
    assert "error" in json.loads(wrong.body)
    empty, _ = meet(provider, "empty_200", stream=stream)
    assert (empty.status, empty.body) == (200, b"")
    moved, ledger = meet(provider, "redirect", stream=stream)
    assert (moved.status, moved.headers["location"]) == (307, "/p/redirected/p/p/v1/chat/completions")
    assert ledger.totals.charged == 0


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_prefilled_answer_is_refused_and_any_other_given(provider: ScriptedProvider, api: str, stream: bool) -> None:
    provider.fault("p", "refuses_prefill")
    since = provider.ledger().last
    turns = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "You said:", "prefix": True}]
    refused = send(provider.url, f"/p/p{PATHS[api]}", ask(api, stream=stream, messages=turns))
    assert refused.status == 400
    assert b"does not support assistant message prefill" in refused.body
    assert provider.ledger().where(since=since).totals.charged == 0
    given = send(provider.url, f"/p/p{PATHS[api]}", ask(api, stream=stream))
    assert given.status == 200
    assert provider.ledger().where(since=since).totals.charged == 1


def test_a_slow_first_token_comes_in_the_end(provider: ScriptedProvider) -> None:
    late, ledger = meet(provider, {"slow_first_token": "30s"}, wait=0.2)
    assert (late.status, content(late.body), late.ended) == (200, "", "waiting")
    assert (charge(provider, ledger).how, charge(provider, ledger).billed.output) == ("gone", 0)
    given, _ = meet(provider, {"slow_first_token": "20ms"})
    assert content(given.body) == SAID


def test_the_credential_comes_back_in_the_error(provider: ScriptedProvider) -> None:
    seen, _ = meet(provider, {"echo_key": 403}, key="sk-echo-me")
    assert seen.status == 403
    assert b"sk-echo-me" in seen.body
    assert seen.headers["x-scripted-echo"] == "sk-echo-me"
    assert "sk-echo-me" not in provider.ledger_path.read_text()


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("fault", ["bad_json", "truncated_json", "invalid_utf8"])
def test_malformed_content_is_billed_all_the_same(provider: ScriptedProvider, api: str, stream: bool, fault: str) -> None:
    seen, ledger = meet(provider, fault, api, stream=stream)
    lines = [line.removeprefix(b"data: ") for line in seen.body.split(b"\n") if b"{" in line]
    broken = 0
    for line in lines:
        try:
            json.loads(line.decode())
        except ValueError:
            broken += 1
    assert broken == 1
    assert (charge(provider, ledger).how, charge(provider, ledger).billed.output) == ("garbled", TOKENS)


def test_wrong_types_and_lengths(provider: ScriptedProvider) -> None:
    typed, _ = meet(provider, "wrong_content_type")
    assert (typed.headers["content-type"], content(typed.body)) == ("text/plain", SAID)
    more, _ = meet(provider, {"wrong_length": "more"}, stream=False)
    assert len(more.body) < int(more.headers["content-length"])
    less, _ = meet(provider, {"wrong_length": "less"}, stream=False)
    assert len(less.body) > int(less.headers["content-length"])


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("fault", ["one_byte_writes", "one_write", "crlf"])
def test_the_manner_of_writing_changes_no_text(provider: ScriptedProvider, api: str, fault: str) -> None:
    seen, ledger = meet(provider, fault, api)
    assert content(seen.body) == SAID
    assert seen.whole_chunks
    assert (b"\r\n" in seen.body) == (fault == "crlf")
    assert charge(provider, ledger).how == "whole"
    # A reader that is held up finds several writes at once: the bound is far below one read a byte, and a busy machine gets further tries.
    reads = [seen.reads, *(meet(provider, fault, api)[0].reads for _ in range(4 if fault == "one_byte_writes" else 0))]
    assert max(reads) > 3 if fault == "one_byte_writes" else seen.reads < 20


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_compression_good_and_corrupt(provider: ScriptedProvider, stream: bool) -> None:
    good, _ = meet(provider, {"gzip": "good"}, stream=stream)
    assert good.headers["content-encoding"] == "gzip"
    unpacked = zlib.decompress(good.body, 31)
    assert (content(unpacked) if stream else json.loads(unpacked)["choices"][0]["message"]["content"]) == SAID
    corrupt, _ = meet(provider, {"gzip": "corrupt"}, stream=stream)
    with pytest.raises(zlib.error):
        zlib.decompress(corrupt.body, 31)


def test_a_bomb_is_small_on_the_wire(provider: ScriptedProvider) -> None:
    seen, _ = meet(provider, {"gzip": "bomb", "size": "32MiB"})
    assert len(seen.raw) < 1 << 20
    unpacked = zlib.decompressobj(31)
    assert len(unpacked.decompress(seen.body, 64 << 20)) >= 32 << 20


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_giants_have_the_size_that_was_asked_for(provider: ScriptedProvider, stream: bool) -> None:
    header, _ = meet(provider, {"giant_header": "300KiB"}, stream=stream)
    assert len(header.headers["x-scripted-giant"]) == 300 << 10
    line, _ = meet(provider, {"giant_line": "1MiB"}, stream=stream)
    assert max(len(part) for part in line.body.split(b"\n")) >= 1 << 20
    body, _ = meet(provider, {"giant_body": "2MiB"}, stream=stream)
    assert len(body.body) >= 2 << 20


def test_a_kept_connection_that_closes_when_it_is_used_again(provider: ScriptedProvider) -> None:
    since = provider.ledger().last
    provider.fault("p", "close_on_reuse")
    seen = send(provider.url, "/p/p/v1/chat/completions", ask("openai"), reuse=2)
    assert (seen.raw, seen.ended) == (b"", "closed")
    assert provider.ledger().where(since=since).totals.arrivals == 1


def test_a_caller_that_leaves_a_stream_pays_for_what_was_generated(provider: ScriptedProvider) -> None:
    provider.script({"otherwise": {"text": "a b c d e f g h i j", "frame_interval": "100ms"}})
    since = provider.ledger().last
    seen = send(provider.url, "/v1/chat/completions", ask("openai", stream=True), wait=0.08)
    assert seen.ended == "waiting"
    bill = charge(provider, provider.ledger().where(since=since))
    assert bill.how == "gone"
    assert 1 <= bill.billed.output < 10


def test_a_caller_that_leaves_before_a_whole_answer_pays_for_all_of_it(provider: ScriptedProvider) -> None:
    provider.script({"otherwise": {"latency": "30s"}})
    since = provider.ledger().last
    send(provider.url, "/v1/chat/completions", ask("openai"), wait=0.2)
    bill = charge(provider, provider.ledger().where(since=since))
    assert (bill.how, bill.billed.output) == ("gone", TOKENS)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"not json", 400),
        (b'{"model": "m", "messages": "\xff"}', 400),
        (b"[]", 400),
        (b"", 400),
    ],
)
def test_bodies_that_are_no_requests(provider: ScriptedProvider, data: bytes, status: int) -> None:
    seen = send(provider.url, "/v1/chat/completions", data)
    assert seen.status == status
    assert "error" in json.loads(seen.body)


def test_what_is_not_http_is_refused(provider: ScriptedProvider) -> None:
    assert send(provider.url, "/ HTTP/9.9\r\nx: y\r\n\r\nGARBAGE\x00", b"").status == 400
    assert send(provider.url, "/v1/" + "x" * (300 << 10), b"").status == 431
    assert send(provider.url, "/v2/anything", b"{}").status == 404
