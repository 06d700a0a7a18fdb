"""The script as values: what answers which request, how fast and how. Reading the file is in `document.py`."""

from typing import Final, Literal

import msgspec

from orchvynt.scripted.faults import Fault, Seconds, check_header_lines
from orchvynt.scripted.shapes import Api, Ask, Json

ANSWERS_MAX: Final = 10_000
FRAMES_MAX: Final = 1_000_000


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a text has to look: `exact`, or at least to hold `contains`."""

    exact: str | None = None
    contains: str | None = None

    def __post_init__(self) -> None:
        if self.exact is None and self.contains is None:
            raise ValueError("give `exact` or `contains`")

    def fits(self, text: str) -> bool:
        return (self.exact is None or text == self.exact) and (self.contains is None or self.contains in text)


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which calls an answer is for: all that is named has to fit. `nth` counts, from 1, the calls that fit all the rest."""

    provider: str | None = None
    model: str | None = None
    api: Api | None = None
    last_user: str | Text | None = None
    tool_result: str | Text | None = None
    prefilled: bool | None = None
    stream: bool | None = None
    nth: int | None = None

    def __post_init__(self) -> None:
        if self.nth is not None and self.nth < 1:
            raise ValueError("`nth` counts from 1")

    def fits(self, provider: str, ask: Ask) -> bool:
        """Everything but `nth`. A plain `last_user` is the whole text, a plain `tool_result` a part of it."""
        if self.provider not in (None, provider) or self.model not in (None, ask.model) or self.api not in (None, ask.api):
            return False
        if self.stream not in (None, ask.stream) or self.prefilled not in (None, bool(ask.prefill)):
            return False
        if isinstance(self.last_user, str) and self.last_user != ask.last_user:
            return False
        if isinstance(self.last_user, Text) and not self.last_user.fits(ask.last_user):
            return False
        if isinstance(self.tool_result, str) and (not ask.tool_result or self.tool_result not in ask.tool_result):
            return False
        return not isinstance(self.tool_result, Text) or self.tool_result.fits(ask.tool_result)


class ToolCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`arguments` is an object, or the text as a model might write it, well-formed or not."""

    name: str
    arguments: dict[str, Json] | str = {}


class UsageClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the answer claims, and the provider bills, in place of what was counted."""

    input: int
    output: int


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of a script. Without `text`, `json`, `refusal` or `tool_calls` the default answer is given, at this pace or fault.

    `thinking` is a thought before it, which only Anthropic's API tells. `headers` stand in the head of the answer besides.
    """

    match: Match = Match()
    text: str | None = None
    json: Json = None
    refusal: str | None = None
    tool_calls: list[ToolCall] = []
    thinking: str | None = None
    logprobs: float | Literal["missing"] = 1.0
    finish: Literal["stop", "length", "tool_calls", "content_filter"] | None = None
    usage: UsageClaim | Literal["missing", "absurd", "last_chunk"] | None = None
    latency: Seconds = Seconds(0)
    first_token_latency: Seconds = Seconds(0)
    frame_interval: Seconds = Seconds(0)
    frames: int | None = None
    headers: dict[str, str] = {}
    fault: Fault | None = None

    def __post_init__(self) -> None:
        check_header_lines(self.headers)
        spoken = [name for name in ("text", "json", "refusal") if getattr(self, name) is not None]
        if len(spoken) > 1:
            raise ValueError(f"an answer has one of `text`, `json`, `refusal`; this one has {' and '.join(spoken)}")
        if self.refusal is not None and self.tool_calls:
            raise ValueError("a `refusal` calls no tools; drop one of the two")
        if isinstance(self.logprobs, float) and not 0 < self.logprobs <= 1:
            raise ValueError("`logprobs` is a confidence above 0, at most 1, or `missing`")
        if self.frames is not None and not 1 <= self.frames <= FRAMES_MAX:
            raise ValueError(f"`frames` is at least 1, at most {FRAMES_MAX}")

    @property
    def is_default(self) -> bool:
        return self.text is None and self.json is None and self.refusal is None and not self.tool_calls


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole script. `otherwise` answers what no entry matches; `faults` are set from the start, by provider (`*`: all)."""

    version: Literal[1] = 1
    models: tuple[str, ...] = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "mistral:7b")
    answers: list[Answer] = []
    otherwise: Answer = Answer()
    faults: dict[str, Fault] = {}

    def __post_init__(self) -> None:
        if len(self.answers) > ANSWERS_MAX:
            raise ValueError(f"a script has at most {ANSWERS_MAX} answers")
        if self.otherwise.match != Match():
            raise ValueError("`otherwise` answers what nothing else matches; move its `match` to an entry of `answers`")


class Prompter:
    """Finds the answer for a call, and keeps count for `nth`. One for each script in force."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._counts = [0] * len(script.answers)

    def answer(self, provider: str, ask: Ask) -> Answer:
        """The first entry that fits. Every entry with `nth` counts the calls that fit it, whoever answers them."""
        chosen: Answer | None = None
        for at, entry in enumerate(self._script.answers):
            nth = entry.match.nth
            if (chosen is not None and nth is None) or not entry.match.fits(provider, ask):
                continue
            self._counts[at] += 1
            if chosen is None and nth in (None, self._counts[at]):
                chosen = entry
        return chosen or self._script.otherwise
