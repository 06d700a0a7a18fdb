"""Where nearly every attempt of one model at one provider is counted, found once: an answer adds to these and looks none of them up."""

from typing import Final

from orchvynt.runtime.metrics import SERIES_MAX
from orchvynt.runtime.series import Histogram, Series

Asked = tuple[str, str]
"""The model by its name in the policy, and the provider."""


class RouteCounts:
    """The cells of one model at one provider: of its answers, and of what their receipts say."""

    __slots__ = ("answered", "cost", "durations", "input_tokens", "output_tokens", "reported")

    def __init__(self, asked: Asked, attempts: Series, duration: Histogram, tokens: Series, cost: Series, receipts: Series) -> None:
        model, provider = asked
        self.answered: Final = attempts.cell((model, provider, "answered"))
        self.durations: Final = duration.cell(asked)
        self.input_tokens: Final = tokens.cell((model, provider, "input"))
        self.output_tokens: Final = tokens.cell((model, provider, "output"))
        self.cost: Final = cost.cell(asked)
        self.reported: Final = receipts.cell((model, provider, "reported"))


class Routes:
    """Those of all routes that answered. The series bound how many cells there are; here only so many are remembered."""

    __slots__ = ("_attempts", "_cost", "_duration", "_known", "_receipts", "_tokens")

    def __init__(self, attempts: Series, duration: Histogram, tokens: Series, cost: Series, receipts: Series) -> None:
        self._attempts = attempts
        self._duration = duration
        self._tokens = tokens
        self._cost = cost
        self._receipts = receipts
        self._known: dict[Asked, RouteCounts] = {}

    def of(self, asked: Asked) -> RouteCounts:
        found = self._known.get(asked)
        if found is None:
            if len(self._known) >= SERIES_MAX:
                self._known.clear()
            found = self._known[asked] = RouteCounts(asked, self._attempts, self._duration, self._tokens, self._cost, self._receipts)
        return found
