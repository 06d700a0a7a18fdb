"""The values that expressions read, computed when they are read: after an evaluation the mapping holds exactly what was used.

`recorded` gives them for the record, without any text and with only those keys of the context that were asked for.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from orchvynt.catalog.bounds import input_tokens_bound_anywhere
from orchvynt.detectors.scanning import Scan
from orchvynt.language.candidate_figures import CandidateFigures
from orchvynt.language.detecting import INPUT_DETECTED, OUTPUT_DETECTED, AnswerScan, AskedFormat, counted
from orchvynt.language.expressions.values import NotKnownYetError, ReadMap
from orchvynt.language.snapshot import EvaluationError, Expression
from orchvynt.language.variables import CANDIDATE_NAMES, OUTPUT_NAMES, TEXT_NAMES
from orchvynt.model.chat import Reply
from orchvynt.model.invocation import Invocation

NANOS_PER_SECOND: Final = 1_000_000_000
HIDDEN_TEXT: Final = "<text>"
RECORDED_CHARS_MAX: Final = 2048
RECORDED_ITEMS_MAX: Final = 100
_RECORDED_DEPTH_MAX: Final = 8


class RequestValues(dict[str, object]):
    """The variables of stage request. `now` is in ns UTC, `zone` the policy's timezone (a name of the IANA database); `input_text` gives
    the messages' text when an expression reads it.

    Reading a variable of the answer raises NotKnownYetError; `&&` and `||` absorb that where the rest decides.
    """

    __slots__ = ("input_text", "invocation", "now", "scan", "zone")

    def __init__(self, invocation: Invocation, now: int, input_text: Callable[[], str], zone: str = "UTC") -> None:
        self.invocation = invocation
        self.now = now
        self.input_text = input_text
        self.zone = zone
        self.scan: Scan | None = None

    def __missing__(self, name: str) -> object:
        compute = _REQUEST.get(name)
        value = compute(self) if compute is not None else self.of_answer(name)
        self[name] = value
        return value

    def of_answer(self, name: str) -> object:
        """What is no variable of the request: a count in its text, or something that only an answer has."""
        if name.startswith(INPUT_DETECTED):
            if self.scan is None:
                self.scan = Scan(self.input_text())
            return counted(self.scan, name.removeprefix(INPUT_DETECTED))
        if name in OUTPUT_NAMES or name.startswith(OUTPUT_DETECTED):
            raise NotKnownYetError(f"{name} is not known before the answer")
        raise EvaluationError(f"there is no variable {name}")


class OutputValues(RequestValues):
    """The variables of stage output: those of the request, and the answer. `cost` is in USD; `asked_format` gives the form that the
    request asked the answer to have."""

    __slots__ = ("_answer_scan", "_read_reply", "_reply", "asked_format", "cost", "latency_ms", "model", "provider", "rescued", "tier")

    def __init__(
        self,
        invocation: Invocation,
        now: int,
        input_text: Callable[[], str],
        read_reply: Callable[[], Reply],
        model: str,
        provider: str,
        tier: int,
        cost: float,
        latency_ms: float,
        rescued: bool = False,
        zone: str = "UTC",
        asked_format: AskedFormat = lambda: None,
    ) -> None:
        super().__init__(invocation, now, input_text, zone)
        self.asked_format = asked_format
        self._answer_scan: AnswerScan | None = None
        self._read_reply = read_reply
        self._reply: Reply | None = None
        self.model = model
        self.provider = provider
        self.tier = tier
        self.cost = cost
        self.latency_ms = latency_ms
        self.rescued = rescued

    @property
    def reply(self) -> Reply:
        """The answer in canonical form, read when an expression first asks for something of it."""
        if self._reply is None:
            self._reply = self._read_reply()
        return self._reply

    def of_answer(self, name: str) -> object:
        compute = _ANSWER.get(name)
        if compute is not None:
            return compute(self)
        if not name.startswith(OUTPUT_DETECTED):
            return super().of_answer(name)
        if self._answer_scan is None:
            self._answer_scan = AnswerScan(self.reply, self.asked_format)
        return self._answer_scan.count(name.removeprefix(OUTPUT_DETECTED))


class CandidateValues(RequestValues):
    """The variables of stage candidate: those of the request, which are read and kept there, and one candidate's figures.

    Reading a figure that nobody knows raises NotKnownYetError and puts its name into `unmeasured`.
    """

    __slots__ = ("figures", "request", "unmeasured")

    def __init__(self, request: RequestValues, figures: CandidateFigures) -> None:
        super().__init__(request.invocation, request.now, request.input_text, request.zone)
        self.request = request
        self.figures = figures
        self.unmeasured: set[str] = set()

    def __missing__(self, name: str) -> object:
        if name not in CANDIDATE_NAMES:
            return self.request[name]
        value: object = getattr(self.figures, name)
        if value is None:
            self.unmeasured.add(name)
            raise NotKnownYetError(f"{name} of {self.figures.model} is neither measured nor declared")
        self[name] = value
        return value

    def satisfies(self, where: Expression) -> bool:
        """Whether the test passes. One that hangs on a figure nobody knows passes too, and `unmeasured` names it."""
        try:
            return where.evaluate(self) is True
        except NotKnownYetError:
            return True

    def ranked(self, prefer: Expression) -> float | None:
        """The number that the candidate is preferred by; None where it hangs on a figure nobody knows, or is no number at all."""
        try:
            rank = prefer.evaluate(self)
        except NotKnownYetError:
            return None
        return float(rank) if isinstance(rank, (int, float)) and not math.isnan(rank) else None


_REQUEST: Final[Mapping[str, Callable[[RequestValues], object]]] = MappingProxyType(
    {
        "workflow": lambda v: v.invocation.claims.workflow,
        "agent": lambda v: v.invocation.claims.agent,
        "run": lambda v: v.invocation.claims.run,
        "session": lambda v: v.invocation.claims.session,
        "workload": lambda v: v.invocation.claims.workload,
        "user": lambda v: v.invocation.claims.user,
        "flags": lambda v: v.invocation.claims.flags,
        "context": lambda v: ReadMap(v.invocation.claims.context),
        "min_quality": lambda v: v.invocation.claims.min_quality,
        "requested_model": lambda v: v.invocation.ask.requested_model,
        "endpoint": lambda v: v.invocation.endpoint,
        "key.name": lambda v: v.invocation.key,
        "key.owner": lambda v: v.invocation.key_owner,
        "stream": lambda v: v.invocation.ask.stream,
        "now.hour": lambda v: _local(v).hour,
        "now.weekday": lambda v: _local(v).isoweekday(),
        "caller_retry": lambda v: v.invocation.retry_count,
        "input.tokens_bound": lambda v: input_tokens_bound_anywhere(v.invocation.ask),
        "input.messages": lambda v: v.invocation.ask.message_count,
        "input.bytes": lambda v: len(v.invocation.ask.body),
        "input.images": lambda v: v.invocation.ask.image_count,
        "input.text": lambda v: v.input_text(),
        "tools": lambda v: v.invocation.ask.tool_names,
        "max_output_tokens": lambda v: v.invocation.ask.max_output_tokens,
        "wants.json_schema": lambda v: v.invocation.ask.wants_json_schema,
    }
)

_ANSWER: Final[Mapping[str, Callable[[OutputValues], object]]] = MappingProxyType(
    {
        "output.text": lambda v: v.reply.text,
        "output.tokens": lambda v: v.reply.usage.output_tokens if v.reply.usage is not None else None,
        "output.finish": lambda v: v.reply.finish,
        "output.refusal": lambda v: v.reply.refusal,
        "output.valid_json": lambda v: _is_json(v.reply.text),
        "model": lambda v: v.model,
        "provider": lambda v: v.provider,
        "tier": lambda v: v.tier,
        "rescued": lambda v: v.rescued,
        "cost": lambda v: v.cost,
        "latency_ms": lambda v: v.latency_ms,
    }
)


def _local(values: RequestValues) -> datetime:
    """The instant as clocks in the policy's timezone show it."""
    return datetime.fromtimestamp(values.now // NANOS_PER_SECOND, ZoneInfo(values.zone))


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return False
    return True


def recorded(values: Mapping[str, object]) -> dict[str, Any]:
    """What was read, as JSON values: of texts only that they were read, of the context only the keys that were asked for.

    A key that the caller left out is null in `context`, and its name stands in `unknown`.
    """
    unknown: list[str] = []
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name in TEXT_NAMES:
            found[name] = HIDDEN_TEXT
        elif type(value) is str and len(value) <= RECORDED_CHARS_MAX:
            # Nearly all values: no call for each of them.
            found[name] = value
        elif isinstance(value, ReadMap):
            found[name] = _context(value, "", unknown, 0)
        elif value == ():
            # Of most callers: no flags, no tools.
            found[name] = []
        else:
            found[name] = _bounded(value, 0)
    if unknown:
        found["unknown"] = sorted(unknown)
    return found


def _context(read: ReadMap, prefix: str, unknown: list[str], depth: int) -> object:
    if read.whole or depth > _RECORDED_DEPTH_MAX:
        return _bounded(read.source, depth)
    found: dict[str, Any] = {}
    for key, value in list(read.read.items())[:RECORDED_ITEMS_MAX]:
        if value is None:
            unknown.append(f"{prefix}{key}"[:RECORDED_CHARS_MAX])
        found[key] = _context(value, f"{prefix}{key}.", unknown, depth + 1) if isinstance(value, ReadMap) else _bounded(value, depth)
    return found


def _bounded(value: object, depth: int) -> object:
    """Records are kept for years: what is huge or deep is described instead."""
    if isinstance(value, str):
        return value if len(value) <= RECORDED_CHARS_MAX else f"<{len(value)} characters>"
    if not isinstance(value, (list, tuple, dict)):
        return value
    if len(value) > RECORDED_ITEMS_MAX or depth > _RECORDED_DEPTH_MAX:
        return f"<{len(value)} items>"
    if isinstance(value, dict):
        return {str(key): _bounded(item, depth + 1) for key, item in value.items()}
    return [_bounded(item, depth + 1) for item in value]
