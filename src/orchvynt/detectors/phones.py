"""Telephone numbers: international ones by their calling code and length, national ones by the forms that are in use, others by a word."""

import re
from typing import Final

from orchvynt.detectors.calling_codes import CALLING_CODES
from orchvynt.detectors.effort import Effort
from orchvynt.detectors.numbers import Run

_GAP: Final = re.compile(r"[ \-./()]{1,4}")
_WORDS: Final = re.compile(
    r"\b(?:tele)?(?:phone|fon[eo]?|foon|fono|fax)|\btel\b|\bt[eé]l[eé]?(?:phone|fon|f)?|\b(?:mob|cell|call|dial|ring|handy|portable|whatsapp|"
    r"signal|sms|text|rufnummer|ruf|appel|m[oó]vil|celular|llam|komórk|mobil|ligue|chiam)|телефон|тел\b|电话|電話|手机|手機|携帯|전화|फ़?ोन|هاتف|جوال"
)
_WORD_CHARS: Final = 40
_UNITS: Final = 4
_DIGITS_MIN, _DIGITS_MAX = 7, 15
_DATE_GAPS: Final = ("-", ".", "/")
_DATE_SIZES: Final = frozenset({(4, 2, 2), (2, 2, 4), (1, 2, 4), (2, 1, 4), (1, 1, 4), (4, 1, 1), (4, 1, 2), (4, 2, 1)})
_TRUNK_DIGITS: Final = range(9, 12)


def phones(runs: list[Run], effort: Effort) -> int:
    """How many telephone numbers the runs hold."""
    found = 0
    for run in runs:
        group, count = 0, len(run.at)
        while group < count:
            after = group + 1
            while after < count and _GAP.fullmatch(run.gaps[after - 1]):
                after += 1
            effort.spend(_UNITS)
            found += _of_segment(run, group, after)
            group = after
    return found


def _of_segment(run: Run, group: int, after: int) -> bool:
    """Whether groups between which stands only what telephone numbers have between theirs are one."""
    total = run.starts[after] - run.starts[group]
    if total < _DIGITS_MIN:
        return False
    text, at = run.text, run.at[group]
    digits = run.digits[run.starts[group] : run.starts[group] + _DIGITS_MAX + 3]
    before = text[at - 1] if at else ""
    if before == "+" or digits.startswith("00"):
        return _is_international(run, group, after, digits if before == "+" else digits[2:], 0 if before == "+" else 2)
    sizes, gaps = run.sizes(group, after), run.gaps[group : after - 1]
    if total > _DIGITS_MAX or _is_date(sizes, gaps):
        return False
    return (
        _is_north_american(digits, sizes, gaps)
        or _has_trunk_prefix(digits, sizes)
        or (before == "(" and _has_area(sizes, gaps, digits))
        or _is_chinese(digits, sizes)
        or _WORDS.search(text[max(at - _WORD_CHARS, 0) : at].lower()) is not None
    ) and run.stands_alone(group, after)


def _is_international(run: Run, group: int, after: int, digits: str, skipped: int) -> bool:
    """ITU-T E.164, E.123: a calling code, then so many digits as its countries have; `(0)` between them is not dialled."""
    for size in (1, 2, 3):
        lengths = CALLING_CODES.get(digits[:size])
        if lengths is None:
            continue
        shortest, longest = lengths
        dialled = skipped + size
        ends = [run.starts[number] - run.starts[group] - dialled for number in range(group + 1, after + 1)]
        zero = digits[size : size + 1] == "0"
        return any(shortest <= end <= longest or (zero and shortest <= end - 1 <= longest) for end in ends)
    return False


def _is_north_american(digits: str, sizes: tuple[int, ...], gaps: list[str]) -> bool:
    """(NXX) NXX-XXXX, with or without the 1 in front."""
    if sizes == (1, 3, 3, 4) and digits[0] == "1":
        digits, sizes = digits[1:], sizes[1:]
    if sizes != (3, 3, 4) or len(gaps) < 2:
        return False
    return digits[0] in "23456789" and digits[3] in "23456789" and digits[1:3] != "11"


def _has_trunk_prefix(digits: str, sizes: tuple[int, ...]) -> bool:
    """Most of the world dials a 0 before the area: `030 1234567`, `01 23 45 67 89`, `02079460958`."""
    if digits[0] != "0" or digits[1] == "0" or len(digits) not in _TRUNK_DIGITS:
        return False
    return len(digits) >= 10 if len(sizes) == 1 else sizes[0] >= 2


def _has_area(sizes: tuple[int, ...], gaps: list[str], digits: str) -> bool:
    """An area in brackets, then the subscriber's number; a year in brackets is none."""
    if len(sizes) < 2 or ")" not in gaps[0] or not 2 <= sizes[0] <= 5:
        return False
    is_year = sizes[0] == 4 and digits[:2] in ("19", "20")
    return not is_year and 5 <= sum(sizes[1:]) <= 9


def _is_chinese(digits: str, sizes: tuple[int, ...]) -> bool:
    """Mobile numbers of China are written without anything before them."""
    return sizes in ((11,), (3, 4, 4)) and digits[0] == "1" and digits[1] in "3456789"


def _is_date(sizes: tuple[int, ...], gaps: list[str]) -> bool:
    """`2026-11-30`, `30.11.2026` and what follows them."""
    if len(sizes) < 3 or gaps[0] != gaps[1] or gaps[0] not in _DATE_GAPS:
        return False
    return sizes[:3] in _DATE_SIZES
