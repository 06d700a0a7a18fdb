"""The sections `gates`, `groups` and `protected`: who must look at answers and calls, and who those people are."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from orchvynt.language.document.amounts import Count, SomeShare
from orchvynt.language.document.hours import HoursEntry
from orchvynt.language.document.scalars import (
    DURATION_PATTERN,
    NAME_PATTERN,
    SECOND,
    Duration,
    Enforce,
    Name,
    PositiveDuration,
    Sentence,
    one_of,
    shown,
    text_schema,
)
from orchvynt.language.document.section import Section, later, wrong
from orchvynt.language.document.shapes import Destination, GateCondition, GroupName, Refers
from orchvynt.model.review_facts import CLAIM_FOR_NS

_CONFIDENCE_PATTERN = rf"(logprobs|json:/.+|judge:{NAME_PATTERN})"
_CONFIDENCE = re.compile(_CONFIDENCE_PATTERN)
_BAD_ESCAPE = re.compile(r"~(?![01])")
_GLOB_PATTERN = NAME_PATTERN.replace("[A-Za-z0-9]", "[A-Za-z0-9*]", 1).replace("@+-]", "@+*-]")
_GLOB = re.compile(_GLOB_PATTERN)


def _confidence(value: str) -> str:
    if not _CONFIDENCE.fullmatch(value):
        raise wrong(f"{shown(value)} gives no confidence", "Write logprobs, json:/POINTER or judge:MODEL.")
    if value.startswith("json:") and _BAD_ESCAPE.search(value):
        raise wrong(f"{shown(value)} is no JSON pointer", "In a pointer `~0` stands for `~`, and `~1` for `/` (RFC 6901).")
    return value


def _glob(value: str) -> str:
    if not _GLOB.fullmatch(value):
        raise wrong(f"{shown(value)} is not a name", "Write a name; `*` stands for any part of one.")
    return value


class ConfidenceEntry(Section):
    """Where `confidence` comes from in this gate's condition."""

    from_: Annotated[str, AfterValidator(_confidence), Refers("judge"), text_schema(_CONFIDENCE_PATTERN)] = Field(
        alias="from",
        description="`logprobs`, `json:/POINTER` (a number in the answer's JSON) or `judge:MODEL` (another model is asked).",
    )
    unknown: Annotated[Literal["review", "pass"], BeforeValidator(one_of("review", "pass"))] = Field(
        description="What holds where there is none: `review` or `pass`."
    )


def _up_to(value: object) -> object:
    return None if value == "auto" else value


class WaitEntry(Section):
    """How long the caller's connection is held."""

    up_to: Annotated[
        Duration | None, BeforeValidator(_up_to), WithJsonSchema({"type": "string", "pattern": f"^(auto|{DURATION_PATTERN})$"})
    ] = Field(
        default=None, description="A duration, or `auto`: the caller's own timeout less ten seconds.", json_schema_extra={"default": "auto"}
    )


class EscalationEntry(Section):
    """What happens when nobody decided in time: a further group is asked, or the answer is rejected."""

    after: PositiveDuration = Field(description="Counted from the opening of the review.")
    do: Annotated[Literal["reject"] | None, BeforeValidator(one_of("reject"))] = Field(
        default=None, description="`reject`: the answer is refused as `review_expired`."
    )
    to: GroupName | None = Field(default=None, description="The further group that may decide.")

    @model_validator(mode="after")
    def _one_way(self) -> "EscalationEntry":
        if (self.do is None) == (self.to is None):
            raise wrong("an escalation step has either `do: reject` or `to: GROUP`", "Keep one of them.")
        return self


def _language(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2}", value):
        raise wrong(f"{shown(value)} is no language", "Write its two letters: en.")
    return value


def _spacy_model(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,99}", value):
        raise wrong(f"{shown(value)} is no model of spaCy", "Write the name of its package: en_core_web_sm.")
    return value


class PresidioEntry(Section):
    """How Presidio is asked, where a gate's condition names one of its kinds: `detects("presidio:PERSON")`."""

    language: Annotated[str, AfterValidator(_language), text_schema("[a-z]{2}")] = Field(
        default="en", description="The language that it reads, in two letters."
    )
    model: Annotated[str, AfterValidator(_spacy_model), text_schema("[a-z][a-z0-9_]{0,99}")] | None = Field(
        default=None,
        description="The package of a language model of spaCy, installed beside OrchVynt: it finds names and places. "
        "Without one, patterns look for everything else.",
    )
    least_score: SomeShare = Field(
        default=4_000,
        description="What Presidio is less sure of does not count. Without a word near it that helps, most numbers are below 40%.",
        json_schema_extra={"default": "40%"},
    )
    within: PositiveDuration = Field(default=2 * SECOND, description="A text that took longer is not known, and the gate closes.")


