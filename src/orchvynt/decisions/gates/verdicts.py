"""What one gate says of an invocation, as a value."""

from typing import Literal

import msgspec

Verdict = Literal["matched", "passed", "failed"]


Call = tuple[int, str]
"""A tool call of an answer: its position from 0, and its tool."""


class Judgement(msgspec.Struct, frozen=True, gc=False):
    """`failed` closes the gate like `matched`; `problem` then says why. It also says why the confidence is unknown, where that decided.
    `calls` are the tool calls that it closes for."""

    gate: str
    verdict: Verdict
    problem: str = ""
    calls: tuple[Call, ...] = ()

    @property
    def closes(self) -> bool:
        return self.verdict != "passed"
