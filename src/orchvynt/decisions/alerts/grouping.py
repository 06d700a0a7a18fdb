"""When an alert is told: what begins together is told together, what goes on is told again, what is over is told once.

The model is Alertmanager's (https://prometheus.io/docs/alerting/latest/configuration/#route): `wait_ns` is its group_wait,
`interval_ns` its group_interval, `repeat_ns` its repeat_interval. Unlike there, a message names only those that it has news of.
Instants are monotonic nanoseconds, `since` is the instant in ns UTC.
"""

from typing import Literal

import msgspec

from orchvynt.decisions.alerts.sliding import Figures

Key = tuple[str, str]
"""Chain and provider."""
Status = Literal["firing", "resolved"]
Phase = Literal["pending", "firing", "resolving"]


class Pace(msgspec.Struct, frozen=True):
    """`wait_ns`: how long news wait for others of their kind. `interval_ns`: how long a condition must not hold to be over, and how far
    first messages of one group are apart at least. `repeat_ns`: after which what goes on is told again."""

    wait_ns: int
    interval_ns: int
    repeat_ns: int


class Member(msgspec.Struct):
    """One chain and provider for which the condition holds, or held. `told` and `false_since` are None before there is such an instant;
    `ended` is when it was found to be over. `last` is the last invocation that was counted."""

    key: Key
    since: int
    begun: int
    figures: Figures
    last: str
    told: int | None = None
    false_since: int | None = None
    ended: int | None = None

    @property
    def phase(self) -> Phase:
        if self.ended is not None:
            return "resolving"
        return "pending" if self.told is None else "firing"


class Notice(msgspec.Struct, frozen=True):
    """What is to be told now, of these. `repeated`: all of them were told before."""

    status: Status
    members: tuple[Member, ...]
    repeated: bool = False


class Group:
    """The members of one alert. One that was never told ends without a word."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.members: dict[Key, Member] = {}
        self._last_told: int | None = None

    def observe(self, key: Key, holds: bool, figures: Figures, last: str, at: int, mono: int) -> None:
        """What the condition gave for one of them now."""
        member = self.members.get(key)
        if holds:
            if member is None:
                self.members[key] = Member(key, at, mono, figures, last)
            else:
                member.false_since = member.ended = None
                member.figures, member.last = figures, last
        elif member is not None:
            member.figures = figures
            if member.false_since is None:
                member.false_since = mono
            if member.ended is None and mono - member.false_since >= self.pace.interval_ns:
                self._end(member, mono)

    def _end(self, member: Member, mono: int) -> None:
        if member.told is None:
            del self.members[member.key]
        else:
            member.ended = mono

    def take(self, mono: int) -> list[Notice]:
        """What is due. It counts as told. Nobody is told that something fires which does not hold at this look."""
        found = []
        first = self._first(mono)
        again = [one for one in self._holding() if one.told is not None and mono - one.told >= self.pace.repeat_ns]
        if first or again:
            found.append(_notice("firing", [*first, *again], not first))
            for member in (*first, *again):
                member.told = mono
        if first:
            self._last_told = mono
        over = [one for one in self.members.values() if one.ended is not None]
        if over and mono - min(one.ended or 0 for one in over) >= self.pace.wait_ns:
            found.append(_notice("resolved", over))
            for member in over:
                del self.members[member.key]
        return found

    def _holding(self) -> list[Member]:
        return [one for one in self.members.values() if one.false_since is None]

    def _first(self, mono: int) -> list[Member]:
        """Those that were never told, once the oldest of them has waited."""
        fresh = [one for one in self._holding() if one.told is None]
        if not fresh or mono - min(one.begun for one in fresh) < self.pace.wait_ns:
            return []
        if self._last_told is not None and mono - self._last_told < self.pace.interval_ns:
            return []
        return fresh

    def close(self) -> list[Notice]:
        """The alert itself is no more: what was told is over."""
        told = [one for one in self.members.values() if one.told is not None]
        self.members = {}
        return [_notice("resolved", told)] if told else []


def _notice(status: Status, members: list[Member], repeated: bool = False) -> Notice:
    """Later changes to the members do not change what is told."""
    return Notice(status, tuple(msgspec.structs.replace(one) for one in members), repeated)
