"""What each budget's subjects had spent and held at any instant, worked out from explained records, and what a policy's limits make of it.

No word of the server's about its budgets is taken: a hold counts from the instant on record until it is settled or voided, in whichever
process; a receipt counts from its own. What the provider billed is summed beside it.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from tests.support.crowd import nanos

Key = tuple[str, str, str]
"""Budget, subject, and when its window resets, as refusals say it; empty for a lifetime."""
Amounts = Mapping[str, int]
"""By the unit's name in the policy; dollars as nano-dollars."""

US: Final = 1_000_000
# The processes' clocks follow the store's; what one of them has on record may be some milliseconds ahead of another one's.
APART_US: Final = 100_000
# Who waits is told that it was in vain when its time is up, or when that is next looked at.
LOOKED_US: Final = 1_500_000


class Limit(msgspec.Struct, frozen=True):
    """Of a budget. `ceiling` is where the model `past` ends that it downgrades to; `wait_s` how long a call waits for holds."""

    amounts: Amounts
    past: str = ""
    ceiling: Amounts = {}
    wait_s: float = 30.0


class Refusal(msgspec.Struct, frozen=True):
    """As a caller was told it. `waited_us` is how long it had waited for holds."""

    inv: str
    at: int
    waited_us: int
    detail: dict[str, Any]


class _Change(msgspec.Struct, frozen=True):
    """`held` and `settled` are what comes and goes at `at`; a release comes before a hold of the same instant."""

    at: int
    is_hold: bool
    held: dict[str, int]
    settled: dict[str, int]
    model: str = ""


