"""How many different subjects the callers of one key may name: budgets count by them, and each costs memory. Bounded, and no clock.

Only scopes and expressions (`by`) that a budget counts by are looked at. Beyond the limit a subject that is known goes on, and a new one
is refused: what nobody counts by cannot be used up, and inventing subjects does not make new budgets for ever.
"""

from collections.abc import Iterable
from typing import Final

from orchvynt.model.faults import Fault

SUBJECTS_MAX: Final = 100_000
WINDOW_NS: Final = 3_600_000_000_000
SECOND_NS: Final = 1_000_000_000


class Subjects:
    """What each key has named in the hour under way. Only hashes are kept, 64 bits each."""

    __slots__ = ("_most", "_seen", "_window")

    def __init__(self, most: int = SUBJECTS_MAX) -> None:
        self._most = most
        self._window = 0
        self._seen: dict[tuple[str, str], set[int]] = {}

    def beyond(self, key: str, named: Iterable[tuple[str, str]], now: int) -> str:
        """The scope of the first of the (scope, subject) pairs that is one too many for this key; empty if all may be. The scope of `by` is
        its text."""
        window = now // WINDOW_NS
        if window != self._window:
            self._window = window
            self._seen.clear()
        for scope, subject in named:
            if not subject:
                continue
            seen = self._seen.get((key, scope))
            if seen is None:
                seen = self._seen[key, scope] = set()
            mark = hash(subject)
            if mark in seen:
                continue
            if len(seen) >= self._most:
                return scope
            seen.add(mark)
        return ""

    def refusal(self, key: str, scope: str, now: int) -> Fault:
        """429 until the hour is over."""
        of = f"scope {scope}" if scope.isalpha() else f"`{scope}`"
        wait_s = -(-((now // WINDOW_NS + 1) * WINDOW_NS - now) // SECOND_NS)
        who = f"The key {key} has" if key else "The callers without a key have"
        return Fault(
            "rate_limited",
            f"{who} named {self._most:,} different subjects of {of} within this hour, and this would be one more.",
            f"Keep the same {scope} for as long as it lasts, instead of a new one for each call.",
            detail={"key": key, "scope": scope, "limit": self._most},
            retry_after_seconds=wait_s,
        )
