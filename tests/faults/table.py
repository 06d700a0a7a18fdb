"""What a row of the table of faults is, and the cells that come of it: one for each API of a provider, streaming and not.

The same rows are run by the tests beside this file and printed as docs/reference/faults.md.
"""

from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

Kind = Literal["openai", "anthropic", "ollama"]
How = Literal["whole", "stream"]
KINDS: Final[tuple[Kind, ...]] = ("openai", "anthropic", "ollama")
HOWS: Final[tuple[How, ...]] = ("whole", "stream")

Sees = Literal[
    "answer", "next tier", "continued", "error event", "either", "refusal", "503", "402", "409", "422", "429", "4xx", "answer or 4xx",
    "nothing",
]  # fmt: skip
LEGEND: Final[MappingProxyType[Sees, str]] = MappingProxyType(
    {
        "answer": "the answer of the model that was asked, whole",
        "next tier": "the next tier's answer, whole; `x-orchvynt-model`, `x-orchvynt-tier` and the record say so",
        "continued": "what had come so far and the next tier's words that go on from it, as one whole text; marked in the record",
        "error event": "what had come so far, then one error event in place of the marker that ends a stream",
        "either": "`next tier` while nothing was delivered, `error event` afterwards",
        "refusal": "`invalid_request`: a 4xx with the provider's own words; no other tier is asked",
        "503": "`all_providers_failed`, with every attempt that was made and `retry-after`",
        "402": "`budget_exceeded`, and nothing is sent",
        "409": "`hitl_pending` until a person has decided, then the one answer, however often it is asked for",
        "422": "`idempotency_mismatch`",
        "429": "`rate_limited`, with `retry-after`; nothing is routed, held or sent",
        "4xx": "a refusal that says what is wrong and where",
        "answer or 4xx": "`answer`, or a refusal that says what is wrong; the same for the same request",
        "nothing": "the caller is gone",
    }
)


class Same(NamedTuple):
    """Why a cell has nothing to run: with this fault the provider says the same bytes as without it, which a test compares."""

    because: str


class Row(NamedTuple):
    """One way to misbehave.

    `when` and `then` are what the page says. `fault` is what the scripted provider is told, `answer` the entry of its script, `words` the
    triggers that an attempt may end with; `each` has faults that are worded apart for each API. `whole` and `stream` are what the caller
    sees, `differs` where one API differs from the others. `rests`: the next invocation does not begin with this model. `asks`: whether a
    provider is asked at all; if not, the row is one cell.
    """

    name: str
    when: str
    then: str
    whole: Sees | Same
    stream: Sees | Same
    fault: Any = None
    words: str = ""
    answer: Any = None
    differs: Any = MappingProxyType({})
    each: Any = MappingProxyType({})
    rests: bool = False
    asks: bool = True


class Chapter(NamedTuple):
    title: str
    rows: tuple[Row, ...]


class Cell(NamedTuple):
    """One row with one API of a provider, streaming or not. Its name is that of its model and of its virtual provider."""

    row: Row
    kind: Kind
    how: How

    @property
    def sees(self) -> Sees | Same:
        found: Sees | Same = self.row.differs.get((self.kind, self.how), self.row.stream if self.streams else self.row.whole)
        return found

    @property
    def fault(self) -> Any:
        return self.row.each.get(self.kind, self.row.fault)

    @property
    def streams(self) -> bool:
        return self.how == "stream"

    @property
    def name(self) -> str:
        return f"{self.row.name}-{self.kind}-{self.how}" if self.row.asks else self.row.name


def cells_of(row: Row) -> list[Cell]:
    """All cells of a row, those with nothing to run too."""
    if not row.asks:
        return [Cell(row, "openai", "whole")]
    return [Cell(row, kind, how) for kind in KINDS for how in HOWS]
