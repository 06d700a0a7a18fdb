"""Which choices a case offers, by what its gate judges. Only an answer has a text that people may change."""

from typing import Final

from orchvynt.model.facts import Choice, ReviewStage

_OFFERED: Final[dict[ReviewStage, frozenset[Choice]]] = {
    "output": frozenset({"approve", "edit", "reject", "respond"}),
    # The arguments of a call are no text that a person may rewrite; the call as a whole is kept back, or words take its place.
    "tool_call": frozenset({"approve", "reject", "respond"}),
    "input": frozenset({"approve", "reject"}),
    "budget": frozenset({"approve", "reject"}),
}
_JUDGES: Final[frozenset[Choice]] = frozenset({"approve", "reject"})


def offered(stage: ReviewStage, after_delivery: bool = False) -> frozenset[Choice]:
    """What reviewers may decide. After the delivery they only judge: the caller has its answer already."""
    return _JUDGES if after_delivery else _OFFERED[stage]
