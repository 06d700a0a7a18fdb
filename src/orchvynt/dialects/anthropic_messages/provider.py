"""The provider dialect `anthropic_messages`."""

from orchvynt.dialects.anthropic_messages.answers import read_answer, read_reply
from orchvynt.dialects.anthropic_messages.passing import pass_request
from orchvynt.dialects.anthropic_messages.requests import write_request
from orchvynt.dialects.shapes import Answer, Failure, UpstreamAsk
from orchvynt.model.chat import Chat, Reply


class AnthropicMessagesProvider:
    """Implements shapes.ProviderDialect. Stateless."""

    name: str = "anthropic_messages"
    caller_twin: str = "anthropic_messages"

    def credential(self, secret: str) -> tuple[str, str]:
        return ("x-api-key", secret)

    pass_request = staticmethod(pass_request)

    def write_request(self, chat: Chat, upstream_model: str, output_tokens_max: int | None) -> UpstreamAsk:
        return write_request(chat, upstream_model, output_tokens_max)

    def read_answer(self, status: int, content_type: str, retry_after: str, body: bytes, now: int) -> Answer | Failure:
        return read_answer(status, content_type, retry_after, body, now)

    def to_reply(self, answer: Answer) -> Reply:
        return read_reply(answer.body)

    # The API has no log probabilities (https://docs.anthropic.com/en/api/openai-sdk: "logprobs: ignored").

    def gives_logprobs(self, upstream_model: str) -> bool:  # noqa: ARG002 - the contract
        return False

    def asking_for_logprobs(self, body: bytes) -> bytes:
        return body

    def without_logprobs(self, body: bytes) -> bytes:
        return body
