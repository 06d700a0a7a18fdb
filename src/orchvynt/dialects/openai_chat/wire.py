"""The shapes of OpenAI's chat completions that OrchVynt looks at; whatever else a body holds is skipped and passes as it is.

The structs decode in one pass in C. They hold no cycles, so the garbage collector need not track them.
"""

from typing import Annotated, Any, Final, Literal

import msgspec

TOKENS_MAX: Final = 2**31 - 1
_DATE_DIGITS_MAX: Final = 15

Count = Annotated[int, msgspec.Meta(ge=1, le=TOKENS_MAX)]
Choices = Annotated[int, msgspec.Meta(ge=1, le=128)]
Seed = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
ModelName = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
FunctionName = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Role = Literal["system", "developer", "user", "assistant", "tool", "function"]

NOTHING: Final = msgspec.Raw()


class AskImage(msgspec.Struct, gc=False):
    url: str
    detail: str | None = None


class AskFile(msgspec.Struct, gc=False):
    """`file_data` is a data URL, `file_id` the name of a file that OpenAI holds."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class AskPart(msgspec.Struct, gc=False):
    type: str
    text: str | None = None
    image_url: AskImage | str | None = None
    refusal: str | None = None
    file: AskFile | None = None


class AskFunctionCall(msgspec.Struct, gc=False):
    name: FunctionName
    arguments: str


class AskToolCall(msgspec.Struct, gc=False):
    id: str
    type: str = "function"
    function: AskFunctionCall | None = None


class AskMessage(msgspec.Struct, gc=False):
    role: Role
    content: str | list[AskPart] | None = None
    tool_calls: list[AskToolCall] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    refusal: str | None = None
    function_call: AskFunctionCall | None = None


class AskFunction(msgspec.Struct, gc=False):
    name: FunctionName
    description: str | None = None
    parameters: msgspec.Raw = NOTHING
    strict: bool | None = None


class AskCustom(msgspec.Struct, gc=False):
    name: FunctionName


class AskTool(msgspec.Struct, gc=False):
    type: str
    function: AskFunction | None = None
    custom: AskCustom | None = None


class OldFunction(msgspec.Struct, gc=False):
    name: str = ""


class AskStreamOptions(msgspec.Struct, gc=False):
    include_usage: bool | None = None


class AskFormat(msgspec.Struct, gc=False):
    type: str
    json_schema: msgspec.Raw = NOTHING


class AskBody(msgspec.Struct, gc=False):
    """What `read` checks and counts. `metadata`, and `functions` (what tools were called once), are looked into apart: they are rare."""

    model: ModelName
    messages: list[AskMessage]
    stream: bool | None = None
    stream_options: AskStreamOptions | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: Choices | None = None
    seed: Seed | None = None
    stop: str | list[str] | None = None
    tools: list[AskTool] | None = None
    functions: msgspec.Raw = NOTHING
    parallel_tool_calls: bool | None = None
    response_format: AskFormat | None = None
    service_tier: str | None = None
    logprobs: bool | None = None
    user: str | None = None
    metadata: msgspec.Raw = NOTHING


class Schema(msgspec.Struct):
    """`response_format.json_schema`."""

    name: str = ""
    schema: dict[str, Any] = {}
    strict: bool | None = None
    description: str | None = None


class ToldFunction(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class ToldCustom(msgspec.Struct, gc=False):
    name: str | None = None
    input: str | None = None


class ToldCall(msgspec.Struct, gc=False):
    """A tool call in an answer, or a part of one in a chunk, where only the first part has `id` and `name`."""

    index: int | None = None
    id: str | None = None
    function: ToldFunction | None = None
    custom: ToldCustom | None = None

    def called(self) -> ToldFunction | None:
        """A call of a custom tool is a call for whoever judges the answer, or asks whether a part of one was delivered."""
        return self.function or (ToldFunction(self.custom.name, self.custom.input) if self.custom else None)


class ToldPart(msgspec.Struct, gc=False):
    text: str | None = None


class Told(msgspec.Struct, gc=False):
    """The message of an answer, or the delta of a chunk. Reasoning stands under either name (DeepSeek's, OpenRouter's)."""

    content: str | list[ToldPart] | None = None
    tool_calls: list[ToldCall] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    function_call: ToldFunction | None = None
    audio: msgspec.Raw = NOTHING


class CachedTokens(msgspec.Struct, gc=False):
    cached_tokens: int | None = None


class ReasoningTokens(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None


class ToldUsage(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: CachedTokens | None = None
    completion_tokens_details: ReasoningTokens | None = None


class AnswerChoice(msgspec.Struct, gc=False):
    message: Told
    finish_reason: str | None = None


class AnswerBody(msgspec.Struct, gc=False):
    choices: list[AnswerChoice] | None = None
    id: str | None = None
    model: str | None = None
    usage: ToldUsage | None = None
    error: msgspec.Raw = NOTHING


class WeighedChoice(AnswerChoice, gc=False):
    logprobs: msgspec.Raw = NOTHING


class DatedAnswerBody(AnswerBody, gc=False):
    """An answer that is read whole; the hot path has no use for its date, and none for its log probabilities."""

    choices: list[WeighedChoice] | None = None  # type: ignore[assignment]  # a list is invariant, but nobody adds to this one
    created: msgspec.Raw = NOTHING


class ChunkChoice(msgspec.Struct, gc=False):
    index: int | None = None
    delta: Told | None = None
    finish_reason: str | None = None


class ChunkBody(msgspec.Struct, gc=False):
    choices: list[ChunkChoice] | None = None
    usage: ToldUsage | None = None
    error: msgspec.Raw = NOTHING


class FirstChunkBody(ChunkBody, gc=False):
    """A chunk before the answer has a name: later ones repeat it, and need not be asked."""

    id: str | None = None
    model: str | None = None
    created: msgspec.Raw = NOTHING


class UnmeteredAnswerBody(msgspec.Struct, gc=False):
    """The same without `usage`: an absurd usage must not cost the answer."""

    choices: list[WeighedChoice] | None = None
    id: str | None = None
    model: str | None = None
    error: msgspec.Raw = NOTHING
    created: msgspec.Raw = NOTHING


class UnmeteredChunkBody(msgspec.Struct, gc=False):
    choices: list[ChunkChoice] | None = None
    error: msgspec.Raw = NOTHING
    id: str | None = None
    model: str | None = None
    created: msgspec.Raw = NOTHING


def seconds_from(created: msgspec.Raw) -> int:
    """The date of an answer in Unix seconds; 0 for whatever else a provider writes there."""
    text = bytes(created)
    return int(text) if text.isdigit() and len(text) <= _DATE_DIGITS_MAX else 0


def text_of(content: str | list[ToldPart] | None) -> str:
    if content is None:
        return ""
    return content if isinstance(content, str) else "".join(part.text or "" for part in content)
