"""What a decision makes of an answer: the reviewer's text in place of the model's, or of the whole answer; and the difference, bounded."""

import difflib
from typing import Final

from msgspec.structs import replace

from orchvynt.model.chat import Reply

DIFF_LINES_MAX: Final = 2_000
"""Comparing costs up to the square of this; longer texts are told as one replacement of what lies between what they share."""
DIFF_CHARS_MAX: Final = 20_000
LINE_CHARS_MAX: Final = 2_000


def edited(reply: Reply, text: str) -> Reply:
    """The answer with the reviewer's text in place of its own. Its calls of tools stay. What the model thought, how sure it was, and its
    refusal belong to a text that is not there any more."""
    return replace(
        reply,
        text=text,
        finish="tool_calls" if reply.tool_calls else "stop",
        refusal="",
        thoughts=(),
        stop_sequence="",
        logprobs=(),
    )


def in_words(reply: Reply, text: str) -> Reply:
    """A reviewer's words in place of the whole answer, its calls of tools included: a turn that has ended, so that an agent goes on."""
    return edited(replace(reply, tool_calls=()), text)


def rejection(reason: str, gate: str, what: str = "answer") -> str:
    """What an agent is told in words where nobody gave a reason: a turn without text is none."""
    return reason if reason.strip() else f"A reviewer rejected this {what} at gate {gate}."


def difference(before: str, after: str) -> str:
    """The unified diff of two texts, without file names; its lines and its length are bounded, and it says so where they are."""
    old, new = before.splitlines(), after.splitlines()
    lines = list(difflib.unified_diff(old, new, lineterm="", n=2))[2:] if len(old) + len(new) <= DIFF_LINES_MAX else _replaced(old, new)
    kept: list[str] = []
    room = DIFF_CHARS_MAX
    for number, line in enumerate(lines):
        short = line if len(line) <= LINE_CHARS_MAX else f"{line[:LINE_CHARS_MAX]} … ({len(line) - LINE_CHARS_MAX} more characters)"
        room -= len(short) + 1
        if room < 0:
            kept.append(f"… ({len(lines) - number} more lines)")
            break
        kept.append(short)
    return "\n".join(kept)


def _replaced(old: list[str], new: list[str]) -> list[str]:
    """One hunk: all between the lines that both begin with and those that both end with."""
    most = min(len(old), len(new))
    head = next((place for place in range(most) if old[place] != new[place]), most)
    most -= head
    tail = next((place for place in range(most) if old[-1 - place] != new[-1 - place]), most)
    gone, come = old[head : len(old) - tail], new[head : len(new) - tail]
    if not gone and not come:
        return []
    return [f"@@ -{head + 1},{len(gone)} +{head + 1},{len(come)} @@", *(f"-{line}" for line in gone), *(f"+{line}" for line in come)]
