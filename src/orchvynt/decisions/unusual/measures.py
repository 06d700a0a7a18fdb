"""Measures one answer: how long it is, in which script or language, and how much of its end repeats itself. Microseconds, no world."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

_LETTERS_LOOKED_AT: Final = 32
_WORDS_CHARS: Final = 320
_TELLING_WORDS: Final = 4
_TAIL_CHARS: Final = 480
_TAIL_UNITS: Final = 64
_UNITS_LEAST: Final = 24

# The commonest words that the languages do not share (the tops of https://wortschatz.uni-leipzig.de's lists by frequency).
_TELLING: Final = (
    ("english", "the and is of to that for with are this you it as be not have from"),
    ("german", "der die das und ist nicht ein eine zu den mit von sich auf für dem werden"),
    ("french", "le la les des et est une du dans pour que qui pas sur au avec ce"),
    ("spanish", "el los las y es una del por que para con no su lo se como está"),
    ("italian", "il lo gli e è una della che per non con di sono del si nel"),
    ("portuguese", "o os as e é uma do da que para com não em no na por dos"),
    ("dutch", "de het een en is van dat niet op te zijn met voor aan er die"),
)
_LANGUAGES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {word: tuple(name for name, own in _TELLING if word in own.split()) for _, words in _TELLING for word in words.split()}
)
# Blocks of letters, by where they begin (https://www.unicode.org/Public/UCD/latest/ucd/Blocks.txt); between them nothing is told.
_BLOCKS: Final = (
    (0x0041, 0x024F, "latin"), (0x0370, 0x03FF, "greek"), (0x0400, 0x052F, "cyrillic"), (0x0590, 0x05FF, "hebrew"),
    (0x0600, 0x077F, "arabic"), (0x0900, 0x097F, "devanagari"), (0x0E00, 0x0E7F, "thai"), (0x3040, 0x30FF, "kana"),
    (0x3400, 0x9FFF, "han"), (0xAC00, 0xD7AF, "hangul"),
)  # fmt: skip


class Measures(msgspec.Struct, frozen=True, gc=False):
    """`length` is the natural logarithm of the characters; `language` a language of the Latin script or another script, empty where it
    cannot be told; `repetition` the share of the last word triples that came before among them, 0 to 1, None of a short answer."""

    chars: int
    length: float
    language: str
    repetition: float | None


def measure(text: str) -> Measures:
    return Measures(len(text), math.log(len(text) + 1), _language(text), _repetition(text))


def _language(text: str) -> str:
    script = "latin" if text.isascii() else _script(text)
    if script != "latin":
        return script
    counts: dict[str, int] = {}
    for word in {*text[:_WORDS_CHARS].lower().split()} & _LANGUAGES.keys():
        for name in _LANGUAGES[word]:
            counts[name] = counts.get(name, 0) + 1
    most = max(counts.values(), default=0)
    # Of a list, a table or a line of code no language is told.
    told = [name for name, count in counts.items() if count == most]
    return told[0] if most >= _TELLING_WORDS and len(told) == 1 else ""


def _script(text: str) -> str:
    """The script of most letters, of some that are spread over the text."""
    counts: dict[str, int] = {}
    for letter in text[:: max(1, len(text) // _LETTERS_LOOKED_AT)]:
        if letter.isalpha():
            point = ord(letter)
            name = next((name for low, high, name in _BLOCKS if low <= point <= high), "other")
            # Japanese is both.
            name = "han" if name == "kana" else name
            counts[name] = counts.get(name, 0) + 1
    return max(counts, key=lambda name: counts[name]) if counts else ""


def _repetition(text: str) -> float | None:
    """As `seq-rep-n` of Welleck et al. 2020 (https://arxiv.org/abs/1908.04319): one less the share of distinct n-grams, here of three words
    (or characters, where there are no spaces) at the end, where a model that fell into a loop is."""
    tail = text[-_TAIL_CHARS:]
    units: list[str] | str = tail.split()[-_TAIL_UNITS:]
    if len(units) < _UNITS_LEAST:
        units = tail[-_TAIL_UNITS:]
        if len(tail) < _TAIL_UNITS:
            return None
    triples = list(zip(units, units[1:], units[2:], strict=False))
    return 1 - len(set(triples)) / len(triples)
