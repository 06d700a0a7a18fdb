"""What the official clients notice of a review, over sockets and in virtual time: the clock of the server is moved, theirs is not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
import ollama
import openai
import pytest
from tests.support.loops import until
from tests.support.snapshots import SECOND, snapshot
from tests.surfaces.api.plane import CHAT, Plane, play

import orchvynt
from orchvynt.decisions.reviews.cases import Voter
from orchvynt.language.snapshot import Gate, Snapshot

MESSAGES: Any = [{"role": "user", "content": "hello"}]


def policy(wait_up_to_ns: int | None = None, claim_for_ns: int = 86_400 * SECOND) -> Snapshot:
    """A gate on everything."""
    return snapshot(gates=(Gate("reviewed", "output", None, "people", False, wait_up_to_ns, claim_for_ns=claim_for_ns),))


async def openai_whole(url: str, **options: Any) -> str:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0, **options) as client:
        answer = await client.chat.completions.create(model="gpt", messages=MESSAGES)
        return answer.choices[0].message.content or ""


async def openai_stream(url: str, **options: Any) -> str:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0, **options) as client:
        chunks = await client.chat.completions.create(model="gpt", messages=MESSAGES, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])


def openai_at_once(url: str) -> str:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        return client.chat.completions.create(model="gpt", messages=MESSAGES).choices[0].message.content or ""


async def openai_sync(url: str) -> str:
    return await asyncio.to_thread(openai_at_once, url)


async def anthropic_whole(url: str, **options: Any) -> str:
    async with anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0, **options) as client:
        message = await client.messages.create(model="gpt", max_tokens=50, messages=MESSAGES)
        return str(getattr(message.content[0], "text", ""))


async def anthropic_stream(url: str, **options: Any) -> str:
    async with (
        anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0, **options) as client,
        client.messages.stream(model="gpt", max_tokens=50, messages=MESSAGES) as stream,
    ):
        return await stream.get_final_text()


def anthropic_at_once(url: str) -> str:
    with (
        anthropic.Anthropic(base_url=url, api_key="k", max_retries=0) as client,
        client.messages.stream(model="gpt", max_tokens=50, messages=MESSAGES) as stream,
    ):
        return stream.get_final_text()


async def anthropic_sync_stream(url: str) -> str:
    return await asyncio.to_thread(anthropic_at_once, url)


async def ollama_whole(url: str) -> str:
    client = ollama.AsyncClient(host=url, timeout=600)
    try:
        return (await client.chat(model="gpt", messages=MESSAGES)).message.content or ""
    finally:
        await client.close()  # type: ignore[no-untyped-call]


async def ollama_stream(url: str) -> str:
    client = ollama.AsyncClient(host=url, timeout=600)
    try:
        return "".join([part.message.content or "" async for part in await client.chat(model="gpt", messages=MESSAGES, stream=True)])
    finally:
        await client.close()  # type: ignore[no-untyped-call]


WHOLE = (openai_whole, openai_sync, anthropic_whole, ollama_whole)
STREAMS = (openai_stream, anthropic_stream, anthropic_sync_stream, ollama_stream)
Call = Callable[[str], Awaitable[str]]


async def asked(plane: Plane, call: Awaitable[str]) -> asyncio.Future[str]:
    """A call whose answer is parked."""
    asking = asyncio.ensure_future(call)
    await until(lambda: plane.runtime.parked.open_count == 1 or asking.done(), 20)
    return asking


async def decided(plane: Plane) -> None:
    one = plane.runtime.parked.oldest_open()
    assert one is not None
    assert await plane.runtime.voting.vote(one.review, "approve", Voter("token:ana"), "") is None


async def pass_by(plane: Plane, seconds: int, at_once: int = 5) -> None:
    """Time goes by, and whoever listens has a turn."""
    for _ in range(0, seconds, at_once):
        plane.runtime.later(at_once * SECOND)
        await asyncio.sleep(0.001)


def url(plane: Plane) -> str:
    return f"http://127.0.0.1:{plane.port}"


@pytest.mark.parametrize("call", [*WHOLE, *STREAMS])
def test_an_unchanged_client_gets_the_answer_after_almost_ten_minutes(call: Call) -> None:
    async def scenario(plane: Plane) -> None:
        asking = await asked(plane, call(url(plane)))
        await pass_by(plane, 585)
        assert not asking.done()
        await decided(plane)
        assert await asking
        assert len(plane.runtime.upstream.arrivals) == 1

    play(policy(), scenario)


@pytest.mark.parametrize("call", [openai_whole, openai_stream, anthropic_whole, anthropic_stream])
def test_time_is_up_and_the_answer_can_be_waited_for(call: Call) -> None:
    async def scenario(plane: Plane) -> None:
        asking = await asked(plane, call(url(plane)))
        await pass_by(plane, 595)
        with pytest.raises((openai.APIError, anthropic.APIError)) as raised:
            await asking
        assert orchvynt.is_pending(raised.value)
        waiting = asyncio.ensure_future(orchvynt.await_review(raised.value, 20))
        await decided(plane)
        answer = await waiting
        assert type(answer).__name__ == ("Message" if call in (anthropic_whole, anthropic_stream) else "ChatCompletion")
        assert len(plane.runtime.upstream.arrivals) == 1

    play(policy(), scenario)


def test_a_held_stream_is_withheld_for_25_seconds_and_then_kept_alive() -> None:
    async def scenario(plane: Plane) -> None:
        async with anthropic.AsyncAnthropic(base_url=url(plane), api_key="k", max_retries=0) as client:
            opening = asyncio.ensure_future(
                client.messages.with_raw_response.create(model="gpt", max_tokens=9, messages=MESSAGES, stream=True)
            )
            await until(lambda: plane.runtime.parked.open_count == 1, 20)
            await pass_by(plane, 20)
            assert not opening.done()
            await pass_by(plane, 5)
            raw = await asyncio.wait_for(opening, 20)
            await pass_by(plane, 45)
            await decided(plane)
            said = b"".join([part async for part in raw.http_response.aiter_bytes()])
            assert said.count(b"event: ping") >= 3
            assert b"event: message_stop" in said

    play(policy(), scenario)


@pytest.mark.parametrize("call", [openai_whole, anthropic_whole])
def test_a_caller_with_less_patience_is_told_ten_seconds_before_it_gives_up(call: Callable[..., Awaitable[str]]) -> None:
    async def scenario(plane: Plane) -> None:
        asking = await asked(plane, call(url(plane), timeout=60))
        await pass_by(plane, 45)
        assert not asking.done()
        await pass_by(plane, 10)
        with pytest.raises((openai.ConflictError, anthropic.ConflictError)) as raised:
            await asking
        told: Any = raised.value
        assert told.response.headers["x-should-retry"] == "true"
        assert int(told.response.headers["retry-after"]) <= 60

    play(policy(), scenario)


def test_the_same_request_joins_for_as_long_as_the_gate_says_and_a_retry_longer() -> None:
    async def scenario(plane: Plane) -> None:
        async def told(body: Any = CHAT, **headers: str) -> str:
            asking = asyncio.ensure_future(plane.ask("/v1/chat/completions", body, authorization="Bearer k", **headers))
            while not asking.done():
                plane.runtime.later(0)
                await asyncio.sleep(0.005)
            heard = await asking
            assert heard.status == 409
            return str(heard.error["invocation_id"])

        first = await told()
        await pass_by(plane, 3_500, 100)
        assert await told(dict(reversed(CHAT.items()))) == first, "the same, written in another order"
        await pass_by(plane, 3_500, 100)
        assert await told() == first, "it was told to come back once more"
        await pass_by(plane, 3_700, 100)
        assert await told(x_stainless_retry_count="1") == first
        await pass_by(plane, 3_700, 100)
        assert await told() != first

    play(policy(0, 3_600 * SECOND), scenario)
