"""One spelling of what is spelt in many ways: digits of all scripts, odd spaces and dashes, characters of no width, escapes of JSON.

Only what detectors look into is folded. A text without such characters is given back as it is. The tables are Unicode 14's, written out:
to ask a million code points for their category at start costs more than all the rest of the start.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

_ZEROS: Final = """
660 6f0 7c0 966 9e6 a66 ae6 b66 be6 c66 ce6 d66 de6 e50 ed0 f20 1040 1090 17e0 1810 1946 19d0 1a80 1a90 1b50 1bb0 1c40 1c50 a620 a8d0
a900 a9d0 a9f0 aa50 abf0 ff10 104a0 10d30 11066 110f0 11136 111d0 112f0 11450 114d0 11650 116c0 11730 118e0 11950 11c50 11d50 11da0
16a60 16ac0 16b50 1d7ce 1d7d8 1d7e2 1d7ec 1d7f6 1e140 1e2f0 1e950 1fbf0
"""
"""Category Nd: the code points of the zeros, nine digits behind each."""

_SPACES: Final = "a0 1680 2000-200a 202f 205f 3000"
_DASHES: Final = "58a 5be 1400 1806 2010-2015 2043 2212 2e17 2e1a 2e3a-2e3b 2e40 2e5d 301c 3030 30a0 fe31-fe32 fe58 fe63 ff0d 2d7 10ead"
_UNSEEN: Final = """
ad 34f 600-605 61c 6dd 70f 890-891 8e2 180e 200b-200f 202a-202e 2060-2064 2066-206f fe00-fe0f feff fff9-fffb 110bd 110cd 13430-13438
1bca0-1bca3 1d173-1d17a e0001 e0020-e007f
"""
"""Category Cf (soft hyphen, zero width, direction), and what only changes how the character before it looks."""

_FULL_WIDTH: Final = range(0xFF01, 0xFF5F)
_FULL_WIDTH_OFFSET: Final = 0xFEE0
_ALIKE: Final = MappingProxyType({".": "·․‧∙⋅・･。｡", "'": "’‘ʼ´", "\n": "\u2028\u2029\x85"})


def _codes(spans: str) -> Iterator[int]:
    for span in spans.split():
        first, _, last = span.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


def _folds() -> Mapping[int, str]:
    """Code point → what it is read as; an empty text for what is not seen at all."""
    found = {code: chr(code - _FULL_WIDTH_OFFSET) for code in _FULL_WIDTH}
    found |= {zero + digit: str(digit) for zero in _codes(_ZEROS) for digit in range(10)}
    found |= dict.fromkeys(_codes(_SPACES), " ") | dict.fromkeys(_codes(_DASHES), "-") | dict.fromkeys(_codes(_UNSEEN), "")
    found |= {ord(char): plain for plain, chars in _ALIKE.items() for char in chars}
    return MappingProxyType(found)


FOLDS: Final = _folds()
"""Code point → what it is read as."""


_FOREIGN: Final = re.compile(r"[^\x00-\x7f]+")
_REPLACED_MAX: Final = 12
"""With more different characters to fold, one pass that looks at each is cheaper than one for each of them."""

_ESCAPE: Final = re.compile(r'\\(?:u[0-9a-fA-F]{4}|[nrtbf"/\\])')
_ESCAPED: Final = MappingProxyType({"n": "\n", "r": "\n", "t": "\t", "b": " ", "f": " "})


def folded(text: str) -> str:
    """The text as detectors read it. Not longer than the text, and made in time linear in it."""
    if "\\" in text:
        # A text may itself be JSON, or hold some: the arguments of a tool call, an answer that fits a schema.
        text = _ESCAPE.sub(_unescaped, text)
    if text.isascii():
        return text
    odd = [char for char in set("".join(_FOREIGN.findall(text))) if ord(char) in FOLDS]
    if len(odd) > _REPLACED_MAX:
        return text.translate(FOLDS)
    for char in odd:
        text = text.replace(char, FOLDS[ord(char)])
    return text


def _unescaped(match: "re.Match[str]") -> str:
    said = match[0][1:]
    return chr(int(said[1:], 16)) if len(said) == 5 else _ESCAPED.get(said, said)
