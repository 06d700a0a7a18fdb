"""The check digits that published schemes use. Each takes digits (or digits and letters) without separators."""

from typing import Final

_LUHN_DOUBLED: Final = bytes(
    (digit * 2 - 9 if digit > 4 else digit * 2) if 0 <= digit <= 9 else 0 for digit in (code - 48 for code in range(256))
)
_ZERO: Final = ord("0")


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    backwards = digits.encode()[::-1]
    odd = backwards[::2]
    return (sum(odd) - _ZERO * len(odd) + sum(backwards[1::2].translate(_LUHN_DOUBLED))) % 10 == 0


def mod_97(text: str) -> bool:
    """ISO 7064 mod 97-10, as ISO 13616 uses it: letters count from A = 10, and the first four characters are read last."""
    moved = text[4:] + text[:4]
    return int("".join(char if char.isdigit() else str(ord(char) - 55) for char in moved)) % 97 == 1


def mod_11_10(digits: str) -> bool:
    """ISO 7064 mod 11,10."""
    rest = 10
    for digit in digits[:-1]:
        rest = (rest + int(digit)) % 10 or 10
        rest = rest * 2 % 11
    return (11 - rest) % 10 == int(digits[-1])


def weighted(digits: str, weights: tuple[int, ...]) -> int:
    """The sum of digits times weights; digits beyond the weights do not count."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


_VERHOEFF_TIMES: Final = (
    *((0, 1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 3, 4, 0, 6, 7, 8, 9, 5), (2, 3, 4, 0, 1, 7, 8, 9, 5, 6), (3, 4, 0, 1, 2, 8, 9, 5, 6, 7)),
    *((4, 0, 1, 2, 3, 9, 5, 6, 7, 8), (5, 9, 8, 7, 6, 0, 4, 3, 2, 1), (6, 5, 9, 8, 7, 1, 0, 4, 3, 2), (7, 6, 5, 9, 8, 2, 1, 0, 4, 3)),
    *((8, 7, 6, 5, 9, 3, 2, 1, 0, 4), (9, 8, 7, 6, 5, 4, 3, 2, 1, 0)),
)
_VERHOEFF_MOVES: Final = (
    *((0, 1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 5, 7, 6, 2, 8, 3, 0, 9, 4), (5, 8, 0, 3, 7, 9, 6, 1, 4, 2), (8, 9, 1, 6, 0, 4, 3, 5, 2, 7)),
    *((9, 4, 5, 3, 1, 2, 6, 8, 7, 0), (4, 2, 8, 6, 5, 7, 3, 9, 0, 1), (2, 7, 9, 3, 8, 0, 6, 4, 1, 5), (7, 0, 4, 6, 9, 1, 3, 2, 5, 8)),
)


def verhoeff(digits: str) -> bool:
    """J. Verhoeff, Error Detecting Decimal Codes (1969): the dihedral group D5."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = _VERHOEFF_TIMES[check][_VERHOEFF_MOVES[place % 8][int(digit)]]
    return check == 0