class Accounts:
    """`limits` are those of the policy, by budget."""

    def __init__(self, limits: Mapping[str, Limit]) -> None:
        self.limits = limits
        self.refusals: list[Refusal] = []
        self.in_vain = 0
        self._changes: dict[Key, list[_Change]] = defaultdict(list)
        self._of_attempt: dict[str, list[Key]] = {}
        self._billed: dict[Key, int] = defaultdict(int)
        self._grants: dict[tuple[str, str], list[tuple[int, Amounts]]] = {}

    @property
    def count(self) -> int:
        return len(self._changes)

    def record(self, explained: Any) -> None:
        held: dict[str, tuple[int, str, list[Any]]] = {}
        awaits = 0
        for entry in explained["timeline"]:
            detail, at = entry["detail"], _instant(entry["at"])
            match entry["kind"]:
                case "hold_awaited":
                    awaits = awaits or at
                case "hold_placed":
                    held[detail["attempt"]] = at, detail["model"], detail["reserved"]
                case "attempt_settled":
                    self._ends(detail["attempt"], at, *held[detail["attempt"]], detail["reserved"])
                case "hold_voided":
                    self._ends(detail["attempt"], at, *held[detail["attempt"]], ())
                case "invocation_refused" if detail["code"] in ("budget_exceeded", "run_stopped"):
                    self.refusals.append(Refusal(explained["invocation"], at, at - awaits if awaits else 0, detail["detail"]))

    def _ends(self, attempt: str, at: int, since: int, model: str, parts: Sequence[Any], settled: Sequence[Any]) -> None:
        spent = {_key(part): _amounts(part) for part in settled}
        keys = self._of_attempt[attempt] = [_key(part) for part in parts]
        for key, part in zip(keys, parts, strict=True):
            amounts = _amounts(part)
            self._changes[key].append(_Change(since, True, amounts, {}, model))
            self._changes[key].append(_Change(at, False, {unit: -amount for unit, amount in amounts.items()}, spent.get(key, {})))

    def bill(self, attempt: str, tokens: int) -> None:
        """The provider wrote this bill for an attempt that is on record."""
        for key in self._of_attempt[attempt]:
            self._billed[key] += tokens

    def granted(self, grants: Sequence[Any]) -> None:
        """All that people granted so far, as the server tells of it."""
        self._grants.clear()
        for one in grants:
            amounts = {"tokens": one["tokens"], "usd": one["nanos"]}
            self._grants.setdefault((one["budget"], one["subject"]), []).append((_instant(one["at"]), amounts))

    def never_over(self) -> None:
        """Settled and held together are within each limit at every instant, and so is what the provider billed."""
        for key, changes in self._changes.items():
            limit = self.limits[key[0]]
            standing: dict[str, int] = defaultdict(int)
            for change in sorted(changes, key=lambda one: (one.at, one.is_hold)):
                for one in (change.held, change.settled):
                    for unit, amount in one.items():
                        standing[unit] += amount
                if change.is_hold:
                    amounts = limit.ceiling if limit.past and change.model == limit.past else limit.amounts
                    for unit in amounts:
                        most = amounts[unit] + self._grant(key, unit, change.at)
                        assert standing[unit] <= most, f"{standing[unit]} of {most} {unit} were settled and held on {key} at {change.at}"
            most = (limit.ceiling or limit.amounts).get("tokens", 1 << 62) + self._grant(key, "tokens", 1 << 62)
            assert self._billed[key] <= most, f"{self._billed[key]} of {most} tokens were billed on {key}"

    def no_false_refusal(self) -> None:
        """Whoever was refused since this was last asked found too little left with nothing in flight, or waited in vain for what was."""
        refusals, self.refusals = self.refusals, []
        for one in refusals:
            detail = one.detail
            if detail["unit"] in ("depth", "same_prompt"):
                continue
            key = detail["budget"], detail["subject"], detail["resets"] or ""
            needed, limit, spent = (_amount(detail[name]) for name in ("needed", "limit", "spent"))
            known = self.limits[key[0]]
            owed = (known.ceiling if "model" in detail else known.amounts)[detail["unit"]]
            assert limit >= owed + self._grant(key, detail["unit"], one.at - APART_US * 20), f"refused below its limit: {one}"
            settled, _ = self._at(key, detail["unit"], one.at + APART_US)
            assert spent <= settled, f"{settled} were settled by then: {one}"
            if limit - spent >= needed:
                assert one.waited_us + LOOKED_US >= known.wait_s * US, f"refused because of holds in flight alone: {one}"
                most = self._most(key, detail["unit"], one.at - one.waited_us - APART_US, one.at + APART_US)
                # What is leased and not held is on no record: a process that died has it until it is taken over.
                assert most + needed > limit or _amount(detail.get("leased", 0)), f"refused without need: {one}"
                self.in_vain += 1

    def settled(self, budget: str, subject: str, unit: str = "tokens") -> int:
        """In all windows together."""
        changes = [change for key, found in self._changes.items() if key[:2] == (budget, subject) for change in found]
        return sum(change.settled.get(unit, 0) for change in changes)

    def billed(self, budget: str, subject: str) -> int:
        return sum(tokens for key, tokens in self._billed.items() if key[:2] == (budget, subject))

    def windows(self, budget: str) -> dict[Key, int]:
        """The tokens that were settled in each."""
        return {key: sum(one.settled.get("tokens", 0) for one in changes) for key, changes in self._changes.items() if key[0] == budget}

    def _at(self, key: Key, unit: str, at: int) -> tuple[int, int]:
        changes = sorted(self._changes.get(key, ()), key=lambda one: one.at)
        until = changes[: bisect_right(changes, at, key=lambda one: one.at)]
        return sum(one.settled.get(unit, 0) for one in until), sum(one.held.get(unit, 0) for one in until)

    def _most(self, key: Key, unit: str, since: int, until: int) -> int:
        """That was settled and held at once."""
        instants = [since, *(one.at for one in self._changes.get(key, ()) if since <= one.at <= until)]
        return max(sum(self._at(key, unit, at)) for at in instants)

    def _grant(self, key: Key, unit: str, at: int) -> int:
        return sum(amounts.get(unit, 0) for since, amounts in self._grants.get(key[:2], ()) if since <= at + APART_US)


def _key(part: Any) -> Key:
    ends = -(-part.get("ends_at", 0) // 1_000_000_000)
    return part["budget"], part["subject"], datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if ends else ""


def _amounts(part: Any) -> dict[str, int]:
    return {
        "usd": part["nanos"],
        "tokens": part["tokens"],
        "input_tokens": part["tokens"] - part["output_tokens"],
        "output_tokens": part["output_tokens"],
        "invocations": part["invocations"],
    }


def _amount(said: str | int) -> int:
    return nanos(said) if isinstance(said, str) else said


def _instant(text: str) -> int:
    """Microseconds UTC."""
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * US + moment.microsecond
