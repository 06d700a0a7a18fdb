"""What came of weighing one candidate, as a value."""

import msgspec

from orchvynt.decisions.budgets.accounts import Line
from orchvynt.decisions.budgets.needs import Fits, Short
from orchvynt.decisions.budgets.sizing import binds
from orchvynt.model.money import Price


class Weighed(msgspec.Struct, frozen=True, gc=False):
    """The lines that the hold stands on, the price that it is made at, what it takes, the bound of its input, and 1 if it counts
    its invocation, which is counted once. `counted_by` is the tokenizer that counted the input, empty where its bytes bound it;
    `count_with` is one whose count may change the result: then it is to be weighed again with that."""

    lines: tuple[Line, ...]
    price: Price
    result: Fits | Short
    input_tokens_bound: int
    calls: int
    counted_by: str = ""
    count_with: str = ""

    def binding(self) -> list[Line]:
        """Those of the lines that bound the hold: only who may have to stand behind others asks."""
        return [line for line in self.lines if binds(line, self.price, self.calls)]
