"""The shapes of requests to `/api/chat` and `/api/generate`, as far as OrchVynt looks at them; whatever else they hold is skipped.

Sources: docs.ollama.com/openapi.yaml (ChatRequest, GenerateRequest, ModelOptions), and the official SDK's request types.
"""

from typing import Annotated, Final

import msgspec

TOKENS_MAX: Final = 2**31 - 1

ModelName = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
FunctionName = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
RoleName = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Predict = Annotated[int, msgspec.Meta(ge=-(2**31), le=TOKENS_MAX)]
Seed = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
TopLogprobs = Annotated[int, msgspec.Meta(ge=0, le=20)]

NOTHING: Final = msgspec.Raw()


class AskOptions(msgspec.Struct, gc=False):
    """`num_predict` of zero or less is no limit (`-1` without end, `-2` until the context is full)."""

    num_predict: Predict | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: Seed | None = None
    stop: str | list[str] | None = None


class AskFunctionCall(msgspec.Struct, gc=False):
    """`arguments` is a JSON object here, not text."""

    name: FunctionName
    arguments: msgspec.Raw = NOTHING


class AskCall(msgspec.Struct, gc=False):
    """The official SDK sends calls back without their ids."""

    function: AskFunctionCall
    id: str | None = None


class AskMessage(msgspec.Struct, gc=False):
    """Content is text, never a list of parts; images stand beside it, as base64 without a type."""

    role: RoleName
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[AskCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class AskFunction(msgspec.Struct, gc=False):
    name: FunctionName
    description: str | None = None
    parameters: msgspec.Raw = NOTHING


class AskTool(msgspec.Struct, gc=False):
    function: AskFunction
    type: str = "function"


class AskBody(msgspec.Struct, gc=False):
    """What both endpoints have. Without `stream` Ollama streams. `think` is true, false or a word for how much."""

    model: ModelName
    stream: bool | None = None
    format: msgspec.Raw = NOTHING
    options: AskOptions | None = None
    think: bool | str | None = None
    logprobs: bool | None = None
    top_logprobs: TopLogprobs | None = None


class ChatAsk(AskBody, gc=False, kw_only=True):
    messages: list[AskMessage]
    tools: list[AskTool] | None = None


class GenerateAsk(AskBody, gc=False, kw_only=True):
    """`context` is what an earlier answer gave: the conversation as tokens of that model."""

    prompt: str = ""
    system: str | None = None
    suffix: str | None = None
    template: str | None = None
    context: list[int] | None = None
    raw: bool | None = None
    images: list[str] | None = None


decode_chat: Final = msgspec.json.Decoder(ChatAsk).decode
decode_generate: Final = msgspec.json.Decoder(GenerateAsk).decode
