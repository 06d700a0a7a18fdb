"""Rate limits that several processes share, over dicts: a part of the store."""

from collections.abc import Callable, Sequence

from orchvynt.adapters.memory.part import MemoryPart
from orchvynt.decisions.limits.buckets import Bucket
from orchvynt.decisions.limits.joint_bucket import SharedBucket
from orchvynt.decisions.limits.turns import BucketKey, RateTurn, decided
from orchvynt.language.compiled_budgets import RateLimit
from orchvynt.ports.rates import RateAnswer


class MemoryRates(MemoryPart):
    """Implements ports.rates.RateStore. No process is ever out of reach here."""

    _now: Callable[[], int]

    def __init__(self) -> None:
        super().__init__()
        self._rates: dict[BucketKey, SharedBucket] = {}
        self._running: dict[BucketKey, dict[str, int]] = {}

    async def take_rate_turn(self, process: str, turn: RateTurn) -> RateAnswer:
        self._check_open()
        now = self._now()
        buckets = {key: self._bucket(key, process, now) for key in turn.buckets()}
        answers = decided(turn, buckets, now)
        for key, bucket in buckets.items():
            self._running.setdefault(key, {})[process] = bucket.mine
            if bucket.form is not None:
                self._rates[key] = bucket
        return RateAnswer(now, answers)

    def _bucket(self, key: BucketKey, process: str, now: int) -> SharedBucket:
        bucket = self._rates.get(key) or SharedBucket(None, now)
        bucket.running = sum(number for name, number in self._running.get(key, {}).items() if name != process)
        return bucket

    async def rate_buckets(self, limits: Sequence[RateLimit]) -> list[tuple[RateLimit, str, Bucket]]:
        self._check_open()
        found: list[tuple[RateLimit, str, Bucket]] = []
        for limit in sorted(limits, key=lambda one: one.name):
            for key in sorted(key for key in self._rates if key[0] == limit.name):
                bucket = self._bucket(key, "", self._now())
                bucket.take_form(limit, self._now())
                if not bucket.is_idle(limit, self._now()):
                    found.append((limit, key[1], bucket))
        return found

    async def end_rates(self, process: str) -> None:
        self._check_open()
        for running in self._running.values():
            running.pop(process, None)
