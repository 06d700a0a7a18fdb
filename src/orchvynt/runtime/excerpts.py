"""A few words of what a review is about, for destinations that may have them: masked, and short."""

from typing import Final

from orchvynt.dialects import registry
from orchvynt.dialects.inert import inert
from orchvynt.language.masking import masked
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.parking import reply_of
from orchvynt.lifecycle.state import decode

CHARS_MAX: Final = 500
READ_CHARS_MAX: Final = 20_000


def excerpt(snapshot: Snapshot, state: bytes) -> str:
    """Of the answer, or of the request where there is none yet."""
    parked = decode(state)
    if parked.reply is None and parked.answer is None:
        ask = parked.invocation.ask
        text = registry.caller(parked.invocation.dialect).input_text(ask) if ask.body else ""
    else:
        reply = reply_of(snapshot, parked)
        text = reply.text or " ".join(f"{call.name}({call.arguments})" for call in reply.tool_calls) or reply.refusal
    return clipped(text)


def clipped(text: str) -> str:
    """Masked before it is cut: half a secret is one too."""
    return inert(masked(text[:READ_CHARS_MAX], frozenset()), CHARS_MAX)
