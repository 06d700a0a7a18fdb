"""National identity numbers that are digits alone, each by its published check."""

from calendar import monthrange
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from orchvynt.detectors.check_digits import luhn, mod_11_10, verhoeff, weighted
from orchvynt.detectors.effort import Effort
from orchvynt.detectors.numbers import Run


def _is_ssn(digits: str) -> bool:
    """No area 000, 666 or 9xx, no group 00, no serial 0000 (Social Security Administration, randomization of 2011), and none of those
    that became known from advertisements."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    if area in ("000", "666") or area[0] == "9" or group == "00" or serial == "0000":
        return False
    return digits not in ("078051120", "219099999") and not ("987654320" <= digits <= "987654329")


def _is_steuer_id(digits: str) -> bool:
    """ISO 7064 mod 11,10; of the first ten digits exactly one stands twice or three times, the others once or not at all (BZSt)."""
    if digits[0] == "0" or not mod_11_10(digits):
        return False
    counts = sorted((digits[:10].count(digit) for digit in set(digits[:10])), reverse=True)
    return counts[0] in (2, 3) and counts[1] == 1


def _is_nir(digits: str) -> bool:
    """13 digits and their complement to 97 (INSEE). A month over 12 stands for an unknown one."""
    month, department = int(digits[3:5]), digits[5:7]
    if digits[0] not in "123478" or not (1 <= month <= 12 or 20 <= month <= 42 or 50 <= month <= 99) or department == "00":
        return False
    return 97 - int(digits[:13]) % 97 == int(digits[13:])


def _is_bsn(digits: str) -> bool:
    """The 11-proof (Wet algemene bepalingen burgerservicenummer)."""
    total = weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2)) - int(digits[8])
    return digits[:2] != "00" and total % 11 == 0


_PESEL_CENTURIES: Final = (1900, 2000, 2100, 2200, 1800)


def _is_pesel(digits: str) -> bool:
    """Weights 1 3 7 9, and a date of birth whose month tells the century (ustawa o ewidencji ludności)."""
    month = int(digits[2:4])
    year = _PESEL_CENTURIES[month // 20] + int(digits[:2])
    if not _is_date(year, month % 20, int(digits[4:6])):
        return False
    return (weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) + int(digits[10])) % 10 == 0


def _is_date(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def _is_cpf(digits: str) -> bool:
    """Two check digits modulo 11 (Receita Federal); eleven times the same digit passes and is none."""
    if len(set(digits)) == 1:
        return False
    first = weighted(digits, (10, 9, 8, 7, 6, 5, 4, 3, 2)) * 10 % 11 % 10
    second = weighted(digits, (11, 10, 9, 8, 7, 6, 5, 4, 3, 2)) * 10 % 11 % 10
    return (first, second) == (int(digits[9]), int(digits[10]))


def _is_aadhaar(digits: str) -> bool:
    """Verhoeff's check; it begins with 2 to 9, and is no palindrome (UIDAI)."""
    return digits[0] in "23456789" and digits != digits[::-1] and verhoeff(digits)


def _is_sin(digits: str) -> bool:
    """Luhn's check; no number begins with 0 or 8 (Employment and Social Development Canada)."""
    return digits[0] not in "08" and luhn(digits)


def _is_ahv(digits: str) -> bool:
    """The check digit of EAN-13 behind Switzerland's 756 (Zentrale Ausgleichsstelle)."""
    return digits.startswith("756") and (weighted(digits, (1, 3) * 6) + int(digits[12])) % 10 == 0


Shapes = frozenset[tuple[int, ...]]


class Scheme(msgspec.Struct, frozen=True):
    """`length` in digits; `shapes` are the sizes of the groups in which people write it, `is_even` where the same stands between all."""

    kind: str
    length: int
    shapes: Shapes
    check: Callable[[str], bool]
    is_even: bool = False


_SCHEMES: Final = (
    Scheme("us_ssn", 9, frozenset({(3, 2, 4)}), _is_ssn, True),
    Scheme("de_tax_id", 11, frozenset({(11,), (2, 3, 3, 3), (2, 9), (3, 3, 5), (1, 10)}), _is_steuer_id),
    Scheme("fr_nir", 15, frozenset({(15,), (13, 2), (1, 2, 2, 2, 3, 3, 2), (1, 2, 2, 2, 3, 3, 1, 1), (1, 2, 2, 5, 3, 2)}), _is_nir),
    Scheme("nl_bsn", 9, frozenset({(9,), (3, 3, 3), (4, 2, 3)}), _is_bsn),
    Scheme("pl_pesel", 11, frozenset({(11,), (6, 5), (2, 2, 2, 5)}), _is_pesel),
    Scheme("br_cpf", 11, frozenset({(11,), (3, 3, 3, 2), (9, 2)}), _is_cpf),
    Scheme("in_aadhaar", 12, frozenset({(12,), (4, 4, 4)}), _is_aadhaar),
    Scheme("ca_sin", 9, frozenset({(3, 3, 3)}), _is_sin),
    Scheme("ch_ahv", 13, frozenset({(13,), (3, 4, 4, 2)}), _is_ahv),
)
_BY_LENGTH: Final[Mapping[int, tuple[Scheme, ...]]] = MappingProxyType(
    {length: tuple(one for one in _SCHEMES if one.length == length) for length in sorted({one.length for one in _SCHEMES})}
)
NUMBER_KINDS: Final = frozenset(scheme.kind for scheme in _SCHEMES)

SSN_WORDS: Final = ("ssn", "social security", "social-security", "soc sec", "ss#", "ssa")
"""Nine digits in a row are a social security number where one of these words comes before them: it has no check digit."""

_WORD_CHARS: Final = 48
_UNITS: Final = 3
_DIGITS_MIN: Final = min(_BY_LENGTH)


def identity_numbers(runs: list[Run], effort: Effort) -> Counter[str]:
    """How many numbers of each scheme the runs hold. One number may pass the checks of several."""
    found: Counter[str] = Counter()
    for run in runs:
        total = len(run.digits)
        if total < _DIGITS_MIN:
            continue
        starts, places = run.starts, run.places
        for group in range(len(run.at)):
            first = starts[group]
            if total - first < _DIGITS_MIN:
                break
            for length in _BY_LENGTH:
                after = places.get(first + length)
                if after is not None:
                    effort.spend(_UNITS)
                    _window(run, group, after, length, found)
    return found


def _window(run: Run, group: int, after: int, length: int, found: Counter[str]) -> None:
    sizes = run.sizes(group, after)
    # A line's end, or the end of a part of a message, may cut through a number.
    whole = (length,) if len(sizes) == 2 and "\n" in run.gaps[group] else sizes
    digits = run.digits[run.starts[group] : run.starts[group] + length]
    for scheme in _BY_LENGTH[length]:
        if scheme.is_even and len(set(run.gaps[group : after - 1])) > 1:
            continue
        if (sizes in scheme.shapes or whole in scheme.shapes) and scheme.check(digits) and run.stands_alone(group, after):
            found[scheme.kind] += 1
    if sizes == (9,) and _is_named(run, group) and _is_ssn(digits):
        found["us_ssn"] += 1


def _is_named(run: Run, group: int) -> bool:
    at = run.at[group]
    before = run.text[max(at - _WORD_CHARS, 0) : at].lower()
    return any(word in before for word in SSN_WORDS)
