"""What came of weighing one candidate, as a value."""

import msgspec

from orchvynt.decisions.budgets.accounts import Line
from orchvynt.decisions.budgets.needs import Fits, Short


class Weighed(msgspec.Struct, frozen=True, gc=False):
    """The lines that the hold stands on, those of them that bound it, what it takes, the bound of its input, and 1 if it counts
    its invocation, which is counted once. `counted_by` is the tokenizer that counted the input, empty where its bytes bound it;
    `count_with` is one whose count may change the result: then it is to be weighed again with that."""

    lines: tuple[Line, ...]
    binding: tuple[Line, ...]
    result: Fits | Short
    input_tokens_bound: int
    calls: int
    counted_by: str = ""
    count_with: str = ""
