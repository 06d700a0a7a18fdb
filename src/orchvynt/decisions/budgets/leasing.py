"""Who is leased how much of a budget, decided over what the store knows of one account. Pure: the store runs it within one transaction.

A lease is a portion that the store has committed to one process. For each account and unit:
INVARIANT: settled in the store + what is left of all leases ≤ limit, whenever something is granted. Filing a receipt takes from the lease
what it adds to the settled, so what a process has settled and not filed yet is covered by its lease as well.

`granted` and `used` count from the beginning of a lease and never say what changed: a question or an answer that is lost, or comes twice,
leaves at most a larger lease in the store than its process knows of.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from orchvynt.decisions.budgets.accounts import AccountKey
from orchvynt.decisions.budgets.portions import NOTHING, Portion, at_least, at_most, bounds, left_of, plus
from orchvynt.decisions.budgets.windows import MINUTE_NS, SECOND_NS
from orchvynt.language.compiled_budgets import Limits
from orchvynt.model.facts import BudgetGranted

WANTED_NS: Final = 3 * SECOND_NS
"""Who waits for a portion asks again within a second; who did not for so long waits no more, or is gone. Until then it keeps others out."""
AHEAD_NS: Final = 50_000_000
"""So long before its first instant a window may be asked for: less than a turn to the store takes when it is busy."""

Refused = Literal["", "short", "not_now", "renamed", "anew"]


class Asked(msgspec.Struct, frozen=True):
    """What a process asks of one account. `limits` bound the account, with what was granted on top, as the process knows them.

    `used` is what it holds and has settled there since its lease began; `need` what the first that waits needs beyond that. It keeps
    `keep` beyond `used` at the most, None: all that it has. `waits` says that somebody waits for the need. `idle_ns` is when a lifetime is
    over, 0 for other windows. `lowers`: the limits are lower than those that the lease was granted under, which is cut to what they
    leave. `closes` ends the lease, if all that was used is settled in the store. `share` is the highest
    threshold (in parts of 10,000) that the process has to tell, 0 for none."""

    key: AccountKey
    limits: Limits
    used: Portion
    need: Portion = NOTHING
    keep: Portion | None = None
    waits: bool = False
    peers: int = 1
    idle_ns: int = 0
    closes: bool = False
    share: int = 0
    lowers: bool = False


class Lease(msgspec.Struct, frozen=True):
    """One process's lease of one account, as the store keeps it. `settled` is what was filed of it. `wanted` is what the process waits for
    since `wanted_since`; it said so at `wanted_at` (0: never)."""

    process: str
    granted: Portion
    used: Portion
    settled: Portion = NOTHING
    wanted: Portion = NOTHING
    wanted_since: int = 0
    wanted_at: int = 0
    asked_at: int = 0

    @property
    def left(self) -> Portion:
        return left_of(self.granted, self.settled)


class Slice(msgspec.Struct, frozen=True):
    """What is settled in one slice of a window that rolls, or in all of another window. It counts until `ends_at`, 0: for good."""

    ends_at: int
    settled: Portion
    touched_at: int = 0


class Standing(msgspec.Struct, frozen=True):
    """What the store knows of an account at `now`: what is settled, and all leases. `renamed` is set where the budget has another name
    by now. `told` is the highest threshold that somebody has told."""

    now: int
    slices: Sequence[Slice]
    leases: Sequence[Lease]
    renamed: bool = False
    told: int = 0

    @property
    def settled(self) -> Portion:
        total = NOTHING
        for one in self.slices:
            total = plus(total, one.settled)
        return total


class Given(msgspec.Struct, frozen=True):
    """The answer for one account. `granted` is the whole lease, `filed` what of it is settled in the store; `slices` is all that is
    settled there, by whomever, and `elsewhere` what is left of the leases of others.

    `refused` says why the need was not granted, empty if it was: too little is free (`short`), the window is over or has not begun by the
    store's clock, the budget has another name, the lifetime began anew. `grants` are those that are in force, where it is `short`.
    `told` is the highest threshold that was told before."""

    key: AccountKey
    granted: Portion
    filed: Portion
    slices: tuple[Slice, ...]
    elsewhere: Portion
    refused: Refused = ""
    grants: tuple[BudgetGranted, ...] = ()
    told: int = 0
    closed: bool = False


class Leased(msgspec.Struct, frozen=True):
    """What a question changes: the lease to keep (None: it is closed), the answer, and whether all that is settled there is forgotten."""

    lease: Lease | None
    given: Given
    forgets: bool = False


def lease(asked: Asked, process: str, standing: Standing) -> Leased:
    """Decides one question. Of one account, questions are decided one after the other."""
    now = standing.now
    mine = next((one for one in standing.leases if one.process == process), None)
    known = mine or Lease(process, NOTHING, NOTHING)
    others = [one for one in standing.leases if one.process != process]
    elsewhere, settled = NOTHING, standing.settled
    for one in others:
        elsewhere = plus(elsewhere, one.left)
    given = Given(asked.key, known.granted, known.settled, tuple(standing.slices), elsewhere, told=standing.told)
    if standing.renamed:
        return Leased(known, msgspec.structs.replace(given, refused="renamed"))
    # What was used beyond the lease (an overrun, or a unit that had no limit) stands on it all the same.
    granted = at_least(known.granted, asked.used)
    if asked.keep is not None:
        granted = at_most(granted, plus(asked.used, at_least(asked.keep, NOTHING)))
    if asked.closes and (mine is None or known.settled == asked.used):
        return Leased(None, msgspec.structs.replace(given, granted=asked.used, closed=True))
    refused: Refused = ""
    wanted, since, forgets = NOTHING, 0, False
    if asked.need != NOTHING:
        if not _is_current(asked.key, now):
            refused = "not_now"
        elif _is_over(asked, standing, now):
            refused, forgets = "anew", True
        else:
            if asked.lowers:
                over = _free(asked, settled, plus(elsewhere, left_of(granted, known.settled)))
                granted = _cut(granted, asked.used, over)
            free = _free(asked, settled, plus(elsewhere, left_of(granted, known.settled)))
            extra = _extra(asked, granted, free, settled, wanted_before(others, known, now), 1 + len(others))
            if extra is None:
                refused = "short"
                wanted = _missing(asked, granted, free) if asked.waits else NOTHING
                since = known.wanted_since if _waits(known, now) else now
            else:
                granted = plus(granted, extra)
    waiting = wanted != NOTHING
    kept = Lease(process, granted, asked.used, known.settled, wanted, since if waiting else 0, now if waiting else 0, now)
    return Leased(kept, msgspec.structs.replace(given, granted=granted, refused=refused), forgets)


def joined(one: Lease, other: Lease) -> Lease:
    """Two leases of one process whose budgets are one by now, without what was filed of the other: that is added."""
    granted, used = plus(one.granted, other.granted), plus(one.used, other.used)
    return Lease(one.process, granted, used, one.settled, asked_at=max(one.asked_at, other.asked_at))


def wanted_before(others: Sequence[Lease], mine: Lease, now: int) -> Portion:
    """What others wait for longer than this process does: it gives back for them what it does not use, and takes nothing of what is free
    for them."""
    waits, total = _waits(mine, now), NOTHING
    for one in others:
        if _waits(one, now) and not (waits and (mine.wanted_since, mine.process) < (one.wanted_since, one.process)):
            total = plus(total, one.wanted)
    return total


def given_back(idle: Portion, wanted: Portion) -> Portion:
    """What a process keeps of what is idle where others wait: no more than half, and what they do not need. Of units that nobody waits
    for, all."""
    kept = [mine - max(want, mine - mine // 2) if want > 0 else mine for mine, want in zip(idle, wanted, strict=True)]
    return at_least((kept[0], kept[1], kept[2], kept[3], kept[4]), NOTHING)


def idle_for_ns(key: AccountKey, rolls: bool) -> int:
    """A lease that nothing was held on for so long is given back: a twentieth of its window, from ten seconds to an hour. A budget that is
    used about evenly keeps its lease."""
    length = key[3] if rolls else key[3] - key[2]
    return min(max(length // 20, 10 * SECOND_NS), 60 * MINUTE_NS) if length else 10 * MINUTE_NS


def in_force(given: BudgetGranted, now: int, touched_at: int, idle_ns: int) -> bool:
    """Whether a grant still counts: until its end, or while its subject lives."""
    return now < given.until if given.until else not idle_ns or now - max(given.at, touched_at) < idle_ns


def _is_current(key: AccountKey, now: int) -> bool:
    """Calendar windows that are over or have not begun are leased to nobody: their clock is wrong, or the window changed on the way."""
    _, _, start, end = key
    return not start or start - AHEAD_NS <= now < end


def _is_over(asked: Asked, standing: Standing, now: int) -> bool:
    """Whether this is a lifetime that nobody used for so long that it begins anew."""
    if not asked.idle_ns or asked.used != NOTHING:
        return False
    touched = max((one.touched_at for one in standing.slices), default=0)
    return 0 < touched <= now - asked.idle_ns and all(one.asked_at <= now - asked.idle_ns for one in standing.leases)


def _free(asked: Asked, settled: Portion, left: Portion) -> list[int | None]:
    return [None if limit is None else limit - spent - out for limit, spent, out in zip(bounds(asked.limits), settled, left, strict=True)]


def _cut(granted: Portion, used: Portion, free: list[int | None]) -> Portion:
    """A lease without what is idle of it and beyond the limits."""
    cut = [
        mine - max(0, min(mine - spent, -room)) if room is not None and room < 0 else mine
        for mine, spent, room in zip(granted, used, free, strict=True)
    ]
    return cut[0], cut[1], cut[2], cut[3], cut[4]


def _missing(asked: Asked, granted: Portion, free: list[int | None]) -> Portion:
    """What others have to give back for the need, with what they have beyond a limit that was lowered."""
    found = [
        max(0, need - mine + spent) + max(0, -room) if room is not None and need > 0 else 0
        for need, mine, spent, room in zip(asked.need, granted, asked.used, free, strict=True)
    ]
    return found[0], found[1], found[2], found[3], found[4]


def _waits(one: Lease, now: int) -> bool:
    return one.wanted_at > now - WANTED_NS and one.wanted_since > 0


def _extra(asked: Asked, granted: Portion, free: list[int | None], settled: Portion, ahead: Portion, sharing: int) -> Portion | None:
    """What is granted on top: a process's share of all that is not settled, where so much is free, and one share stays for whoever comes
    next; near the limit exactly what is needed. None where that is more than is free and not waited for."""
    shares = max(asked.peers, sharing) + 1
    found = []
    for number, limit in enumerate(bounds(asked.limits)):
        room, need = free[number], asked.need[number]
        idle = granted[number] - asked.used[number]
        if limit is None or room is None or need <= 0:
            found.append(0)
            continue
        short, available = max(0, need - idle), room - ahead[number]
        if short > max(0, available) or need > room + idle:
            # The second: the limit was lowered below what is leased.
            return None
        share = (limit - settled[number]) // shares
        found.append(max(short, min(share - share % need - idle, available), 0))
    return found[0], found[1], found[2], found[3], found[4]
