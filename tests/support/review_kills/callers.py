"""Who asks: the official clients, in the ways in which callers come back. Each goes on until it has its last word, and asks again then."""

import asyncio
import http.client
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import anthropic
import openai
from tests.support.review_kills.evidence import End, Question
from tests.support.review_kills.gates import TOOL
from tests.support.review_kills.sites import Site

import orchvynt

WAYS: Final = ("retry", "poll", "stream", "messages", "leaves")
"""How a caller comes back: by the same request, by its address, both after a stream, with Anthropic's client, and after it gave up."""
READINGS: Final = 4
PASSING: Final = frozenset({"hitl_pending", "overloaded", "all_providers_failed", "store_unavailable", None})
"""After these a caller tries again; a stream that was cut has no code."""
REFUSED: Final = frozenset({"review_rejected", "review_expired"})
# A poll goes on over all kills in between.
POLLS_S: Final = 3_600.0
_PAUSE_S: Final = 0.05
_SCHEMA: Final = {"type": "object", "properties": {"amount": {"type": "number"}}}


class Caller:
    """Asks one question until it has its last word, and then in other ways. `ended` hears of the first last word."""

    def __init__(self, site: Site, question: Question, chance: float, ended: Callable[[], None]) -> None:
        self._site = site
        self._question = question
        self._gives_up_after = 0.05 + chance / 2
        self._ended = ended
        self._key = "agent-1"
        # Nothing here is encrypted, and to read the system's certificates takes longer than all the rest of a client.
        self._line: Any = {"verify": False, "event_hooks": {"response": [self._on_response]}}
        headers = {"x-orchvynt-run": question.run, "x-orchvynt-flags": question.gate}
        if question.key:
            headers["idempotency-key"] = question.key
        self._says: Any = {"api_key": self._key, "max_retries": 2, "default_headers": headers}

    async def _on_response(self, response: Any) -> None:
        """Sees what the client's own retries see."""
        self._question.came_back |= response.status_code == 409

    async def run(self) -> None:
        question = self._question
        while not question.answered:
            question.tries += 1
            await self._try()
            if not question.answered:
                await asyncio.sleep(_PAUSE_S if question.key else self._site.heard_s)
        self._ended()
        while (had := len(question.ends)) < READINGS:
            # Who was held until the decision has its answer: its request made again would be another question.
            if had == READINGS - 1 and question.came_back:
                await self._try()
            elif had % 2:
                await self._poll()
            else:
                await self._read()
            if len(question.ends) == had:
                await asyncio.sleep(_PAUSE_S)

    async def _try(self) -> None:
        question, url = self._question, self._site.url
        try:
            if question.way == "leaves" and question.tries == 1:
                async with asyncio.timeout(self._gives_up_after):
                    await self._ask(url)
            else:
                await self._ask(url)
        except (openai.APIConnectionError, anthropic.APIConnectionError) as broken:
            question.last = repr(broken)
        except (openai.APIError, anthropic.APIStatusError) as refused:
            await self._refused(refused)
        except TimeoutError as gave_up:
            question.last, question.left_ns = repr(gave_up), time.time_ns()
        except orchvynt.OrchvyntError as other:
            question.last = repr(other)

    async def _refused(self, refused: openai.APIError | anthropic.APIStatusError) -> None:
        question, code = self._question, _code(refused)
        question.last = f"{refused!r} at {time.strftime('%X')}"
        response = getattr(refused, "response", None)
        for_good = response is not None and response.headers.get("x-should-retry") == "false"
        if code in REFUSED or (code == "all_providers_failed" and for_good):
            self._told(str(_detail(refused).get("invocation_id")), End("", str(code)))
        elif orchvynt.is_pending(refused) and question.way == "poll":
            await self._wait(refused)
        elif code not in PASSING:
            raise refused

    async def _ask(self, url: str) -> None:
        """What it is told is noted before the client is closed: who goes away in that moment has its answer, and does not ask again."""
        turns: Any = [{"role": "user", "content": self._question.text}]
        offers = self._question.gate == "tools"
        if self._question.way == "messages":
            line = anthropic.DefaultAsyncHttpxClient(**self._line)
            async with anthropic.AsyncAnthropic(base_url=url, http_client=line, **self._says) as client:
                tools: Any = [{"name": TOOL, "input_schema": _SCHEMA}] if offers else anthropic.omit
                raw = await client.messages.with_raw_response.create(model="gpt-4o", max_tokens=50, messages=turns, tools=tools)
                self._got(raw.headers, (await raw.parse()).model_dump())
            return
        async with openai.AsyncOpenAI(
            base_url=f"{url}/v1", http_client=openai.DefaultAsyncHttpxClient(**self._line), **self._says
        ) as client:
            offered: Any = [{"type": "function", "function": {"name": TOOL, "parameters": _SCHEMA}}] if offers else openai.omit
            if self._question.way == "stream":
                await self._stream(client, turns, offered)
            else:
                answer = await client.chat.completions.with_raw_response.create(model="gpt-4o", messages=turns, tools=offered)
                self._got(answer.headers, answer.parse().model_dump())

    async def _stream(self, client: openai.AsyncOpenAI, turns: Any, tools: Any) -> None:
        words, name, arguments, id, finish = "", "", "", "", None
        stream = await client.chat.completions.create(model="gpt-4o", messages=turns, tools=tools, stream=True)
        async with stream as chunks:
            async for chunk in chunks:
                id = chunk.id or id
                for choice in chunk.choices:
                    words += choice.delta.content or ""
                    for call in choice.delta.tool_calls or ():
                        assert call.function is not None
                        name += call.function.name or ""
                        arguments += call.function.arguments or ""
                    finish = choice.finish_reason or finish
        if finish is not None:
            self._told(chunks.response.headers["x-orchvynt-invocation"], End(id, words or _call(name, json.loads(arguments))))

    async def _wait(self, pending: BaseException) -> None:
        """With the helper that callers are given for this."""
        inv = str(_detail(pending).get("invocation_id"))
        try:
            self._told(inv, _end((await orchvynt.await_review(pending, POLLS_S)).model_dump()))
        except orchvynt.OrchvyntError as refused:
            self._told(inv, End("", refused.code))

    async def _poll(self) -> None:
        """Reads it by its name."""
        inv = self._question.answered
        try:
            self._told(inv, _end(await orchvynt.await_review(inv, POLLS_S, self._site.url, self._key)))
        except orchvynt.OrchvyntError as refused:
            self._told(inv, End("", refused.code))

    async def _read(self) -> None:
        """The same without any helper, with its headers."""
        inv = self._question.answered
        path, credential = f"/v1/invocations/{inv}/result?wait=5s", {"authorization": f"Bearer {self._key}"}
        try:
            reply = await asyncio.to_thread(self._site.ask, path, headers=credential)
        except (OSError, http.client.HTTPException):
            return
        if reply.status == 200:
            self._got(reply.headers, reply.json)
        elif (code := str(reply.json["error"]["code"])) not in {"hitl_pending", "overloaded", "store_unavailable"}:
            self._told(inv, End("", code))

    def _got(self, headers: Mapping[str, str], answer: dict[str, Any]) -> None:
        inv = headers["x-orchvynt-invocation"]
        self._told(inv, _end(answer))
        if inv == self._question.answered:
            self._question.marks.append(headers.get("x-orchvynt-review-edited", ""))

    def _told(self, inv: str, end: End) -> None:
        question = self._question
        question.ends.append(end._replace(inv=inv))
        if not question.answered:
            question.answered, question.told_ns = inv, time.time_ns()


def _end(answer: dict[str, Any]) -> End:
    """Of an answer of OpenAI's or of Anthropic's API."""
    if "content" in answer:
        blocks = answer["content"]
        words = "".join(block["text"] for block in blocks if block["type"] == "text")
        calls = [_call(block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]
    else:
        message = answer["choices"][0]["message"]
        words = message["content"] or ""
        called = [call["function"] for call in message.get("tool_calls") or ()]
        calls = [_call(call["name"], json.loads(call["arguments"])) for call in called]
    return End(answer["id"], words or "".join(calls))


def _call(name: str, arguments: Any) -> str:
    return f"{name} {json.dumps(arguments, sort_keys=True)}"


def _detail(raised: BaseException) -> dict[str, Any]:
    body = getattr(raised, "body", None)
    body = body if isinstance(body, dict) else {}
    inner = body.get("error")
    return inner if isinstance(inner, dict) else body


def _code(raised: BaseException) -> str | None:
    code = _detail(raised).get("code")
    return str(code) if code else None
