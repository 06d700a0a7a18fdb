"""How often somebody may try to log in: per address, per account from one address, and per account from all addresses that it has not
been logged in from. Each is a burst and then one try each so often (GCRA).

An account alone must not be counted: whoever knows an address could keep its person out.

Memory is bounded: who is at the full burst is forgotten, and beyond that those who are not known yet share one place.
"""

from typing import Final

import msgspec

SECOND: Final = 1_000_000_000
KEYS_MAX: Final = 10_000
_EVERYBODY_ELSE: Final = ""


class Pace(msgspec.Struct, frozen=True):
    """`burst` tries at once, then one each `each_ns`."""

    burst: int
    each_ns: int


PER_ACCOUNT_HERE: Final = Pace(10, 20 * SECOND)
PER_ACCOUNT: Final = Pace(50, 5 * SECOND)
"""One address comes nowhere near it, so it is met only by tries from several at once."""
PER_ADDRESS: Final = Pace(60, 2 * SECOND)


class Throttle:
    """Of one pace. `now` is monotonic, in ns."""

    def __init__(self, pace: Pace, keys_max: int = KEYS_MAX) -> None:
        self._pace = pace
        self._keys_max = keys_max
        # The instant from which on the full burst is there again (GCRA's theoretical arrival time).
        self._full_at: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: str, now: int) -> int:
        """Takes one try. Gives 0, or in how many ns there is one."""
        key = self._place(key, now)
        full_at = max(self._full_at.get(key, now), now)
        wait = full_at + self._pace.each_ns - now - self._pace.burst * self._pace.each_ns
        if wait > 0:
            return wait
        self._full_at[key] = full_at + self._pace.each_ns
        return 0

    def give_back(self, key: str) -> None:
        """The try was none that is to be counted: a right password."""
        if key in self._full_at:
            self._full_at[key] -= self._pace.each_ns

    def _place(self, key: str, now: int) -> str:
        if key in self._full_at or len(self._full_at) < self._keys_max:
            return key
        self._full_at = {name: full_at for name, full_at in self._full_at.items() if full_at > now}
        return key if len(self._full_at) < self._keys_max else _EVERYBODY_ELSE


class Tries:
    """All three paces together. `place` is where a try comes from; an empty `account` counts the place alone."""

    def __init__(self, known_max: int = KEYS_MAX) -> None:
        self._places = Throttle(PER_ADDRESS)
        self._here = Throttle(PER_ACCOUNT_HERE)
        self._accounts = Throttle(PER_ACCOUNT)
        self._known_max = known_max
        # Accounts with places that they were logged in from lately, the latest last.
        self._known: dict[tuple[str, str], None] = {}

    def take(self, account: str, place: str, now: int) -> int:
        """Takes one try. Gives 0, or in how many ns there is one. What is refused here takes nothing from what others share."""
        wait = self._places.take(place, now)
        if account and not wait:
            wait = self._here.take(_here(account, place), now)
        if account and not wait and (account, place) not in self._known:
            wait = self._accounts.take(account, now)
        return wait

    def right(self, account: str, place: str) -> None:
        """The last try of this account from there was a right one, and is not counted."""
        self._places.give_back(place)
        if not account:
            return
        self._here.give_back(_here(account, place))
        if (account, place) not in self._known:
            self._accounts.give_back(account)
        self._known.pop((account, place), None)
        self._known[account, place] = None
        if len(self._known) > self._known_max:
            del self._known[next(iter(self._known))]


def _here(account: str, place: str) -> str:
    return f"{account} {place}"
