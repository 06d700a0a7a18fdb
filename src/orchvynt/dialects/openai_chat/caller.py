"""The caller dialect `openai_chat`: `POST /v1/chat/completions`."""

from typing import Final

from orchvynt.dialects.openai_chat.answers import read_reply
from orchvynt.dialects.openai_chat.canonical import chat_from, input_text
from orchvynt.dialects.openai_chat.errors import error_body, error_event
from orchvynt.dialects.openai_chat.reading import read_request
from orchvynt.dialects.openai_chat.writing import TERMINAL_MARKER, ChunkWriter, closing, write_answer, write_stream
from orchvynt.dialects.shapes import Notes
from orchvynt.model.chat import Chat, Reply
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Ask

KEEP_ALIVE: Final = b": keep-alive\n\n"


class OpenAIChatCaller:
    """Implements shapes.CallerDialect. Stateless."""

    name: str = "openai_chat"
    stream_type: str = "text/event-stream; charset=utf-8"

    read = staticmethod(read_request)

    def chat(self, ask: Ask) -> Chat:
        return chat_from(ask.body)

    def input_text(self, ask: Ask) -> str:
        return input_text(ask.body)

    def write(self, reply: Reply) -> bytes:
        return write_answer(reply)

    def stream_writer(self, ask: Ask) -> ChunkWriter:
        return ChunkWriter(ask.wants_usage)

    def write_stream(self, reply: Reply, wants_usage: bool, notes: Notes) -> bytes:
        return write_stream(reply, wants_usage, notes)

    def with_notes(self, stream: bytes, notes: Notes) -> bytes:
        return stream.removesuffix(TERMINAL_MARKER) + closing(notes)

    def read_reply(self, body: bytes) -> Reply:
        return read_reply(body)

    def error(self, fault: Fault, invocation: str) -> bytes:
        return error_body(fault, invocation)

    def error_event(self, fault: Fault, invocation: str) -> bytes:
        return error_event(fault, invocation)

    def keep_alive(self) -> bytes:
        return KEEP_ALIVE
