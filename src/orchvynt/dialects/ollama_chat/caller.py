"""The caller dialects `ollama_chat` (`POST /api/chat`) and `ollama_generate` (`POST /api/generate`)."""

from orchvynt.dialects.ollama_chat.answers import read_reply
from orchvynt.dialects.ollama_chat.canonical import chat_from, chat_text, generate_from, generate_text
from orchvynt.dialects.ollama_chat.errors import error_body, error_line
from orchvynt.dialects.ollama_chat.reading import read_chat, read_generate
from orchvynt.dialects.ollama_chat.wire import decode_chat_line, decode_generate_line
from orchvynt.dialects.ollama_chat.writing import LineWriter, chat_part, generate_part, write_answer, write_stream
from orchvynt.dialects.shapes import Notes
from orchvynt.model.chat import Chat, Reply
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Ask


class OllamaChatCaller:
    """Implements shapes.CallerDialect. Stateless."""

    name: str = "ollama_chat"
    stream_type: str = "application/x-ndjson"

    read = staticmethod(read_chat)
    _part = staticmethod(chat_part)
    _decode = staticmethod(decode_chat_line)

    def chat(self, ask: Ask) -> Chat:
        return chat_from(ask.body)

    def input_text(self, ask: Ask) -> str:
        return chat_text(ask.body)

    def write(self, reply: Reply) -> bytes:
        return write_answer(self._part, reply)

    def stream_writer(self, ask: Ask) -> LineWriter:  # noqa: ARG002  # every stream of this API counts
        return LineWriter(self._part)

    def write_stream(self, reply: Reply, wants_usage: bool, notes: Notes) -> bytes:  # noqa: ARG002  # as above
        return write_stream(self._part, reply, notes)

    def with_notes(self, stream: bytes, notes: Notes) -> bytes:  # noqa: ARG002  # no line of this API has a place for notes
        return stream

    def read_reply(self, body: bytes) -> Reply:
        return read_reply(self._decode, body)

    def error(self, fault: Fault, invocation: str) -> bytes:
        return error_body(fault, invocation)

    def error_event(self, fault: Fault, invocation: str) -> bytes:
        return error_line(fault, invocation)

    def keep_alive(self) -> bytes:
        """Nothing: the official SDK reads every line as JSON, a blank one too."""
        return b""


class OllamaGenerateCaller(OllamaChatCaller):
    """The same for one prompt."""

    name = "ollama_generate"
    read = staticmethod(read_generate)
    _part = staticmethod(generate_part)
    _decode = staticmethod(decode_generate_line)

    def chat(self, ask: Ask) -> Chat:
        return generate_from(ask.body)

    def input_text(self, ask: Ask) -> str:
        return generate_text(ask.body)
