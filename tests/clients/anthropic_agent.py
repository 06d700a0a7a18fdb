"""An agent with the official `anthropic` client: messages."""

from types import MappingProxyType
from typing import Any, Final

import anthropic
from anthropic import Anthropic, AsyncAnthropic
from anthropic.types import JSONOutputFormatParam
from tests.clients.agent import Agent, calls_of
from tests.clients.table import Ask, Ended, Got
from tests.clients.world import ADDRESS, DESCRIPTION, EARLIER, PNG, SAMPLES, SCHEMA, WEATHER

TOOLS: Final = ({"name": "weather", "description": DESCRIPTION, "input_schema": WEATHER},)
IMAGES: Final = {
    "data": {"type": "base64", "media_type": "image/png", "data": PNG},
    "address": {"type": "url", "url": ADDRESS},
}
CHOICES: Final[dict[str, dict[str, str]]] = {"none": {"type": "none"}, "required": {"type": "any"}}
ENDED: Final[MappingProxyType[Ended, str]] = MappingProxyType({"tools": "tool_use", "length": "max_tokens", "filtered": "refusal"})


class AnthropicAgent(Agent):
    api = "anthropic"
    module = anthropic

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.client = Anthropic(base_url=url, api_key="none", max_retries=0)
        self._async = AsyncAnthropic(base_url=url, api_key="none", max_retries=0)

    def request(self, ask: Ask, model: str) -> dict[str, Any]:
        content: Any = ask.text
        if ask.image:
            content = [{"type": "text", "text": ask.text}, {"type": "image", "source": IMAGES[ask.image]}]
        messages = [{"role": role, "content": said} for role, said in EARLIER] if ask.earlier else []
        asked: dict[str, Any] = {"model": model, "messages": [*messages, {"role": "user", "content": content}], "max_tokens": ask.limit}
        asked |= {"system": ask.system} if ask.system else {}
        asked |= {"tools": TOOLS} if ask.tools else {}
        if ask.choice:
            asked["tool_choice"] = CHOICES.get(ask.choice, {"type": "tool", "name": ask.choice})
        asked |= {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}} if ask.one_call else {}
        if ask.form == "json" and "json_object" not in str(JSONOutputFormatParam.__annotations__["type"]):
            raise TypeError("the client's types know no JSON mode without a schema")
        asked |= {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}} if ask.form else {}
        asked |= {"stop_sequences": [ask.stop]} if ask.stop else {}
        # Versions from 2 on have no arguments for it; this is their way to say more.
        asked |= {"extra_body": SAMPLES["anthropic"]} if ask.sample else {}
        # As other APIs call it: the client takes no such argument.
        asked |= {"logprobs": True} if ask.logprobs else {}
        return asked | ({"thinking": {"type": "enabled", "budget_tokens": 1_024}} if ask.think else {})

    def results(self, got: Got, texts: list[str]) -> list[Any]:
        results = [{"type": "tool_result", "tool_use_id": id, "content": text} for id, text in zip(got.ids, texts, strict=True)]
        return [{"role": "assistant", "content": got.turn}, {"role": "user", "content": results}]

    def whole(self, secret: str, request: dict[str, Any]) -> Any:
        return self.client.with_options(api_key=secret).messages.create(**request)

    def stream(self, secret: str, request: dict[str, Any]) -> Any:
        with self.client.with_options(api_key=secret).messages.stream(**request) as events:
            for event in events:
                self.heard.append(event)
            return events.get_final_message()

    async def awhole(self, secret: str, request: dict[str, Any]) -> Any:
        return await self._async.with_options(api_key=secret).messages.create(**request)

    async def astream(self, secret: str, request: dict[str, Any]) -> Any:
        async with self._async.with_options(api_key=secret).messages.stream(**request) as events:
            async for event in events:
                self.heard.append(event)
            return await events.get_final_message()

    def read(self, answer: Any) -> Got:
        assert (answer.type, answer.role) == ("message", "assistant")
        assert {block.type for block in answer.content} <= {"text", "tool_use", "thinking"}
        thoughts = [block for block in answer.content if block.type == "thinking"]
        assert all(thought.signature for thought in thoughts)
        calls = [block for block in answer.content if block.type == "tool_use"]
        return Got(
            text="".join(block.text for block in answer.content if block.type == "text"),
            calls=calls_of([(call.name, call.input) for call in calls]),
            ended=answer.stop_reason,
            tokens=(answer.usage.input_tokens, answer.usage.output_tokens),
            thought="".join(thought.thinking for thought in thoughts),
            turn=answer.content,
            ids=tuple(call.id for call in calls),
        )

    def so_far(self) -> tuple[str, list[str]]:
        said = "".join(event.text for event in self.heard if event.type == "text")
        over = [event.type for event in self.heard if event.type in {"message_delta", "message_stop"}]
        stops = [event.content_block.type for event in self.heard if event.type == "content_block_stop"]
        return said, over + [kind for kind in stops if kind == "tool_use"]

    def ended(self, word: Ended, own: bool) -> str:
        if word == "sequence" and own:
            return "stop_sequence"
        return ENDED.get(word, "end_turn")

    def told(self, error: Any) -> tuple[int | None, str | None]:
        body: Any = error.body
        return error.status_code, body["error"].get("code")

    def close(self) -> None:
        self.client.close()

    async def aclose(self) -> None:
        await self._async.close()
