"""Payment cards: Luhn's check, the issuers' ranges and lengths, and the shapes in which people write card numbers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from orchvynt.detectors.check_digits import luhn
from orchvynt.detectors.effort import Effort
from orchvynt.detectors.numbers import Run

_LONG: Final = (16, 17, 18, 19)
_ISSUERS: Final[tuple[tuple[int, int, tuple[int, ...]], ...]] = (
    (1000, 1999, (15,)),  # UATP
    (2200, 2204, _LONG),  # Mir
    (2221, 2720, (16,)),  # Mastercard
    (3000, 3059, (14, 16, 19)),  # Diners Club
    (3095, 3095, (14, 16, 19)),
    (3400, 3499, (15,)),  # American Express
    (3528, 3589, _LONG),  # JCB
    (3600, 3699, (14, 16, 19)),  # Diners Club
    (3700, 3799, (15,)),  # American Express
    (3800, 3999, (14, 16, 19)),  # Diners Club
    (4000, 4999, (13, 16, 19)),  # Visa
    (5000, 5099, _LONG),  # Maestro, Verve, RuPay, Elo
    (5018, 5018, tuple(range(12, 20))),  # Maestro's ranges of short numbers
    (5020, 5020, tuple(range(12, 20))),
    (5038, 5038, tuple(range(12, 20))),
    (5100, 5599, (16,)),  # Mastercard
    (5600, 5899, _LONG),  # Maestro
    (5893, 5893, tuple(range(12, 20))),
    (6000, 6099, _LONG),  # Discover, RuPay, Hipercard
    (6200, 6299, _LONG),  # UnionPay
    (6304, 6304, tuple(range(12, 20))),  # Maestro
    (6331, 6399, _LONG),  # Maestro, InterPayment, InstaPayment, Elo
    (6400, 6599, _LONG),  # Discover, RuPay, Troy, Elo
    (6700, 6799, _LONG),  # Maestro
    (6759, 6763, tuple(range(12, 20))),
    (8100, 8299, _LONG),  # UnionPay, RuPay
    (9792, 9792, (16,)),  # Troy
)
"""First four digits from, to, and lengths, of ISO/IEC 7812 as the issuers publish them. A later line replaces what it covers."""

_LENGTHS: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {str(prefix): lengths for first, last, lengths in _ISSUERS for prefix in range(first, last + 1)}
)
_SHAPES: Final = frozenset({(4, 6, 5), (4, 6, 4), (4, 5, 6), (6, 13), (6, 10)})
_DIGITS_MIN: Final = 12


def cards(runs: list[Run], effort: Effort) -> int:
    """How many card numbers the runs hold."""
    found = 0
    for run in runs:
        group, count = 0, len(run.at)
        total = len(run.digits)
        while group < count and total - run.starts[group] >= _DIGITS_MIN:
            after = _card(run, group, effort)
            found += after is not None
            group = after or group + 1
    return found


def _card(run: Run, group: int, effort: Effort) -> int | None:
    first = run.starts[group]
    lengths = _LENGTHS.get(run.digits[first : first + 4])
    if lengths is None:
        return None
    for length in reversed(lengths):
        after = run.window(group, length)
        if after is None:
            continue
        effort.spend(2)
        if _is_shaped(run, group, after) and luhn(run.digits[first : first + length]) and run.stands_alone(group, after):
            return after
    return None


def _is_shaped(run: Run, group: int, after: int) -> bool:
    """Whether people group a card like this: at once, in equal groups, in fours and what is left, or as American Express does. What a
    line's end cut through counts as one group again."""
    if after - group == 1:
        return True
    sizes = run.sizes(group, after)
    if _is_usual(sizes):
        return True
    cut = [number for number in range(group, after - 1) if "\n" in run.gaps[number]]
    if len(cut) != 1:
        return False
    place = cut[0] - group
    return _is_usual((*sizes[:place], sizes[place] + sizes[place + 1], *sizes[place + 2 :]))


def _is_usual(sizes: tuple[int, ...]) -> bool:
    first, last, inner = sizes[0], sizes[-1], sizes[:-1]
    if sizes in _SHAPES or len(sizes) == 1:
        return True
    if all(size == first for size in inner) and last <= first:
        return True
    return all(size % 4 == 0 for size in inner)
