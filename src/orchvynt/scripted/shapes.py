"""What passes between the parts of the scripted provider: what was asked, what is said, and how a wire format is spoken."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

Api = Literal["openai", "anthropic", "ollama"]
Finish = Literal["stop", "length", "tool_calls", "content_filter", "stop_sequence"]
Json = Any
"""A decoded JSON value."""


class Ask(msgspec.Struct, frozen=True):
    """One request as a model would see it.

    `last_user` is the text of the last user turn that has text; `tool_result` the text of the tool results at the end, if any.
    `prefill` is the assistant turn at the end that the answer has to continue (empty if there is none).
    `forced_tool` is a tool that must be called (`None`: the model is free).
    """

    api: Api
    model: str
    stream: bool
    last_user: str
    tool_result: str
    prefill: str
    input_tokens: int
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    choices: int = 1
    include_usage: bool = False
    logprobs: bool = False
    top_logprobs: int = 0
    wants_json: bool = False
    schema: Mapping[str, Json] | None = None
    forced_tool: tuple[str, Mapping[str, Json]] | None = None


class Refused(msgspec.Struct, frozen=True):
    """A request that a real provider would not accept, in its words."""

    status: int
    message: str
    param: str | None = None
    error_type: str = ""
    error_code: str = ""


class Frame(msgspec.Struct, frozen=True):
    """One piece of an answer in a stream. `call` is the position of the tool call it belongs to, -1 for text, refusals and thoughts.

    `first` and `last` mark the ends of the text or of that call. `tokens` is what the provider bills for it, for one choice.
    """

    pieces: tuple[str, ...]
    tokens: int
    call: int = -1
    first: bool = False
    last: bool = False
    is_thought: bool = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Call(msgspec.Struct, frozen=True):
    """One tool call. `arguments` is JSON text, cut short where the token limit cut it."""

    id: str
    name: str
    arguments: str


class Said(msgspec.Struct, frozen=True):
    """One answer, before it is written in a wire format.

    `reported` is the usage that the answer claims (`None`: it claims nothing); `usage_late` says that it stands in the last chunk
    only, asked for or not. `thinking` comes before all else. `output_tokens` is what is billed, all choices together. `confidence` is
    `None` without logprobs.
    """

    ask: Ask
    id: str
    created_s: int
    text: str
    refusal: bool
    calls: tuple[Call, ...]
    frames: tuple[Frame, ...]
    finish: Finish
    stop_sequence: str
    output_tokens: int
    reported: tuple[int, int] | None
    usage_late: bool
    confidence: float | None
    thinking: str = ""


class Piece(msgspec.Struct, frozen=True):
    """The bytes of one or more frames, and the tokens that are generated with them."""

    data: bytes
    tokens: int


class Stream(msgspec.Struct, frozen=True):
    """An answer as a stream: what opens it, its content, what closes it, and the marker without which it is not whole."""

    opening: tuple[bytes, ...]
    content: tuple[Piece, ...]
    closing: tuple[bytes, ...]
    terminal: bytes


class Wire(Protocol):
    """How one API is spoken. All bytes in and out; no state."""

    @property
    def api(self) -> Api: ...

    @property
    def stream_type(self) -> str: ...

    def read(self, body: dict[str, Json], headers: Mapping[str, str]) -> Ask | Refused:
        """Reads a request body as strictly as the real provider does where agents and gateways tend to err."""
        ...

    def whole(self, said: Said) -> bytes: ...

    def stream(self, said: Said) -> Stream: ...

    def error(self, refused: Refused, request_id: str) -> bytes: ...

    def error_event(self, refused: Refused, request_id: str) -> bytes: ...

    def ping(self) -> bytes:
        """Bytes that keep a stream alive and say nothing."""
        ...

    def request_id_header(self) -> str: ...

    def models(self, names: Sequence[str], created_s: int) -> bytes: ...


def text_of(value: Json) -> str:
    """A JSON value as text, empty for what is not a string."""
    return value if isinstance(value, str) else ""


def whole_number(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def mapping(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def sequence(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
