"""What one attempt needs of its budgets, and what comes of asking them: the hold that fits, or the budget that it is too large for."""

from typing import Literal

import msgspec

from orchvynt.decisions.budgets.accounts import Line
from orchvynt.decisions.budgets.portions import NOTHING, Portion
from orchvynt.model.money import Price


class Need(msgspec.Struct, frozen=True, gc=False):
    """What one attempt may consume. `output_asked` is the caller's own limit over all its choices, None if it gave none.

    `output_typical` is the model's measured p99 output, or 4,096 while it is unmeasured. All three are over all `choices`.
    `surcharge_tokens` is what the input may cost beyond its price, in input tokens. `calls` is 1 if the hold counts its invocation, 0 if
    an earlier one did. `output_least` is the smallest limit that the provider takes for this request.
    """

    input_tokens: int
    output_asked: int | None
    output_model_max: int
    output_typical: int
    price: Price
    choices: int = 1
    surcharge_tokens: int = 0
    calls: int = 0
    output_least: int = 0

    @property
    def input_charged(self) -> int:
        """The input tokens that money is held for."""
        return self.input_tokens + self.surcharge_tokens


class Fits(msgspec.Struct, frozen=True, gc=False):
    """A hold that fits. `output_tokens` is None where nothing bounds the output. `limited_by` names the budget that lowered it."""

    output_tokens: int | None
    nanos: int
    tokens: int
    limited_by: str = ""


Unit = Literal["invocations", "tokens", "input_tokens", "output_tokens", "nanos"]


class Short(msgspec.Struct, frozen=True, gc=False):
    """The first budget that the smallest admissible hold does not fit on. `waits` if only holds in flight stand in the way; `takes` is
    what all of the hold would take, `leased` that part of `held` that other processes have leased."""

    line: Line
    waits: bool
    unit: Unit
    limit: int
    settled: int
    held: int
    needed: int
    takes: Portion = NOTHING
    leased: int = 0
