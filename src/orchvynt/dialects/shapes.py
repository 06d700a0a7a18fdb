"""What every dialect offers to the rooms above: the one contract of this folder.

A caller dialect reads requests and writes answers; a provider dialect writes requests and reads answers; a relay carries one
provider's stream to one caller. All are pure: bytes in, bytes out, incremental, right under any split of the input.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from orchvynt.dialects.deltas import Delta
from orchvynt.dialects.failure import Failure as Failure  # a part of the contract, too
from orchvynt.model.chat import Chat, Reply
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Ask
from orchvynt.model.turns import Digest, Turn
from orchvynt.model.usage import Usage

Logprobs = Literal["", "read", "hidden"]
"""Whether somebody here reads an answer's log probabilities, and whether the caller, who did not ask for them, must not see them."""

Notes = Sequence[tuple[str, str]]
"""What an answer says about itself at its end: names without the `x-orchvynt-` prefix, and values safe for a header."""


class Reading(msgspec.Struct, frozen=True, gc=False):
    """A request that was read. `metadata` are the `orchvynt_*` keys of the body's metadata, without the prefix; JSON values.

    `turns` gives the messages from what was decoded already; it is asked only where a conversation is looked for.
    """

    ask: Ask
    metadata: Mapping[str, object]
    turns: Callable[[], list[Turn]]


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A whole answer that was read. `body` is the provider's own bytes, kept for a same-dialect caller. `said` is its digest
    (model.turns), where reading it gave that for next to nothing."""

    body: bytes
    response_id: str
    response_model: str
    finish: str
    usage: Usage | None
    output_bytes: int
    said: Digest | None = None


class Seen(msgspec.Struct):
    """What a relay has observed so far. `started` is set by the first content (text, tool call, refusal), never by pings.

    `alive` is set by anything that is no ping, thinking included; `audible` by audio. `output_bytes` counts the UTF-8 bytes of all content.
    `terminal` is set by the provider's own terminal marker only.
    `failure` is set by an error event, by bytes that cannot be read, or by an answer that is no stream at all.
    """

    response_id: str = ""
    response_model: str = ""
    started: bool = False
    output_bytes: int = 0
    finish: str = ""
    usage: Usage | None = None
    terminal: bool = False
    failure: Failure | None = None
    alive: bool = False
    audible: bool = False


class DeltaWriter(Protocol):
    """One caller's stream, written from canonical parts. Attempts may follow one another on it; it begins once and ends once."""

    def write(self, delta: Delta) -> bytes:
        """The bytes that a delta is; empty where the dialect has none for it. The finish reason is written with Ended, not before."""
        ...

    def finish(self, notes: Notes) -> bytes:
        """What it used, the notes as the dialect can carry them, then the terminal marker. Once, after Ended."""
        ...

    def fail(self, fault: Fault, invocation: str) -> bytes:
        """The dialect's error event, after which the connection is closed without a terminal marker."""
        ...


class Relay(Protocol):
    """One provider stream on its way to one caller; frames may arrive cut anywhere.

    INVARIANT: how an answer ended (its finish reason) goes to the caller only after the provider's own terminal marker, so that a
    stream that breaks off has not said that it is over, and another provider may go on with it.
    """

    @property
    def seen(self) -> Seen: ...

    def feed(self, data: bytes) -> bytes:
        """Takes provider bytes, gives the bytes that may go to the caller now: whole frames, never the terminal marker."""
        ...

    def end_of_input(self) -> bytes:
        """The provider's body ended. Gives what was still withheld; without a terminal marker `seen.failure` becomes `cut`."""
        ...

    def finish(self, notes: Notes) -> bytes:
        """The closing bytes: notes as the dialect can carry them (one SSE comment), then the terminal marker. Once, after `terminal`."""
        ...

    def fail(self, fault: Fault, invocation: str) -> bytes:
        """The dialect's error event, after which the connection is closed without a terminal marker."""
        ...

    def reply(self) -> Reply:
        """All that was given out, as one canonical reply. Only for a relay that was made with `collect`."""
        ...

    def forget(self) -> None:
        """Drops what was collected: it became too much to go on with. `reply` is not asked for any more."""
        ...

    def handover(self) -> DeltaWriter:
        """A writer that goes on where this relay stopped, for an answer that broke off and that another provider continues."""
        ...

    def said(self) -> Digest:
        """The digest of what was seen (model.turns). Only for a relay that was made with `digest`."""
        ...


