"""What expressions read of an answer that is there, and what of that stands on record apart from the verdicts."""

from orchvynt.decisions.confidence.figures import Sureness
from orchvynt.decisions.unusual.baselines import Finding
from orchvynt.detectors.presidio import PREFIX
from orchvynt.dialects import registry
from orchvynt.dialects.shapes import Answer, CallerDialect, UnsupportedError
from orchvynt.language.detecting import OUTPUT_PRESIDIO
from orchvynt.language.expressions.values import NotKnownYetError
from orchvynt.language.scope import OutputValues
from orchvynt.language.snapshot import EvaluationError, Gate, Snapshot
from orchvynt.lifecycle.events import AnyEvent
from orchvynt.lifecycle.replies import reply_of
from orchvynt.lifecycle.state import State
from orchvynt.model import facts
from orchvynt.model.chat import AnswerFormat
from orchvynt.model.invocation import Ask
from orchvynt.model.money import NANOS_PER_USD

UNASKED = Sureness(None, "nobody was asked")


class AnswerValues(OutputValues):
    """What was read of a whole answer when it came need not be read again: most gates ask how it ended, and nothing else of it."""

    __slots__ = ("answer", "finding", "looked", "sureness", "unlooked", "unsure")

    answer: Answer | None
    finding: Finding | None
    # What Presidio found so far, and why it was not heard.
    looked: dict[str, int]
    unlooked: str
    # What the gate under way knows of the confidence, None where nothing is known yet; and whether it asked in vain.
    sureness: Sureness | None
    unsure: bool

    def turn_to(self, gate: Gate, state: State) -> None:
        """From now on this gate reads: each has its own confidence."""
        self.pop("confidence", None)
        self.unsure = False
        self.sureness = state.sureness.get(gate.confidence.text) if gate.confidence is not None else None

    def of_answer(self, name: str) -> object:
        if name == "confidence":
            if self.sureness is None or self.sureness.value is None:
                self.unsure = True
                why = self.sureness.why if self.sureness is not None else "nobody was asked"
                raise NotKnownYetError(f"the confidence is unknown: {why}")
            return self.sureness.value
        if name == "unusual":
            return self.finding is not None and bool(self.finding.unusual)
        if name == "output.finish" and self.answer is not None:
            return self.answer.finish
        if name.startswith(OUTPUT_PRESIDIO):
            return self._of_presidio(name.removeprefix(OUTPUT_PRESIDIO))
        return super().of_answer(name)

    def _of_presidio(self, kind: str) -> int:
        if self.unlooked:
            raise EvaluationError(f"detects('{PREFIX}{kind}'): {self.unlooked}")
        if kind not in self.looked:
            raise NotKnownYetError(f"detects('{PREFIX}{kind}'): Presidio was not asked")
        return self.looked[kind]


def answer_values(snapshot: Snapshot, state: State, event: AnyEvent) -> AnswerValues:
    """What expressions read of the answer that is there. Until `turn_to` its confidence is unknown."""
    caller = registry.caller(state.invocation.dialect)
    ask = state.invocation.ask
    candidate = state.candidate
    values = AnswerValues(
        state.invocation,
        event.at,
        lambda: caller.input_text(ask),
        lambda: reply_of(snapshot, state),
        candidate.model,
        candidate.provider,
        candidate.tier,
        state.nanos / NANOS_PER_USD,
        (event.mono - state.started_mono) / 1_000_000,
        rescued=state.rescues > 0,
        zone=snapshot.timezone,
        asked_format=lambda: _asked_format(caller, ask),
    )
    values.answer = state.answer
    values.finding = state.finding
    values.looked, values.unlooked = state.looked, state.unlooked
    values.sureness, values.unsure = None, False
    return values


def _asked_format(caller: CallerDialect, ask: Ask) -> AnswerFormat | None:
    """The form that the caller asked the answer to have. Raises EvaluationError where its request cannot be read for it."""
    if not ask.wants_json_schema:
        return None
    try:
        return caller.chat(ask).answer_format
    except UnsupportedError as error:
        raise EvaluationError("what the answer must fit cannot be read from this request") from error


def read_of_answer(state: State, event: AnyEvent, values: AnswerValues, asked: dict[str, list[str]]) -> list[facts.AnyFact]:
    """How sure the answer is, by each source that gates read, and how it compares with its model's others, if one read that."""
    noted: list[facts.AnyFact] = []
    if not asked and "unusual" not in values:
        # Most gates read how an answer ended, or what is in it.
        return noted
    candidate = state.candidate
    for source, gates in asked.items():
        known = state.sureness.get(source, UNASKED)
        told = (source, known.value, tuple(gates), candidate.model, candidate.provider, known.why, known.attempt, known.textless)
        noted.append(facts.ConfidenceTaken(state.invocation.id, event.at, *told))
    if "unusual" in values:
        found = state.finding or Finding()
        compared = (found.unusual, found.samples, found.measured, found.figures)
        noted.append(facts.AnswerMeasured(state.invocation.id, event.at, candidate.model, *compared))
    return noted
