"""What expressions read of an answer that is there, and what of that stands on record apart from the verdicts."""

from functools import partial

from orchvynt.decisions.confidence.figures import Sureness
from orchvynt.decisions.unusual.baselines import Finding
from orchvynt.detectors.presidio import PREFIX
from orchvynt.dialects import registry
from orchvynt.dialects.shapes import CallerDialect, UnsupportedError
from orchvynt.language.detecting import OUTPUT_PRESIDIO
from orchvynt.language.expressions.values import NotKnownYetError
from orchvynt.language.scope import OutputValues
from orchvynt.language.snapshot import EvaluationError, Gate, Snapshot
from orchvynt.lifecycle.events import AnyEvent
from orchvynt.lifecycle.replies import reply_of
from orchvynt.lifecycle.state import State
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.model import facts
from orchvynt.model.chat import AnswerFormat, Reply
from orchvynt.model.invocation import Ask
from orchvynt.model.money import NANOS_PER_USD

UNASKED = Sureness(None, "nobody was asked")


class AnswerValues(OutputValues):
    """What was read of a whole answer when it came need not be read again: most gates ask how it ended, and nothing else of it."""

    __slots__ = ("_event", "_ready", "_snapshot", "_state", "sureness", "unsure")

    def __init__(self, snapshot: Snapshot, state: State, event: AnyEvent) -> None:
        """Until `turn_to` its confidence is unknown: where no gate weighs an answer nobody has to turn to one."""
        # Past the initialiser of what it is: what a gate does not read is not made ready for it.
        invocation = state.invocation
        self.invocation = invocation
        self.now = event.at
        self.zone = snapshot.timezone
        self.input_text = partial(registry.caller(invocation.dialect).input_text, invocation.ask)
        self.scan = None
        self._reply = None
        self._snapshot = snapshot
        self._state = state
        self._event = event
        self._ready = False
        # What the gate under way knows of the confidence, None where nothing is known yet; and whether it asked in vain.
        self.sureness: Sureness | None = None
        self.unsure = False

    def turn_to(self, gate: Gate) -> None:
        """From now on this gate reads: each has its own confidence."""
        self.pop("confidence", None)
        self.unsure = False
        self.sureness = self._state.sureness.get(gate.confidence.text) if gate.confidence is not None else None

    @property
    def reply(self) -> Reply:
        """The answer in canonical form, read when somebody first asks for something of it."""
        if self._reply is None:
            self._reply = reply_of(self._snapshot, self._state)
        return self._reply

    def of_answer(self, name: str) -> object:
        state = self._state
        if name == "output.finish" and state.answer is not None:
            return state.answer.finish
        if name == "confidence":
            if self.sureness is None or self.sureness.value is None:
                self.unsure = True
                why = self.sureness.why if self.sureness is not None else "nobody was asked"
                raise NotKnownYetError(f"the confidence is unknown: {why}")
            return self.sureness.value
        if name == "unusual":
            return state.finding is not None and bool(state.finding.unusual)
        if name.startswith(OUTPUT_PRESIDIO):
            return self._of_presidio(name.removeprefix(OUTPUT_PRESIDIO))
        if not self._ready:
            self._make_ready()
        return super().of_answer(name)

    def _of_presidio(self, kind: str) -> int:
        state = self._state
        if state.unlooked:
            raise EvaluationError(f"detects('{PREFIX}{kind}'): {state.unlooked}")
        if kind not in state.looked:
            raise NotKnownYetError(f"detects('{PREFIX}{kind}'): Presidio was not asked")
        return state.looked[kind]

    def _make_ready(self) -> None:
        """What the other variables are computed from."""
        state = self._state
        candidate = candidate_of(state)
        self._ready = True
        self._answer_scan = None
        self.model = candidate.model
        self.provider = candidate.provider
        self.tier = candidate.tier
        self.cost = state.nanos / NANOS_PER_USD
        self.latency_ms = (self._event.mono - state.started_mono) / 1_000_000
        self.rescued = state.rescues > 0
        self.asked_format = partial(_asked_format, registry.caller(state.invocation.dialect), state.invocation.ask)


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
    candidate = candidate_of(state)
    for source, gates in asked.items():
        known = state.sureness.get(source, UNASKED)
        told = (source, known.value, tuple(gates), candidate.model, candidate.provider, known.why, known.attempt, known.textless)
        noted.append(facts.ConfidenceTaken(state.invocation.id, event.at, *told))
    if "unusual" in values:
        found = state.finding or Finding()
        compared = (found.unusual, found.samples, found.measured, found.figures)
        noted.append(facts.AnswerMeasured(state.invocation.id, event.at, candidate.model, *compared))
    return noted
