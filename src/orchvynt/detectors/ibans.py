"""Bank accounts: the registry's length and structure of each country, and the check of ISO 13616."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from orchvynt.detectors.check_digits import mod_97
from orchvynt.detectors.effort import Effort

_REGISTRY: Final = """
AD 8n12c AE 19n AL 8n16c AT 16n AZ 4a20c BA 16n BE 12n BG 4a6n8c BH 4a14c BI 23n BR 23n1a1c BY 4c4n16c CH 5n12c CR 18n CY 8n16c CZ 20n
DE 18n DJ 23n DK 14n DO 4c20n EE 16n EG 25n ES 20n FI 14n FK 2a12n FO 14n FR 10n11c2n GB 4a14n GE 2a16n GI 4a15c GL 14n GR 7n16c
GT 4c20c HN 4a20n HR 17n HU 24n IE 4a14n IL 19n IQ 4a15n IS 22n IT 1a10n12c JO 4a4n18c KW 4a22c KZ 3n13c LB 4n20c LC 4a24c LI 5n12c
LT 16n LU 3n13c LV 4a13c LY 21n MC 10n11c2n MD 2c18c ME 18n MK 3n10c2n MN 16n MR 23n MT 4a5n18c MU 4a19n3a NI 4a20n NL 4a10n NO 11n
OM 3n16c PK 4a16c PL 24n PS 4a21c PT 21n QA 4a21c RO 4a16c RS 18n RU 14n15c SA 2n18c SC 4a20n3a SD 14n SE 20n SI 15n SK 20n SM 1a10n12c
SO 19n ST 21n SV 4a20n TL 19n TN 20n TR 6n16c UA 6n19c VA 18n VG 4a16n XK 16n YE 4a4n18c
"""
"""Country and what follows its check digits: n digits, a letters, c either. SWIFT's IBAN registry, release 99."""

_PART: Final = re.compile(r"([0-9]+)([nac])")


def _structures() -> Mapping[str, tuple[tuple[int, str], ...]]:
    words = _REGISTRY.split()
    return MappingProxyType(
        {
            country: tuple((int(count), kind) for count, kind in _PART.findall(structure))
            for country, structure in zip(words[::2], words[1::2], strict=True)
        }
    )


_STRUCTURES: Final = _structures()
_LENGTHS: Final = MappingProxyType({country: 4 + sum(count for count, _ in parts) for country, parts in _STRUCTURES.items()})
_SEPARATORS: Final = " -.\t\n\r/_"
_GAP_CHARS_MAX: Final = 2
_UNITS: Final = 8


def ibans(text: str, lettered: list[int], effort: Effort) -> int:
    """How many account numbers stand where two letters come before digits."""
    found, end = 0, 0
    for at in lettered:
        start = at - 2
        if start < end:
            continue
        length = _LENGTHS.get(text[start:at].upper())
        if length is None:
            continue
        effort.spend(_UNITS)
        stop = _account(text, start, length)
        if stop:
            found, end = found + 1, stop
    return found


def _account(text: str, start: int, length: int) -> int:
    """Where the account number ends that starts here; 0 where none does."""
    said, place = _compact(text, start, length)
    if len(said) < length or not (said == said.upper() or said == said.lower()):
        return 0
    said = said.upper()
    parts = _STRUCTURES[said[:2]]
    # Letters that touch digits are another word's: `IBANDE89…`. Where the account itself holds letters, nobody could tell.
    joins = len(parts) == 1 and parts[0][1] == "n"
    if _touches(text, start - 1, joins) or _touches(text, place, joins):
        return 0
    return place if said[2:4].isdigit() and _fits(said[4:], parts) and mod_97(said) else 0


def _compact(text: str, start: int, length: int) -> tuple[str, int]:
    """So many letters and digits from here on, without what people write between them, and where they end."""
    said: list[str] = []
    place, gap = start, 0
    while place < len(text) and len(said) < length:
        char = text[place]
        if char.isascii() and char.isalnum():
            said.append(char)
            gap = 0
        elif char in _SEPARATORS and gap < _GAP_CHARS_MAX:
            gap += 1
        else:
            break
        place += 1
    return "".join(said), place


def _touches(text: str, place: int, joins: bool) -> bool:
    if not 0 <= place < len(text):
        return False
    char = text[place]
    return char.isascii() and (char.isdigit() or (char.isalpha() and not joins))


def _fits(account: str, parts: tuple[tuple[int, str], ...]) -> bool:
    place = 0
    for count, kind in parts:
        part = account[place : place + count]
        if (kind == "n" and not part.isdigit()) or (kind == "a" and not part.isalpha()):
            return False
        place += count
    return True
