"""Which models rest, and until when. Instants are monotonic nanoseconds of this process; nothing here is stored."""

from typing import Final

from orchvynt.decisions.fallback.moves import SILENT, Rest

KEPT_MODELS: Final = 4_096


class Health:
    """Rests per model and per provider credential, and how each model's attempts went."""

    __slots__ = ("_credentials", "_models", "attempts", "failures")

    def __init__(self) -> None:
        self._models: dict[tuple[str, str], tuple[int, str]] = {}
        self._credentials: dict[str, tuple[int, str]] = {}
        self.attempts: dict[tuple[str, str], int] = {}
        self.failures: dict[tuple[str, str], int] = {}

    def resting(self, provider: str, model: str, now: int) -> tuple[int, str]:
        """Until when and why it rests; (0, "") if it may be asked."""
        if not self._models and not self._credentials:
            return 0, ""
        for found in (self._credentials.get(provider), self._models.get((provider, model))):
            if found is not None and found[0] > now:
                return found
        return 0, ""

    def rests(self, provider: str, model: str, now: int) -> bool:
        return bool(self.resting(provider, model, now)[1])

    def rest(self, provider: str, model: str, rest: Rest, now: int) -> None:
        """Extends a rest, never shortens it."""
        until = now + rest.for_ns
        if rest.credential:
            if until > self._credentials.get(provider, (0, ""))[0]:
                self._credentials[provider] = (until, rest.why)
        elif until > self._models.get((provider, model), (0, ""))[0]:
            self._models[(provider, model)] = (until, rest.why)

    def answered(self, provider: str, model: str) -> None:
        """An answer came: the model is not silent. What it asked to wait for still stands; this answer was under way before."""
        key = (provider, model)
        self._count(self.attempts, key)
        known = self._models.get(key)
        if known is not None and known[1] in SILENT:
            del self._models[key]

    def failed(self, provider: str, model: str) -> None:
        key = (provider, model)
        self._count(self.attempts, key)
        self._count(self.failures, key)

    def _count(self, counts: dict[tuple[str, str], int], key: tuple[str, str]) -> None:
        """Bounded: callers may invent names behind a pattern."""
        if key not in counts and len(counts) >= KEPT_MODELS:
            del counts[next(iter(counts))]
        counts[key] = counts.get(key, 0) + 1

    def forget_ended(self, now: int) -> None:
        """Drops rests that are over."""
        self._models = {key: found for key, found in self._models.items() if found[0] > now}

    def forget_credential(self, provider: str) -> None:
        """The provider's key was changed: what was thought of the old one is void."""
        self._credentials.pop(provider, None)