class GateEntry(Section):
    """People decide about an answer before it goes out."""

    later: ClassVar = later({})

    name: Name = Field(description="The gate's name.")
    stage: Annotated[Literal["input", "output", "tool_call"], BeforeValidator(one_of("input", "output", "tool_call"))] = Field(
        description="What is judged: `input`, the request; `output`, the whole answer; `tool_call`, each call of a tool in it."
    )
    when: GateCondition | None = Field(
        default=None, description="The condition, of the gate's own stage; without it the gate holds everything."
    )
    confidence: ConfidenceEntry | None = Field(default=None, description="Needed where `when` reads `confidence`.")
    reviewers: GroupName = Field(description="The group whose members decide.")
    quorum: Count = Field(default=1, description="How many people must approve.")
    not_requester: bool = Field(default=False, description="Whether the owner of the caller's key may not decide.")
    require_reason: bool = Field(default=False, description="Whether a decision needs a reason.")
    wait: WaitEntry = Field(default=WaitEntry(), description="How long the caller's connection is held.")
    claim_for: PositiveDuration = Field(
        default=CLAIM_FOR_NS,
        description="How long the same request joins, from when its caller was told to come back or went away.",
        json_schema_extra={"default": "24h"},
    )
    escalation: list[EscalationEntry] = Field(
        default=[], description="Steps for when nobody decides, in order of time; without one a review waits for good."
    )
    remind: list[PositiveDuration] = Field(
        default=[], max_length=10, description="When the reviewers are reminded, each counted from the opening of the review."
    )
    hours: HoursEntry | None = Field(default=None, description="When people work: `remind` and `escalation` then count working time only.")
    on_reject: Annotated[Literal["error", "message"], BeforeValidator(one_of("error", "message"))] = Field(
        default="error", description="What the caller gets: `error`, or `message`, the reviewer's words as a turn of the assistant."
    )
    stream: Annotated[Literal["hold", "refuse"], BeforeValidator(one_of("hold", "refuse"))] = Field(
        default="hold", description="What happens to a stream that the gate may stop: it is held until judged, or refused at once."
    )
    notify: list[Destination] = Field(default=[], description="Destinations, by their names under `notify`.")
    sample: SomeShare = Field(
        default=10_000, description="The share of what matches that is reviewed.", json_schema_extra={"default": "100%"}
    )
    mode: Annotated[Literal["before_delivery", "after_delivery"], BeforeValidator(one_of("before_delivery", "after_delivery"))] = Field(
        default="before_delivery", description="`after_delivery`: reviewed later, never holds."
    )
    enforce: Enforce = Field(default=True, description="`observe`: decided and recorded as `would_…`, nothing changed.")

    @model_validator(mode="after")
    def _holds_nothing(self) -> "GateEntry":
        if self.mode == "after_delivery":
            for name in ("wait", "claim_for", "on_reject", "stream"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    said = f"`{name}` is for callers that are held, and `mode: after_delivery` holds none"
                    raise wrong(said, "Remove it, or hold the answer: `mode: before_delivery`.", (name,))
        return self

    @model_validator(mode="after")
    def _in_time(self) -> "GateEntry":
        for number, step in enumerate(self.escalation):
            if number and step.after <= self.escalation[number - 1].after:
                raise wrong("the step is not later than the one before it", "Count each from the opening.", ("escalation", number, "after"))
            if number and self.escalation[number - 1].do is not None:
                raise wrong("the step comes after the rejection", "Remove it.", ("escalation", number))
        for number, after in enumerate(self.remind):
            if number and after <= self.remind[number - 1]:
                raise wrong("the reminder is not later than the one before it", "Count each from the opening.", ("remind", number))
        if self.hours is not None and not self.remind and not self.escalation:
            raise wrong("nothing of this gate counts working time", "Add `remind` or `escalation`, or remove `hours`.", ("hours",))
        return self


class GroupEntry(Section):
    """People who may decide."""

    members: list[Sentence] = Field(default=[], description="People, by their e-mail address.")
    oidc: Sentence | None = Field(default=None, description="The group's name at the identity provider.")
    notify: list[Destination] = Field(
        default=[], description="Destinations that are told when a review escalates to the group; without them the gate's own are."
    )


class ApproversEntry(Section):
    """Who approves a change to what is protected."""

    group: GroupName = Field(description="The group whose members decide.")
    quorum: Count = Field(default=1, description="How many people must approve.")
    not_author: bool = Field(default=True, description="Whether whoever applies the change may not decide.")


class ProtectedEntry(Section):
    """Parts of the policy that nobody weakens alone."""

    gates: list[Annotated[str, AfterValidator(_glob), Refers("gates"), text_schema(_GLOB_PATTERN)]] = Field(
        default=[], description="Gates by name; `*` stands for any part of one."
    )
    budgets: list[Annotated[str, AfterValidator(_glob), Refers("budgets"), text_schema(_GLOB_PATTERN)]] = Field(
        default=[], description="Budgets by name; `*` stands for any part of one."
    )
    approvers: ApproversEntry = Field(description="Who approves a change that removes or weakens one of them.")

    @model_validator(mode="after")
    def _something(self) -> "ProtectedEntry":
        if not self.gates and not self.budgets:
            raise wrong("`protected` names no gate and no budget", 'Name some: `gates: ["*"]` is all of them; or remove it.')
        return self
