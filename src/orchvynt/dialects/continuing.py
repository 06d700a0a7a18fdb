"""Writes the request by which another model goes on with an answer that broke off: the caller's own chat, and what was delivered of it."""

from typing import Final

import msgspec

from orchvynt.dialects.seams import Prefix
from orchvynt.model.chat import Chat, Message, Text

LAST_WORDS_CHARS: Final = 80
INSTRUCTION: Final = (
    "Your answer above broke off while it was sent. Go on with it from exactly where it stops: begin by repeating its last words, "
    "{words}, just as they stand, and write on from there in the same style. Do not begin anew, do not comment, do not apologize."
)
"""What a model is told that cannot extend an assistant turn by itself."""

INSTRUCTION_BYTES_MAX: Final = len(INSTRUCTION) + 4 * LAST_WORDS_CHARS + 32


def continuing(chat: Chat, prefix: Prefix) -> Chat:
    """The chat with what was delivered as its last assistant turn; for `instruct`, the request to go on behind it.

    APIs refuse white space at the end of a prefilled turn, so it is left out there (Anthropic: "final assistant content cannot end
    with trailing whitespace"); the seam cuts it away where the model says it again.
    """
    if prefix.method == "prefill":
        if chat.dialect == "anthropic_messages":
            # Anthropic refuses a prefilled turn where the model is to think first.
            chat = msgspec.structs.replace(chat, extras={name: value for name, value in chat.extras.items() if name != "thinking"})
        turn = Message("assistant", (Text(prefix.text.rstrip()),), is_open=True)
        return msgspec.structs.replace(chat, messages=(*chat.messages, turn))
    turn = Message("assistant", (Text(prefix.text),))
    asked = Message("user", (Text(INSTRUCTION.format(words=msgspec.json.encode(last_words(prefix.text)).decode())),))
    return msgspec.structs.replace(chat, messages=(*chat.messages, turn, asked))


def last_words(text: str) -> str:
    """The end of a text, from the beginning of a word on where there is one."""
    end = text[-LAST_WORDS_CHARS:]
    if len(text) <= LAST_WORDS_CHARS:
        return end
    _, blank, words = end.partition(" ")
    return words if blank and words.strip() else end
