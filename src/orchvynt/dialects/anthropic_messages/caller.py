"""The caller dialect `anthropic_messages`: `POST /v1/messages`."""

from orchvynt.dialects.anthropic_messages.answers import read_reply
from orchvynt.dialects.anthropic_messages.canonical import chat_from, input_text
from orchvynt.dialects.anthropic_messages.errors import error_body, error_event
from orchvynt.dialects.anthropic_messages.reading import read_request
from orchvynt.dialects.anthropic_messages.writing import PING, TERMINAL_MARKER, MessageWriter, closing, write_answer, write_stream
from orchvynt.dialects.shapes import Notes
from orchvynt.model.chat import Chat, Reply
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Ask


class AnthropicMessagesCaller:
    """Implements shapes.CallerDialect. Stateless."""

    name: str = "anthropic_messages"
    stream_type: str = "text/event-stream; charset=utf-8"

    read = staticmethod(read_request)

    def chat(self, ask: Ask) -> Chat:
        return chat_from(ask)

    def input_text(self, ask: Ask) -> str:
        return input_text(ask.body)

    def write(self, reply: Reply) -> bytes:
        return write_answer(reply)

    def stream_writer(self, ask: Ask) -> MessageWriter:  # noqa: ARG002  # every stream of this API says what it used
        return MessageWriter()

    def write_stream(self, reply: Reply, wants_usage: bool, notes: Notes) -> bytes:  # noqa: ARG002  # as above
        return write_stream(reply, notes)

    def with_notes(self, stream: bytes, notes: Notes) -> bytes:
        return stream.removesuffix(TERMINAL_MARKER) + closing(notes)

    def read_reply(self, body: bytes) -> Reply:
        return read_reply(body)

    def error(self, fault: Fault, invocation: str) -> bytes:
        return error_body(fault, invocation)

    def error_event(self, fault: Fault, invocation: str) -> bytes:
        return error_event(fault, invocation)

    def keep_alive(self) -> bytes:
        return PING
