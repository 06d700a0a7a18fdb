"""Counts what one text holds, kind by kind, when it is asked. What kinds share is made once: the folded text and its numbers."""

from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from orchvynt.detectors.addresses import emails, ip_addresses
from orchvynt.detectors.cards import cards
from orchvynt.detectors.effort import Effort
from orchvynt.detectors.folding import folded
from orchvynt.detectors.ibans import ibans
from orchvynt.detectors.identity_codes import CODES
from orchvynt.detectors.identity_numbers import NUMBER_KINDS, identity_numbers
from orchvynt.detectors.kinds import NATIONAL
from orchvynt.detectors.numbers import Numbers
from orchvynt.detectors.phones import phones
from orchvynt.detectors.secrets import secrets

_CHARS_PER_UNIT: Final = 128
_FOLDED_CHARS_PER_UNIT: Final = 16


class Scan:
    """One text. It keeps no match: only how many there are of each kind that was asked for."""

    __slots__ = ("_counts", "_folded", "_identities", "_numbers", "_text", "effort")

    def __init__(self, text: str, effort: Effort | None = None) -> None:
        self._text = text
        self._folded: str | None = None
        self._numbers: Numbers | None = None
        self._identities: Counter[str] | None = None
        self._counts: dict[str, int] = {}
        self.effort = effort if effort is not None else Effort()

    def count(self, kind: str) -> int:
        """How many of the kind the text holds; of `national_id`, of all of its kinds. Raises TooMuchError, then and ever after."""
        found = self._counts.get(kind)
        if found is None:
            found = sum(map(self.count, NATIONAL)) if kind == "national_id" else _COUNTS[kind](self)
            self._counts[kind] = found
        return found

    @property
    def text(self) -> str:
        """The folded text."""
        if self._folded is None:
            self.effort.spend(len(self._text) // (_CHARS_PER_UNIT if self._text.isascii() else _FOLDED_CHARS_PER_UNIT))
            self.effort.spend(self._text.count("\\") // 2)
            self._folded = folded(self._text)
        return self._folded

    @property
    def numbers(self) -> Numbers:
        if self._numbers is None:
            text = self.text
            self.effort.spend(len(text) // _CHARS_PER_UNIT)
            self._numbers = Numbers(text, self.effort)
        return self._numbers

    @property
    def identities(self) -> Counter[str]:
        """How many numbers of each national scheme that is digits alone."""
        if self._identities is None:
            self._identities = identity_numbers(self.numbers.runs, self.effort)
        return self._identities


def _of_scheme(scheme: str) -> Callable[[Scan], int]:
    digits, code = scheme in NUMBER_KINDS, CODES.get(scheme)

    def count(scan: Scan) -> int:
        found = scan.identities[scheme] if digits else 0
        return found + (code(scan.numbers, scan.text, scan.effort) if code is not None else 0)

    return count


_COUNTS: Final[Mapping[str, Callable[[Scan], int]]] = MappingProxyType(
    {
        "credit_card": lambda scan: cards(scan.numbers.runs, scan.effort),
        "iban": lambda scan: ibans(scan.text, scan.numbers.lettered, scan.effort),
        "email": lambda scan: emails(scan.text, scan.effort),
        "phone": lambda scan: phones(scan.numbers.runs, scan.effort),
        "ip_address": lambda scan: ip_addresses(scan.text, scan.numbers.runs, scan.effort),
        "secret": lambda scan: secrets(scan.text, scan.effort),
        **{scheme: _of_scheme(scheme) for scheme in NATIONAL},
    }
)
