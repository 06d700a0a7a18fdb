"""Facts of how sure an answer is, and how unlike its model's others. They are read as a part of `facts`."""

from orchvynt.model.fact import Fact


class ConfidenceTaken(Fact, frozen=True, tag="confidence_taken"):
    """How sure the answer is, as `source` says (`logprobs`, `json:/pointer`, `judge:MODEL`), 0 to 1; None: unknown, and `why` says why.
    `gates` read it; `model` and `provider` gave the answer. `attempt` is the one in which a judge was asked, empty without one.
    `textless`: the answer has no text, and nobody is at fault."""

    source: str
    value: float | None
    gates: tuple[str, ...]
    model: str
    provider: str
    why: str = ""
    attempt: str = ""
    textless: bool = False


class AnswerMeasured(Fact, frozen=True, tag="answer_measured"):
    """What of the answer is unlike its model's last ones: `length`, `language`, `repetition`. `samples` answers were there to compare
    with; with too few of them nothing was `measured`. `figures` are the answer's own."""

    model: str
    unusual: tuple[str, ...] = ()
    samples: int = 0
    measured: bool = False
    figures: dict[str, str | float] = {}
