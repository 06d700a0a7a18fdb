"""What `detects(…)` reads: a count of each kind, as a variable that no expression names, so that records keep kinds and counts.

`input.detected.KIND` counts in the request, `output.detected.KIND` in the answer. What cannot be looked through fails like any
expression that fails: gates and budgets close.
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from orchvynt.detectors.effort import TooMuchError
from orchvynt.detectors.kinds import PERSONAL
from orchvynt.detectors.presidio import PREFIX
from orchvynt.detectors.refusals import declines
from orchvynt.detectors.scanning import Scan
from orchvynt.detectors.schemas import UnreadableSchemaError, violates
from orchvynt.language.compiled import EvaluationError
from orchvynt.model.chat import AnswerFormat, Reply

INPUT_DETECTED: Final = "input.detected."
OUTPUT_DETECTED: Final = "output.detected."

OUTPUT_PRESIDIO: Final = OUTPUT_DETECTED + PREFIX
"""Presidio is asked of answers alone, apart: until it is heard these are not known."""

AskedFormat = Callable[[], AnswerFormat | None]
"""Gives the form that the request asked the answer to have; None where it asked for none. Raises EvaluationError."""


def detected_names(kinds: tuple[str, ...], in_answer: bool) -> tuple[str, ...]:
    """What a call of `detects` with these kinds reads; without any, all personal data."""
    return tuple((OUTPUT_DETECTED if in_answer else INPUT_DETECTED) + kind for kind in kinds or PERSONAL)


def of_presidio(names: Iterable[str]) -> tuple[str, ...]:
    """What expressions that read these names ask Presidio for, by its own names."""
    return tuple(sorted(name.removeprefix(OUTPUT_PRESIDIO) for name in names if name.startswith(OUTPUT_PRESIDIO)))


def counted(scan: Scan, kind: str) -> int:
    """How many of the kind the text holds. Raises EvaluationError where it is too much to be looked through."""
    try:
        return scan.count(kind)
    except TooMuchError as error:
        raise EvaluationError(f"detects({kind!r}): {error}") from error


class AnswerScan:
    """One answer: everything of it that reaches the caller is looked through; whether it refuses, and fits, only its text says."""

    __slots__ = ("_asked", "_reply", "_scan")

    def __init__(self, reply: Reply, asked: AskedFormat) -> None:
        self._reply = reply
        self._asked = asked
        self._scan = Scan(delivered_text(reply))

    def count(self, kind: str) -> int:
        """How many of the kind; of a refusal or a violation, 1 or 0. Raises EvaluationError."""
        match kind:
            case "refusal":
                return int(bool(self._reply.refusal) or self._reply.finish == "content_filter" or declines(self._reply.text))
            case "schema_violation":
                return int(self._violates())
        return counted(self._scan, kind)

    def _violates(self) -> bool:
        asked, reply = self._asked(), self._reply
        if asked is None or asked.kind != "schema" or (reply.tool_calls and not reply.text):
            # A model that calls a tool has not answered yet.
            return False
        try:
            return violates(asked.schema, reply.text)
        except (TooMuchError, UnreadableSchemaError) as error:
            raise EvaluationError(f"detects('schema_violation'): {error}") from error


def delivered_text(reply: Reply) -> str:
    """All text of the answer, with what it thought and what it calls tools with."""
    thoughts = [thought.text for thought in reply.thoughts]
    calls = [_plain(call.arguments) for call in reply.tool_calls]
    return "\n".join(part for part in (reply.text, reply.refusal, *thoughts, *calls) if part)


def _plain(arguments: str) -> str:
    """The arguments as lines of `name: value`: no escape hides anything. What is no JSON stays as it came."""
    try:
        found = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return arguments
    lines: list[str] = []
    waiting: list[tuple[str, object]] = [("", found)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(str(key), item) for key, item in value.items()]
        elif isinstance(value, list):
            waiting += [(name, item) for item in value]
        elif value is not None:
            lines.append(f"{name}: {value}")
    return "\n".join(reversed(lines))
