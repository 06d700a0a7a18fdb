"""An agent with the official `ollama` client: chat, as its own examples do it: results have no ids, they name their tool."""

from typing import Any, Final

import ollama
from ollama import AsyncClient, Client
from tests.clients.agent import Agent, calls_of
from tests.clients.table import Ask, Ended, Got
from tests.clients.world import ADDRESS, DESCRIPTION, EARLIER, PNG, SAMPLES, SCHEMA, WEATHER

TOOLS: Final = ({"type": "function", "function": {"name": "weather", "description": DESCRIPTION, "parameters": WEATHER}},)
FORMS: Final = {"json": "json", "schema": SCHEMA}
IMAGES: Final = {"data": PNG, "address": ADDRESS}


class OllamaAgent(Agent):
    """A client of its own for each secret: this client takes it as a header, once."""

    api = "ollama"
    module = ollama

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._clients: dict[str, Client] = {}
        self._async: dict[str, AsyncClient] = {}

    def client(self, secret: str) -> Client:
        if secret not in self._clients:
            self._clients[secret] = Client(self.url, trust_env=False, headers={"authorization": f"Bearer {secret}"})
        return self._clients[secret]

    def aclient(self, secret: str) -> AsyncClient:
        if secret not in self._async:
            self._async[secret] = AsyncClient(self.url, trust_env=False, headers={"authorization": f"Bearer {secret}"})
        return self._async[secret]

    def request(self, ask: Ask, model: str) -> dict[str, Any]:
        messages: list[Any] = [{"role": "system", "content": ask.system}] if ask.system else []
        messages += [{"role": role, "content": said} for role, said in EARLIER] if ask.earlier else []
        images = {"images": [IMAGES[ask.image]]} if ask.image else {}
        options: dict[str, Any] = {"num_predict": ask.limit} | (SAMPLES["ollama"] if ask.sample else {})
        options |= {"stop": [ask.stop]} if ask.stop else {}
        asked: dict[str, Any] = {
            "model": model,
            "messages": [*messages, {"role": "user", "content": ask.text, **images}],
            "options": options,
        }
        asked |= {"tools": TOOLS} if ask.tools else {}
        # As other APIs call it: the client takes no such argument.
        asked |= {"tool_choice": ask.choice} if ask.choice else {}
        asked |= {"parallel_tool_calls": False} if ask.one_call else {}
        asked |= {"format": FORMS[ask.form]} if ask.form else {}
        asked |= {"logprobs": True, "top_logprobs": 2} if ask.logprobs else {}
        return asked | ({"think": True} if ask.think else {})

    def results(self, got: Got, texts: list[str]) -> list[Any]:
        results = [{"role": "tool", "tool_name": call.name, "content": text} for call, text in zip(got.calls, texts, strict=True)]
        return [got.turn, *results]

    def whole(self, secret: str, request: dict[str, Any]) -> Any:
        return [self.client(secret).chat(**request)]

    def stream(self, secret: str, request: dict[str, Any]) -> Any:
        for line in self.client(secret).chat(**request, stream=True):
            self.heard.append(line)
        return self.heard

    async def awhole(self, secret: str, request: dict[str, Any]) -> Any:
        return [await self.aclient(secret).chat(**request)]

    async def astream(self, secret: str, request: dict[str, Any]) -> Any:
        async for line in await self.aclient(secret).chat(**request, stream=True):
            self.heard.append(line)
        return self.heard

    def read(self, answer: Any) -> Got:
        *before, last = answer
        assert [line.done for line in answer] == [False] * len(before) + [True]
        assert {line.message.role for line in answer} == {"assistant"}
        calls = [call for line in answer for call in line.message.tool_calls or ()]
        logged = [entry.token for line in answer for entry in line.logprobs or ()]
        text = "".join(line.message.content or "" for line in answer)
        return Got(
            text=text,
            calls=calls_of([(call.function.name, call.function.arguments) for call in calls]),
            ended=last.done_reason,
            tokens=(last.prompt_eval_count, last.eval_count),
            logged="".join(logged) if logged else None,
            turn={"role": "assistant", "content": text, "tool_calls": calls},
        )

    def so_far(self) -> tuple[str, list[str]]:
        return "".join(line.message.content or "" for line in self.heard), ["done" for line in self.heard if line.done]

    def ended(self, word: Ended, own: bool) -> str:
        return {"length": "length", "filtered": "content_filter"}.get(word, "stop")

    def told(self, error: Any) -> tuple[int | None, str | None]:
        return (None if error.status_code == -1 else error.status_code), None

    def close(self) -> None:
        for client in self._clients.values():
            client.close()  # type: ignore[no-untyped-call]

    async def aclose(self) -> None:
        for client in self._async.values():
            await client.close()  # type: ignore[no-untyped-call]
