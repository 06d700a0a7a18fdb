"""The canonical parts of a streamed answer, between any provider's stream and any caller's.

A provider's reader gives deltas, a caller's writer takes them (n + m, not n × m). Also collects them into one whole reply.
"""

from typing import Final, Protocol

import msgspec

from orchvynt.dialects.failure import Failure
from orchvynt.model.chat import Finish, Reply, Thinking, TokenLogprob, ToolCall
from orchvynt.model.usage import Usage


class Began(msgspec.Struct, frozen=True, gc=False):
    """The provider named the answer. `created_s` is Unix seconds, 0 where the provider does not say."""

    id: str
    model: str
    created_s: int = 0


class TextAdded(msgspec.Struct, frozen=True, gc=False):
    """`logprobs` are of the tokens that the text is, where they were asked for."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


class RefusalAdded(msgspec.Struct, frozen=True, gc=False):
    text: str


class CallBegan(msgspec.Struct, frozen=True, gc=False):
    """`index` counts the tool calls of the answer from 0."""

    index: int
    id: str
    name: str
    custom: bool = False


class ArgumentsAdded(msgspec.Struct, frozen=True, gc=False):
    index: int
    text: str


class ThoughtAdded(msgspec.Struct, frozen=True, gc=False):
    """Reasoning that is no content; it is output all the same, and is counted."""

    text: str


class ThoughtSigned(msgspec.Struct, frozen=True, gc=False):
    """The provider's proof of the thought that has just been given; it ends that thought."""

    signature: str


class ThoughtSealed(msgspec.Struct, frozen=True, gc=False):
    """A whole thought that only its provider can read."""

    data: str


class OtherAdded(msgspec.Struct, frozen=True, gc=False):
    """Content that only callers of the provider's own dialect can take, such as a search that the provider makes; it is counted."""

    text: str


class Finished(msgspec.Struct, frozen=True, gc=False):
    """The answer has its finish reason; the stream may go on (usage) until the terminal marker."""

    finish: Finish
    stop_sequence: str = ""


class UsageReported(msgspec.Struct, frozen=True):
    """What the provider counted so far; a later report replaces an earlier one."""

    usage: Usage


class Ended(msgspec.Struct, frozen=True, gc=False):
    """The provider's own terminal marker."""


class Failed(msgspec.Struct, frozen=True):
    """Bytes that cannot be read, or (`by_event`) an error event in the provider's own words."""

    failure: Failure
    by_event: bool = False


Thought = ThoughtAdded | ThoughtSigned | ThoughtSealed
Delta = Began | TextAdded | RefusalAdded | CallBegan | ArgumentsAdded | Thought | OtherAdded | Finished | UsageReported | Ended | Failed
LAST: Final = (Ended, Failed)
"""Nothing comes after one of these."""


class DeltaReader(Protocol):
    """One provider's stream, incremental. After Ended or Failed it is not fed again."""

    def feed(self, data: bytes) -> list[Delta]: ...

    def end_of_input(self) -> list[Delta]: ...


class Collector:
    """Puts the parts of a streamed answer together. Holds the whole text, so it is made only where a reply is asked for."""

    __slots__ = ("_arguments", "_began", "_calls", "_finished", "_logprobs", "_refusal", "_text", "_thinking", "_thoughts", "_usage")

    def __init__(self) -> None:
        self._began = Began(id="", model="")
        self._text: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self._refusal: list[str] = []
        self._calls: dict[int, CallBegan] = {}
        self._arguments: dict[int, list[str]] = {}
        self._thinking: list[str] = []
        self._thoughts: list[Thinking] = []
        self._finished = Finished("")
        self._usage: Usage | None = None

    def add(self, delta: Delta) -> None:
        match delta:
            case TextAdded():
                self._text.append(delta.text)
                self._logprobs += delta.logprobs
            case ArgumentsAdded():
                self._arguments.setdefault(delta.index, []).append(delta.text)
            case CallBegan():
                self._calls.setdefault(delta.index, delta)
            case RefusalAdded():
                self._refusal.append(delta.text)
            case Began():
                self._began = delta
            case ThoughtAdded():
                self._thinking.append(delta.text)
            case ThoughtSigned():
                self._end_thought(delta.signature)
            case ThoughtSealed():
                self._end_thought()
                self._thoughts.append(Thinking(redacted=delta.data))
            case Finished():
                self._finished = delta
            case UsageReported():
                self._usage = delta.usage
            case _:
                pass

    def _end_thought(self, signature: str = "") -> None:
        if self._thinking or signature:
            self._thoughts.append(Thinking("".join(self._thinking), signature))
            self._thinking.clear()

    def reply(self) -> Reply:
        self._end_thought()
        return Reply(
            id=self._began.id,
            model=self._began.model,
            created_s=self._began.created_s,
            text="".join(self._text),
            tool_calls=tuple(
                ToolCall(call.id, call.name, "".join(self._arguments.get(index, ())), custom=call.custom)
                for index, call in sorted(self._calls.items())
            ),
            finish=self._finished.finish,
            usage=self._usage,
            refusal="".join(self._refusal),
            thoughts=tuple(self._thoughts),
            stop_sequence=self._finished.stop_sequence,
            logprobs=tuple(self._logprobs),
        )


def deltas_of(reply: Reply) -> list[Delta]:
    """A whole reply as the parts that a stream of it would have had, with its terminal marker."""
    deltas: list[Delta] = [Began(id=reply.id, model=reply.model, created_s=reply.created_s)]
    for thought in reply.thoughts:
        if thought.redacted:
            deltas.append(ThoughtSealed(thought.redacted))
        if thought.text:
            deltas.append(ThoughtAdded(thought.text))
        if thought.signature:
            deltas.append(ThoughtSigned(thought.signature))
    if reply.text:
        deltas.append(TextAdded(reply.text, reply.logprobs))
    if reply.refusal:
        deltas.append(RefusalAdded(reply.refusal))
    for index, call in enumerate(reply.tool_calls):
        deltas.append(CallBegan(index=index, id=call.id, name=call.name, custom=call.custom))
        if call.arguments:
            deltas.append(ArgumentsAdded(index=index, text=call.arguments))
    if reply.finish:
        deltas.append(Finished(reply.finish, reply.stop_sequence))
    if reply.usage is not None:
        deltas.append(UsageReported(reply.usage))
    deltas.append(Ended())
    return deltas


def utf8_bytes(text: str) -> int:
    """How many bytes `text` takes in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