class CallerDialect(Protocol):
    """How callers of one API speak. `stream_type` is the content type of a stream."""

    name: str
    stream_type: str

    def read(self, body: bytes) -> Reading | Fault:
        """Reads and checks a request body. A fault says what is wrong, and where as `param` (`messages[0].role`)."""
        ...

    def chat(self, ask: Ask) -> Chat:
        """The canonical form of a request that `read` accepted. Raises UnsupportedError for what the form cannot express."""
        ...

    def input_text(self, ask: Ask) -> str:
        """All text of the messages, with what they call tools with, joined by newlines, for expressions."""
        ...

    def write(self, reply: Reply) -> bytes:
        """A whole answer in this dialect. The same reply gives the same bytes."""
        ...

    def stream_writer(self, ask: Ask) -> DeltaWriter:
        """A new writer for the stream that answers this request. Raises ValueError where the dialect never streams."""
        ...

    def write_stream(self, reply: Reply, wants_usage: bool, notes: Notes) -> bytes:
        """The same answer as a whole stream, terminal marker included, for an answer that was held until it was judged."""
        ...

    def with_notes(self, stream: bytes, notes: Notes) -> bytes:
        """A whole stream that was held, with the notes before its terminal marker."""
        ...

    def read_reply(self, body: bytes) -> Reply:
        """The canonical form of a body that `write` gave, or that a provider of this wire format gave."""
        ...

    def error(self, fault: Fault, invocation: str) -> bytes:
        """The error body in this dialect."""
        ...

    def error_event(self, fault: Fault, invocation: str) -> bytes:
        """The same error inside a stream."""
        ...

    def keep_alive(self) -> bytes:
        """Bytes that keep a stream open and mean nothing; empty where the dialect has none."""
        ...


class UpstreamAsk(msgspec.Struct, frozen=True, gc=False):
    """One request to a provider: a path below the provider's `path_prefix`, header pairs without credentials, a body.

    `dropped` names what this request lost on its way from another dialect, in the caller's own names; it is safe for a header.
    """

    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    dropped: tuple[str, ...] = ()


class ProviderDialect(Protocol):
    """How providers of one API are spoken to. `caller_twin` names the caller dialect whose bodies pass as they are."""

    name: str
    caller_twin: str

    def credential(self, secret: str) -> tuple[str, str]:
        """The header that carries the provider's key."""
        ...

    def pass_request(self, ask: Ask, upstream_model: str, output_tokens_max: int | None) -> UpstreamAsk:
        """The caller's own body with only what must change spliced: model, output limit, usage asked for in streams."""
        ...

    def write_request(self, chat: Chat, upstream_model: str, output_tokens_max: int | None) -> UpstreamAsk:
        """The same from the canonical form, for a caller of another dialect. Raises UnsupportedError."""
        ...

    def read_answer(self, status: int, content_type: str, retry_after: str, body: bytes, now: int) -> Answer | Failure:
        """Reads a whole answer of any status. Anything that is not a well-formed success is a Failure."""
        ...

    def to_reply(self, answer: Answer) -> Reply:
        """The canonical form of a whole answer."""
        ...

    def gives_logprobs(self, upstream_model: str) -> bool:
        """Whether a model of this API can be asked for the log probabilities of its tokens."""
        ...

    def asking_for_logprobs(self, body: bytes) -> bytes:
        """A request that was written, with log probabilities asked for. Only where it `gives_logprobs`."""
        ...

    def without_logprobs(self, body: bytes) -> bytes:
        """A whole answer as it would be had nobody asked for them; all other bytes as they came."""
        ...


class UnsupportedError(Exception):
    """A request holds something the other dialect cannot express and that must not be dropped. `param` says where."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param
