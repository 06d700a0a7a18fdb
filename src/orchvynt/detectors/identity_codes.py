"""National identity numbers that hold letters, each by its published check."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from orchvynt.detectors.effort import Effort
from orchvynt.detectors.numbers import Numbers, Run

_UNITS: Final = 4
_NINO: Final = re.compile(r"([A-Za-z]{2})[ .-]?([0-9]{2})[ .-]?([0-9]{2})[ .-]?([0-9]{2})[ .-]?[A-Da-d](?![A-Za-z0-9_])")
_NINO_NEVER: Final = frozenset({"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"})
_DNI_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_NIE: Final = re.compile(r"([XYZxyz])[ .-]?([0-9](?:[0-9]{6}|[.]?[0-9]{3}[.]?[0-9]{3}))[ .-]?([A-Za-z])(?![A-Za-z0-9_])")
_NIE_DIGITS: Final = MappingProxyType({"X": "0", "Y": "1", "Z": "2"})
_CODICE: Final = re.compile(
    r"[A-Za-z]{3}[ -]?[A-Za-z]{3}[ -]?[0-9L-Vl-v]{2}[ -]?[A-Za-z][0-9L-Vl-v]{2}[ -]?[A-Za-z][0-9L-Vl-v]{3}[ -]?[A-Za-z](?![A-Za-z0-9_])"
)
_CORSICAN: Final = re.compile(r"[1-478][ .-]?[0-9]{2}[ .-]?[0-9]{2}[ .-]?2[ABab][ .-]?[0-9]{3}[ .-]?[0-9]{3}[ .-]?[0-9]{2}(?![A-Za-z0-9_])")
_SEPARATORS: Final = " .-"
_CORSICA: Final = frozenset("ABab")
_PLAIN: Final = str.maketrans("", "", _SEPARATORS)


def _is_code_char(text: str, place: int) -> bool:
    return 0 <= place < len(text) and text[place].isascii() and (text[place].isalnum() or text[place] == "_")


def _ninos(numbers: Numbers, text: str, effort: Effort) -> int:
    """HM Revenue & Customs, NIM39110: two letters of those in use, six digits, and A to D."""
    found = 0
    for gap, places in ((0, numbers.lettered), (1, numbers.spaced)):
        effort.spend(len(places))
        for at in places:
            start = at - 2 - gap
            match = _NINO.match(text, start) if start >= 0 and text[start].isalpha() and not _is_code_char(text, start - 1) else None
            if match is not None:
                effort.spend(_UNITS)
                first = match[1].upper()
                found += not set(first) & set("DFIQUV") and first[1] != "O" and first not in _NINO_NEVER
    return found


def _dnis(numbers: Numbers, text: str, effort: Effort) -> int:
    """DNI and NIE: the letter is that of the number modulo 23 (Ministerio del Interior); X, Y, Z stand for 0, 1, 2 in front."""
    found = 0
    for run in numbers.runs:
        if len(run.digits) < 8:
            continue
        for group in range(len(run.at)):
            after = run.places.get(run.starts[group] + 8)
            if after is not None:
                effort.spend(_UNITS)
                found += _is_dni(run, group, after)
    places = [at - 1 for at in numbers.lettered]
    places += [run.at[0] - 2 for run in numbers.runs if run.at[0] > 1 and text[run.at[0] - 1] in _SEPARATORS]
    effort.spend(len(places))
    for place in places:
        match = _NIE.match(text, place) if text[place] in "XYZxyz" and not _is_code_char(text, place - 1) else None
        if match is not None:
            effort.spend(_UNITS)
            found += _letter_of(_NIE_DIGITS[match[1].upper()] + match[2].replace(".", "")) == match[3].upper()
    return found


def _is_dni(run: Run, group: int, after: int) -> bool:
    if run.sizes(group, after) not in ((8,), (2, 3, 3)):
        return False
    text, place = run.text, run.ends_at(after)
    if text[place : place + 1] in ("-", " ", "."):
        place += 1
    letter = text[place : place + 1].upper()
    if not letter or letter not in _DNI_LETTERS or _is_code_char(text, place + 1) or _is_code_char(text, run.at[group] - 1):
        return False
    first = run.starts[group]
    return _letter_of(run.digits[first : first + 8]) == letter


def _letter_of(digits: str) -> str:
    return _DNI_LETTERS[int(digits) % 23]


_ODD_VALUES: Final[Mapping[str, int]] = MappingProxyType(
    {
        char: value
        for chars, values in (
            ("0123456789", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)),
            ("ABCDEFGHIJ", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)),
            ("KLMNOPQRSTUVWXYZ", (2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)),
        )
        for char, value in zip(chars, values, strict=True)
    }
)
_SAME_AS_DIGITS: Final = str.maketrans("LMNPQRSTUV", "0123456789")
_CF_DIGIT_PLACES: Final = (6, 7, 9, 10, 12, 13, 14)
_CF_MONTHS: Final = "ABCDEHLMPRST"


def _codici_fiscali(numbers: Numbers, text: str, effort: Effort) -> int:
    """Decreto ministeriale 23 dicembre 1976: 15 characters and the check letter; letters may stand for digits where two would be the
    same (omocodia)."""
    found, end = 0, 0
    for places in (numbers.lettered, numbers.spaced):
        effort.spend(len(places))
        for at in places:
            # The year of birth comes behind six letters, with or without what people write between.
            match = next((one for one in (_CODICE.match(text, at - back) for back in (6, 7, 8)) if one), None) if at > 5 else None
            if match is None or match.start() < end or _is_code_char(text, match.start() - 1):
                continue
            effort.spend(_UNITS)
            if _is_codice_fiscale(match[0].translate(_PLAIN).upper()):
                found, end = found + 1, match.end()
    return found


def _is_codice_fiscale(said: str) -> bool:
    if said[8] not in _CF_MONTHS:
        return False
    digits = "".join(said[place] for place in _CF_DIGIT_PLACES).translate(_SAME_AS_DIGITS)
    if not (1 <= int(digits[2:4]) <= 31 or 41 <= int(digits[2:4]) <= 71):
        return False
    odd = sum(_ODD_VALUES[char] for char in said[:15:2])
    even = sum(int(char) if char.isdigit() else ord(char) - 65 for char in said[1:15:2])
    return chr(65 + (odd + even) % 26) == said[15]


def _corsican_nirs(numbers: Numbers, text: str, effort: Effort) -> int:
    """The French numbers of people born in Corsica: 2A counts as 19 and 2B as 18 where the key is calculated (INSEE)."""
    ends = {run.end for run in numbers.runs if text[run.end : run.end + 1] in _CORSICA} | {at - 1 for at in numbers.lettered}
    found = 0
    for end in ends:
        if text[end : end + 1] not in _CORSICA or text[end - 1 : end] != "2":
            continue
        effort.spend(_UNITS)
        match = next((one for back in range(6, 11) if end >= back and (one := _CORSICAN.match(text, end - back))), None)
        if match is not None and not _is_code_char(text, match.start() - 1):
            digits = match[0].translate(_PLAIN).upper().replace("2A", "19", 1).replace("2B", "18", 1)
            found += 97 - int(digits[:13]) % 97 == int(digits[13:])
    return found


CODES: Final[Mapping[str, Callable[[Numbers, str, Effort], int]]] = MappingProxyType(
    {"uk_nino": _ninos, "es_dni": _dnis, "it_codice_fiscale": _codici_fiscali, "fr_nir": _corsican_nirs}
)
"""Kind → how many of it a text holds."""
