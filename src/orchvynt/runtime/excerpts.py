"""A few words of what a review is about, for destinations that may have them: what detectors find is held back, and the rest is short."""

from typing import Final

from orchvynt.detectors.effort import TooMuchError
from orchvynt.detectors.kinds import PERSONAL
from orchvynt.detectors.scanning import Scan
from orchvynt.dialects import registry
from orchvynt.dialects.inert import inert
from orchvynt.language.masking import masked
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.replies import reply_of
from orchvynt.lifecycle.state import decode

CHARS_MAX: Final = 500
READ_CHARS_MAX: Final = 4_000
KINDS: Final = (*PERSONAL, "secret")


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
    """Masked before it is cut: half a secret is one too. A line that holds personal data or a secret is held back whole, and all lines
    where something stands across several of them, or where it cannot be told."""
    read = masked(text[:READ_CHARS_MAX], frozenset())
    try:
        found = _counts(read)
        lines = read.splitlines()
        counts = [_counts(line) for line in lines] if found else []
    except TooMuchError:
        return "[held back: it could not be searched for personal data]"
    if not found:
        return inert(read, CHARS_MAX)
    if any(sum(one.get(kind, 0) for one in counts) < count for kind, count in found.items()):
        return f"[held back: {', '.join(found)}]"
    shown = [f"[held back: {', '.join(held)}]" if held else line for line, held in zip(lines, counts, strict=True)]
    return inert("\n".join(shown), CHARS_MAX)


def _counts(text: str) -> dict[str, int]:
    """How many of each kind, of those that are there. Raises TooMuchError."""
    scan = Scan(text)
    return {kind: count for kind in KINDS if (count := scan.count(kind))}
