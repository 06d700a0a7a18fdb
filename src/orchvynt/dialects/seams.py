"""Where the continuation of an answer that broke off is joined to what was delivered: what is cut away, and whether it joins at all.

Incremental and right under any split. It never alters what was delivered, and gives nothing out before it is sure.

A model that extends a trailing assistant turn (`prefill`) goes on with new text; what it may repeat is the white space that its API
takes away from the end of such a turn, or, against its documents, a long part of the turn. A model that is asked to go on (`instruct`)
is asked to begin with the last words; the longest suffix of what was delivered that it begins with is cut away. Without one, only text
that can be the middle of a sentence is taken for a continuation: an answer that begins anew must not be spliced into another one.
"""

from typing import Final, Literal

import msgspec

from orchvynt.catalog.continues import Continues

TAIL_CHARS_MAX: Final = 4_096
"""How far back an overlap is looked for, unless the continuation repeats everything."""
ECHO_CHARS_MIN: Final = 16
"""The shortest overlap that is no chance after a prefill: `ban` goes on with `ana`, and `an` stands in both."""
ASKED_CHARS_MIN: Final = 8
"""The shortest overlap that is no chance where a model was asked for it, wherever in a word it begins."""
WORDS_CHARS_MIN: Final = 4
"""The shortest overlap from the beginning of a word on that says, of a model that was asked for it, that it goes on. A shorter one
must end with the word, too: `France is ` goes on with `is Paris`, and the `is` is said once."""

Verdict = Literal["open", "clean", "torn"]


class Prefix(msgspec.Struct, frozen=True):
    """What a caller has got of an answer that broke off, and how the next model is made to go on with it."""

    method: Continues
    text: str


class Seam:
    """`verdict` is open while more text must come. `cut_chars` is how much of the continuation was cut away, once it is clean."""

    __slots__ = ("_delivered", "_held", "_method", "_tail", "cut_chars", "verdict")

    def __init__(self, prefix: Prefix) -> None:
        # Where nothing was delivered there is nothing to join.
        self.verdict: Verdict = "open" if prefix.text else "clean"
        self.cut_chars = 0
        self._method = prefix.method
        self._delivered = prefix.text
        self._tail = prefix.text[-TAIL_CHARS_MAX:]
        self._held = ""

    @property
    def open(self) -> bool:
        return self.verdict == "open"

    @property
    def torn(self) -> bool:
        return self.verdict == "torn"

    def add(self, text: str) -> str:
        """Takes a part of the continuation; gives what may go out now."""
        if self.verdict == "clean":
            return text
        if self.verdict == "torn":
            return ""
        self._held += text
        return "" if self._may_grow() else self._decide()

    def end(self) -> str:
        """No more text comes."""
        return self._decide() if self.verdict == "open" else ""

    def _may_grow(self) -> bool:
        """Whether more text may make a longer overlap: all that came stands in what was delivered, and not at its end."""
        held = self._held
        if not held:
            return True
        if self._method == "instruct" and len(held) < WORDS_CHARS_MIN and self._tail.endswith(held):
            # Whether it is a whole word is only seen by what follows.
            return True
        if self._tail.find(held, 0, len(self._tail) - 1) >= 0:
            return True
        return len(held) < len(self._delivered) and self._delivered.startswith(held)

    def _decide(self) -> str:
        held, self._held = self._held, ""
        overlap = self._overlap(held)
        joins = self._joins_prefill(held, overlap) if self._method == "prefill" else self._joins_instruct(held, overlap)
        if joins is None:
            self.verdict = "torn"
            return ""
        self.verdict = "clean"
        self.cut_chars = joins
        return held[joins:]

    def _overlap(self, held: str) -> int:
        """The length of the longest suffix of what was delivered that the continuation begins with."""
        if held.startswith(self._delivered):
            return len(self._delivered)
        longest = min(len(held), len(self._tail))
        return next((size for size in range(longest, 0, -1) if held.startswith(self._tail[-size:])), 0)

    def _joins_prefill(self, held: str, overlap: int) -> int | None:
        if overlap >= ECHO_CHARS_MIN:
            return overlap
        if _common(held, self._delivered) >= ECHO_CHARS_MIN:
            return None
        return self._blank_overlap(held)

    def _joins_instruct(self, held: str, overlap: int) -> int | None:
        if not held.strip():
            return None
        if overlap and (overlap == len(self._delivered) or self._says_words(held, overlap)):
            return overlap
        if _common(held, self._delivered) >= ECHO_CHARS_MIN:
            return None
        return self._blank_overlap(held) if self._within_a_sentence(held) else None

    def _blank_overlap(self, held: str) -> int:
        """White space at the end of what was delivered that the continuation says again: APIs strip it from a prefilled turn."""
        blank = self._delivered[len(self._delivered.rstrip()) :]
        return next((size for size in range(len(blank), 0, -1) if held.startswith(blank[-size:])), 0)

    def _says_words(self, held: str, overlap: int) -> bool:
        """Whether so much of the end is whole words, and enough of them to be no chance."""
        if overlap >= ASKED_CHARS_MIN:
            return True
        before = self._delivered[-overlap - 1 : -overlap]
        if before.isalnum() and held[0].isalnum():
            return False
        after = held[overlap : overlap + 1]
        is_word = not (after.isalnum() and held[overlap - 1].isalnum())
        # One digit may be the next of a number.
        return overlap >= WORDS_CHARS_MIN or (is_word and (held[0].isalpha() or (held[0].isalnum() and held[1:overlap].isalnum())))

    def _within_a_sentence(self, held: str) -> bool:
        """Whether text that repeats nothing can be the middle of what was said: no answer begins with a blank or a comma."""
        first, last = held[0], self._delivered[-1:]
        if first.isspace() or first in ",.;:!?)]}’”'\"-–—…":
            return True
        ended = self._delivered.rstrip()[-1:] in ".!?:"
        return first.islower() and last.isspace() and not ended


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    longest = min(len(one), len(other))
    return next((at for at in range(longest) if one[at] != other[at]), longest)
