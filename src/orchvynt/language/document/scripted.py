"""How a provider behaves in a test of the policy, in the words of the scripted provider's own file."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from orchvynt.language.document.amounts import Count
from orchvynt.language.document.scalars import Text, one_of, shown
from orchvynt.language.document.section import Section, wrong
from orchvynt.language.document.shapes import Json, JsonMap

_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]+)?(ms|s|m)")
_SIZE: Final = re.compile(r"[0-9]+(B|KiB|MiB|GiB)?")
_FRAMES_MAX: Final = 1_000_000
_WORDS: Final = (
    *("html_200", "error_object_200", "empty_200", "close_before_byte", "reset_before_byte", "silent", "pings_only", "bad_json"),
    *("truncated_json", "invalid_utf8", "refuse_connections", "close_on_reuse"),
)
# These need no value either, but may have one, or go with a failure.
_WORDS_ALONE: Final = (*_WORDS, "redirect", "echo_key", "wrong_content_type", "one_byte_writes", "one_write", "crlf")


def _seconds(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or not _SECONDS.fullmatch(value):
        raise wrong(f"{shown(value)} is not a duration", "Write 250ms, 1.5s or 2m.")
    return value


def _size(value: object) -> object:
    if value is True or (isinstance(value, int) and value >= 0):
        return value
    if not isinstance(value, str) or not _SIZE.fullmatch(value):
        raise wrong(f"{shown(value)} is not a size", "Write 64KiB, 8MiB, or true for the usual one.")
    return value


def _frames(value: int) -> int:
    if not 0 <= value <= _FRAMES_MAX:
        raise wrong(f"the number of frames is between 0 and {_FRAMES_MAX:,}")
    return value


def _confidence(value: object) -> object:
    if value != "missing" and (isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1):
        raise wrong(f"{shown(value)} is no confidence", "Write a number above 0, at most 1, or missing.")
    return value


def _usage(value: object) -> object:
    if isinstance(value, str):
        return one_of("missing", "absurd", "last_chunk")(value)
    if not isinstance(value, dict) or set(value) != {"input", "output"} or not all(type(number) is int for number in value.values()):
        raise wrong("the usage is {input: TOKENS, output: TOKENS}, or a word", "Known: missing, absurd, last_chunk.")
    return value


def _status(value: int) -> int:
    if not 200 <= value <= 599:
        raise wrong(f"`{value}` is no status of an answer", "Codes from 200 to 599.")
    return value


Seconds = Annotated[object, BeforeValidator(_seconds), WithJsonSchema({"type": ["string", "number"]})]
Size = Annotated[object, BeforeValidator(_size), WithJsonSchema({"type": ["string", "integer", "boolean"]})]
Frames = Annotated[int, AfterValidator(_frames), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": _FRAMES_MAX})]
Status = Annotated[int, AfterValidator(_status), WithJsonSchema({"type": "integer", "minimum": 200, "maximum": 599})]


class AnswerEntry(Section):
    """What a provider answers in a test."""

    text: Text | None = Field(default=None, description="The text of the answer.")
    json_: Json = Field(default=None, alias="json", description="The answer as JSON, in place of `text`.")
    refusal: Text | None = Field(default=None, description="The model's own refusal, in place of `text`.")
    tool_calls: list[JsonMap] = Field(default=[], description="Calls of tools: {name: NAME, arguments: {…}}.")
    thinking: Text | None = Field(default=None, description="A thought before the answer; only Anthropic's API tells it.")
    logprobs: Annotated[object, BeforeValidator(_confidence), WithJsonSchema({"type": ["number", "string"]})] = Field(
        default=1.0, description="The confidence that its log probabilities give, or `missing`."
    )
    finish: Annotated[
        Literal["stop", "length", "tool_calls", "content_filter"] | None,
        BeforeValidator(one_of("stop", "length", "tool_calls", "content_filter")),
    ] = Field(default=None, description="Why the answer ends.")
    usage: Annotated[object, BeforeValidator(_usage), WithJsonSchema({"type": ["object", "string"]})] = Field(
        default=None, description="The usage that it bills: {input: TOKENS, output: TOKENS}, `missing`, `absurd` or `last_chunk`."
    )
    latency: Seconds = Field(default="0s", description="How long it takes.")
    first_token_latency: Seconds = Field(default="0s", description="Streams: how long the first content takes.")
    frame_interval: Seconds = Field(default="0s", description="Streams: the time between frames.")
    frames: Count | None = Field(default=None, description="Streams: in how many frames it comes.")
    match: JsonMap = Field(
        default={}, description="Which calls this is for, such as {model: M} or {nth: 1}; to the others it gives the usual answer."
    )


class FaultEntry(AnswerEntry):
    """What goes wrong with it."""

    fault: Annotated[str | None, BeforeValidator(one_of(*_WORDS_ALONE))] = Field(
        default=None, description="A fault by its word alone: `fault: silent` is `silent: true`."
    )
    status: Status | None = Field(default=None, description="An error with this HTTP status, such as 503.")
    message: Text = Field(default="", description="The error's message.")
    error_type: Text = Field(default="", description="The error's type.")
    error_code: Text = Field(default="", description="The error's code.")
    body: Json = Field(default=None, description="With `status`: the whole body.")
    headers: dict[str, Text] = Field(default={}, description="With `status`: further headers.")
    retry_after: Annotated[object, WithJsonSchema({"type": ["string", "number"]})] = Field(
        default=None, description="With `status`: what Retry-After says, a duration or a date."
    )
    echo_key: bool | int = Field(default=False, description="A 401 whose message repeats the credential; a number is another status.")
    redirect: bool | str = Field(default=False, description="A redirect, to this address.")
    html_200: bool = Field(default=False, description="A page of HTML with status 200.")
    error_object_200: bool = Field(default=False, description="An error object with status 200.")
    empty_200: bool = Field(default=False, description="Status 200 without a body.")
    close_before_byte: bool = Field(default=False, description="The connection closes before a byte.")
    reset_before_byte: bool = Field(default=False, description="The connection is reset before a byte.")
    silent: bool = Field(default=False, description="Nothing ever comes.")
    pings_only: bool = Field(default=False, description="A stream that says nothing but pings.")
    interval: Seconds = Field(default=None, description="With `pings_only`: the time between them.")
    reset_after: Frames | None = Field(default=None, description="A stream is reset after so many frames.")
    cut_after: Frames | None = Field(default=None, description="A stream is cut after so many frames.")
    clean_end_without_terminal: Frames | None = Field(default=None, description="A stream ends without its marker after so many frames.")
    error_event_after: Frames | None = Field(default=None, description="A stream ends with an error event after so many frames.")
    stall_after: Frames | None = Field(default=None, description="A stream falls silent after so many frames.")


class ScriptedEntry(FaultEntry):
    """How a provider behaves in a test; without anything it answers. It has at most one failure."""

    bad_json: bool = Field(default=False, description="A body that is no JSON.")
    truncated_json: bool = Field(default=False, description="A body that is cut.")
    invalid_utf8: bool = Field(default=False, description="A body that is no UTF-8.")
    wrong_content_type: bool | str = Field(default=False, description="Another content type.")
    wrong_length: Annotated[object, BeforeValidator(lambda value: value if value in (True, False) else one_of("more", "less")(value)),
                            WithJsonSchema({"enum": [True, False, "more", "less"]})] = Field(
        default=False, description="A Content-Length that is wrong: `more` or `less` than there is."
    )  # fmt: skip
    giant_header: Size = Field(default=None, description="A header of this size.")
    giant_line: Size = Field(default=None, description="A line of this size.")
    giant_body: Size = Field(default=None, description="A body of this size.")
    refuse_connections: bool = Field(default=False, description="Connections are refused.")
    close_on_reuse: bool = Field(default=False, description="A kept connection closes when it is used again.")
    one_byte_writes: bool = Field(default=False, description="The answer comes byte by byte.")
    one_write: bool = Field(default=False, description="The answer comes at once.")
    crlf: bool = Field(default=False, description="Lines of a stream end with CR LF.")
    gzip: Annotated[Literal["good", "corrupt", "bomb"] | None, BeforeValidator(one_of("good", "corrupt", "bomb"))] = Field(
        default=None, description="The answer is compressed: `good`, `corrupt` or a `bomb`."
    )
    size: Size = Field(default=None, description="With `gzip`: the size when expanded.")

    @model_validator(mode="after")
    def _one_thing(self) -> "ScriptedEntry":
        spoken = [name for name in ("text", "json", "refusal") if name in self._given]
        if len(spoken) > 1:
            raise wrong(
                f"an answer has one of `text`, `json`, `refusal`; this one has {' and '.join(spoken)}", "Keep one.", ("!", spoken[1])
            )
        failures = [name for name in ("fault", "status", *_WORDS, *_AFTER) if name in self._given and getattr(self, name) is not False]
        if len(failures) > 1:
            said = f"a provider has one failure; this one has {' and '.join(f'`{name}`' for name in failures[:3])}"
            raise wrong(said, "Keep one.", ("!", failures[1]))
        return self

    @property
    def _given(self) -> set[str]:
        return {"json" if name == "json_" else name for name in self.model_fields_set}


_AFTER: Final = ("reset_after", "cut_after", "clean_end_without_terminal", "error_event_after", "stall_after", "redirect", "echo_key")
