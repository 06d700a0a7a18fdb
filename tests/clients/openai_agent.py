"""An agent with the official `openai` client: chat completions."""

import json
from types import MappingProxyType
from typing import Any, Final

import openai
from openai import AsyncOpenAI, OpenAI
from openai.lib.streaming.chat import ChatCompletionStreamState
from tests.clients.agent import Agent, calls_of
from tests.clients.table import Ask, Ended, Got
from tests.clients.world import ADDRESS, DESCRIPTION, EARLIER, PNG, SAMPLES, SCHEMA, WEATHER

TOOLS: Final = ({"type": "function", "function": {"name": "weather", "description": DESCRIPTION, "parameters": WEATHER}},)
FORMS: Final = {
    "json": {"type": "json_object"},
    "schema": {"type": "json_schema", "json_schema": {"name": "year", "schema": SCHEMA, "strict": True}},
}
IMAGES: Final = {"data": f"data:image/png;base64,{PNG}", "address": ADDRESS}
ENDED: Final[MappingProxyType[Ended, str]] = MappingProxyType({"tools": "tool_calls", "length": "length", "filtered": "content_filter"})


class OpenAiAgent(Agent):
    api = "openai"
    module = openai

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.client = OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        self._async = AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)

    def request(self, ask: Ask, model: str) -> dict[str, Any]:
        content: Any = ask.text
        if ask.image:
            content = [{"type": "text", "text": ask.text}, {"type": "image_url", "image_url": {"url": IMAGES[ask.image]}}]
        messages: list[Any] = [{"role": "system", "content": ask.system}] if ask.system else []
        messages += [{"role": role, "content": said} for role, said in EARLIER] if ask.earlier else []
        asked: dict[str, Any] = {"model": model, "messages": [*messages, {"role": "user", "content": content}], "max_tokens": ask.limit}
        asked |= {"tools": TOOLS} if ask.tools else {}
        if ask.choice:
            named = {"type": "function", "function": {"name": ask.choice}}
            asked["tool_choice"] = ask.choice if ask.choice in {"none", "required"} else named
        asked |= {"parallel_tool_calls": False} if ask.one_call else {}
        asked |= {"response_format": FORMS[ask.form]} if ask.form else {}
        asked |= {"stop": [ask.stop]} if ask.stop else {}
        asked |= SAMPLES["openai"] if ask.sample else {}
        asked |= {"logprobs": True, "top_logprobs": 2} if ask.logprobs else {}
        return asked | ({"reasoning_effort": "low"} if ask.think else {})

    def results(self, got: Got, texts: list[str]) -> list[Any]:
        return [got.turn, *({"role": "tool", "tool_call_id": id, "content": text} for id, text in zip(got.ids, texts, strict=True))]

    def whole(self, secret: str, request: dict[str, Any]) -> Any:
        return self.client.with_options(api_key=secret).chat.completions.create(**request)

    def stream(self, secret: str, request: dict[str, Any]) -> Any:
        told = {**request, "stream": True, "stream_options": {"include_usage": True}}
        state: Any = ChatCompletionStreamState()
        with self.client.with_options(api_key=secret).chat.completions.create(**told) as chunks:
            for chunk in chunks:
                self.heard.append(chunk)
                state.handle_chunk(chunk)
        return state.current_completion_snapshot

    async def awhole(self, secret: str, request: dict[str, Any]) -> Any:
        return await self._async.with_options(api_key=secret).chat.completions.create(**request)

    async def astream(self, secret: str, request: dict[str, Any]) -> Any:
        told = {**request, "stream": True, "stream_options": {"include_usage": True}}
        state: Any = ChatCompletionStreamState()
        async with await self._async.with_options(api_key=secret).chat.completions.create(**told) as chunks:
            async for chunk in chunks:
                self.heard.append(chunk)
                state.handle_chunk(chunk)
        return state.current_completion_snapshot

    def read(self, answer: Any) -> Got:
        [choice] = answer.choices
        message = choice.message
        assert (message.role, message.refusal) == ("assistant", None)
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
        calls = message.tool_calls or []
        assert {call.type for call in calls} <= {"function"}
        return Got(
            text=message.content or "",
            calls=calls_of([(call.function.name, json.loads(call.function.arguments)) for call in calls]),
            ended=choice.finish_reason,
            tokens=(answer.usage.prompt_tokens, answer.usage.completion_tokens),
            logged="".join(entry.token for entry in choice.logprobs.content) if choice.logprobs else None,
            turn={"role": "assistant", **message.to_dict()},
            ids=tuple(call.id for call in calls),
        )

    def so_far(self) -> tuple[str, list[str]]:
        choices = [choice for chunk in self.heard for choice in chunk.choices]
        return "".join(choice.delta.content or "" for choice in choices), [c.finish_reason for c in choices if c.finish_reason]

    def ended(self, word: Ended, own: bool) -> str:
        return ENDED.get(word, "stop")

    def told(self, error: Any) -> tuple[int | None, str | None]:
        return getattr(error, "status_code", None), error.code

    def close(self) -> None:
        self.client.close()

    async def aclose(self) -> None:
        await self._async.close()
