"""The provider dialect `openai_chat`: OpenAI, and whoever serves the same API."""

from functools import lru_cache

import msgspec

from orchvynt.dialects.openai_chat.answers import read_answer, read_reply
from orchvynt.dialects.openai_chat.ends import canonical_finish
from orchvynt.dialects.openai_chat.logprobs import asking_for_logprobs, gives_logprobs, without_logprobs
from orchvynt.dialects.openai_chat.requests import pass_request, write_request
from orchvynt.dialects.shapes import Answer, UpstreamAsk
from orchvynt.model.chat import Chat, Reply


@lru_cache(64)
def bearer(secret: str) -> tuple[str, str]:
    """The same pair each time: who keeps the lines that are made of it finds them by it, and needs no new hash of its text."""
    return ("authorization", f"Bearer {secret}")


class OpenAIChatProvider:
    """Implements shapes.ProviderDialect. Stateless."""

    name: str = "openai_chat"
    caller_twin: str = "openai_chat"

    credential = staticmethod(bearer)
    pass_request = staticmethod(pass_request)

    def write_request(self, chat: Chat, upstream_model: str, output_tokens_max: int | None) -> UpstreamAsk:
        return write_request(chat, upstream_model, output_tokens_max)

    read_answer = staticmethod(read_answer)
    gives_logprobs = staticmethod(gives_logprobs)
    asking_for_logprobs = staticmethod(asking_for_logprobs)
    without_logprobs = staticmethod(without_logprobs)

    def to_reply(self, answer: Answer) -> Reply:
        reply = read_reply(answer.body)
        finish = canonical_finish(answer.finish, bool(reply.tool_calls))
        return reply if finish == reply.finish else msgspec.structs.replace(reply, finish=finish)
