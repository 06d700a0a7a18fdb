"""The numbers of a text: runs of digits with what people write between them, found in one pass for all detectors.

A run is cut into groups at its separators. Detectors ask for windows of whole groups: `4111 1111 1111 1111 12/27` has the card in its
first four. Python's `re` is linear here: its loops are possessive, and each character is looked at a bounded number of times.
"""

import re
from itertools import accumulate
from typing import Final

from orchvynt.detectors.effort import Effort

_RUN: Final = re.compile(r"[0-9]++(?:[ \t\r\n\-./_()]{1,4}+[0-9]++)*+")
_GROUP: Final = re.compile(r"[0-9]++")
RUN_CHARS_MIN: Final = 7
"""Shorter runs are years, prices, hours: no number of any scheme is that short."""

_DIGITS_MIN: Final = 4
"""1.1.1.1 is an address."""

_LETTERED_UNITS: Final = 2
_RUN_UNITS: Final = 4
_CHARS_PER_UNIT: Final = 2
_SPENT_AT_ONCE: Final = 1000
TOKEN_CHARS_MAX: Final = 24


class Run:
    """`digits` are all of them together; `starts` are the groups' places in `digits`, with one more at the end; `gaps` what stands
    before each group but the first. `at` is where each group begins in the text, `end` where the last one ends."""

    __slots__ = ("at", "digits", "end", "gaps", "places", "starts", "text")

    def __init__(self, text: str, start: int, end: int) -> None:
        groups = [match.span() for match in _GROUP.finditer(text, start, end)]
        self.text = text
        self.at = [first for first, _ in groups]
        self.end = end
        self.digits = "".join([text[first:last] for first, last in groups])
        self.starts = [0, *accumulate(last - first for first, last in groups)]
        self.places = {place: number for number, place in enumerate(self.starts)}
        self.gaps = [text[groups[number][1] : groups[number + 1][0]] for number in range(len(groups) - 1)]

    def window(self, group: int, length: int) -> int | None:
        """The number of the group after the window of so many digits; None where no group ends there."""
        after = self.places.get(self.starts[group] + length)
        return after if after is not None and after > group else None

    def size(self, group: int) -> int:
        return self.starts[group + 1] - self.starts[group]

    def sizes(self, group: int, after: int) -> tuple[int, ...]:
        starts = self.starts
        return tuple([starts[number + 1] - starts[number] for number in range(group, after)])

    def ends_at(self, after: int) -> int:
        """Where the group before `after` ends in the text."""
        return self.at[after - 1] + self.size(after - 1)

    def stands_alone(self, group: int, after: int) -> bool:
        """Whether the window is no part of something longer: a hash, an identifier, the decimals of a number."""
        if after - group == 1 and group > 0 and self.gaps[group - 1] == ".":
            return False
        first, last = self.at[group], self.ends_at(after)
        return not (
            _is_mixed(self.text[max(first - TOKEN_CHARS_MAX, 0) : first][::-1]) or _is_mixed(self.text[last : last + TOKEN_CHARS_MAX])
        )


def _is_mixed(beside: str) -> bool:
    """Whether letters that touch a number lead to further digits, as in a hash: `a1b2…`; a word that touches it does not."""
    for char in beside:
        if char.isdigit():
            return True
        if not (char.isascii() and char.isalpha()) and char != "_":
            return False
    return False


class Numbers:
    """`runs` are those long enough to be something. `lettered` are places of digits right behind a letter, as in `DE89…`, and `spaced`
    those of two digits behind a letter and a gap, as in `AB 12 34 56 C`."""

    __slots__ = ("lettered", "runs", "spaced")

    def __init__(self, text: str, effort: Effort) -> None:
        self.runs: list[Run] = []
        self.lettered: list[int] = []
        self.spaced: list[int] = []
        spent = 0
        for match in _RUN.finditer(text):
            start, end = match.span()
            before = text[start - 1 : start]
            if before.isalpha():
                self.lettered.append(start)
                spent += _LETTERED_UNITS
            elif before in (" ", "-") and start > 1 and not text[start + 2 : start + 3].isdigit() and text[start - 2 : start - 1].isalpha():
                self.spaced.append(start)
                spent += _LETTERED_UNITS
            if end - start >= RUN_CHARS_MIN:
                # Before the run is cut into groups: one run may be the whole text.
                spent += _RUN_UNITS + (end - start) // _CHARS_PER_UNIT
                if spent > _SPENT_AT_ONCE:
                    effort.spend(spent)
                    spent = 0
                run = Run(text, start, end)
                if len(run.digits) >= _DIGITS_MIN:
                    self.runs.append(run)
        effort.spend(spent)
