"""The provider dialects of Ollama: `ollama_chat` for callers of any dialect, `ollama_generate` for those of `/api/generate` only."""

from orchvynt.dialects.ollama_chat.answers import read_answer, read_reply
from orchvynt.dialects.ollama_chat.logprobs import asking_for_logprobs, gives_logprobs, without_logprobs
from orchvynt.dialects.ollama_chat.requests import GENERATE_PATH, PATH, pass_request, write_request
from orchvynt.dialects.ollama_chat.wire import decode_chat_line, decode_generate_line
from orchvynt.dialects.shapes import Answer, Failure, UpstreamAsk
from orchvynt.model.chat import Chat, Reply
from orchvynt.model.invocation import Ask


class OllamaChatProvider:
    """Implements shapes.ProviderDialect. Stateless."""

    name: str = "ollama_chat"
    caller_twin: str = "ollama_chat"
    _path = PATH
    _decode = staticmethod(decode_chat_line)

    def credential(self, secret: str) -> tuple[str, str]:
        return ("authorization", f"Bearer {secret}")

    def pass_request(self, ask: Ask, upstream_model: str, output_tokens_max: int | None) -> UpstreamAsk:
        return pass_request(self._path, ask, upstream_model, output_tokens_max)

    def write_request(self, chat: Chat, upstream_model: str, output_tokens_max: int | None) -> UpstreamAsk:
        return write_request(chat, upstream_model, output_tokens_max)

    def read_answer(self, status: int, content_type: str, retry_after: str, body: bytes, now: int) -> Answer | Failure:
        return read_answer(self._decode, status, content_type, retry_after, body, now)

    gives_logprobs = staticmethod(gives_logprobs)
    asking_for_logprobs = staticmethod(asking_for_logprobs)
    without_logprobs = staticmethod(without_logprobs)

    def to_reply(self, answer: Answer) -> Reply:
        return read_reply(self._decode, answer.body)


class OllamaGenerateProvider(OllamaChatProvider):
    """The same server's other endpoint: bodies of its own callers pass to it; what is written anew is a chat in any case."""

    name = "ollama_generate"
    caller_twin = "ollama_generate"
    _path = GENERATE_PATH
    _decode = staticmethod(decode_generate_line)
