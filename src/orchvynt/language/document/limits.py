"""The sections `budgets`, `gates` and `groups`: what invocations may cost, who must look at answers, and who those people are."""

import re
from types import MappingProxyType
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from orchvynt.language.document.scalars import (
    DURATION_PATTERN,
    SECOND,
    Condition,
    Duration,
    Name,
    PositiveDuration,
    Text,
    Tokens,
    Usd,
    one_of,
)
from orchvynt.language.document.section import Section, not_yet, wrong

_ROLLING = re.compile(r"rolling\b.*")
_WINDOWS: Final = ("minute", "hour", "day", "week", "month")
_SCOPES: Final = ("invocation", "run", "session", "agent", "workflow", "key", "global")


class LimitEntry(Section):
    """What a budget allows; with two limits both hold."""

    later: ClassVar = MappingProxyType(
        {
            "input_tokens": "a limit on input alone",
            "output_tokens": "a limit on output alone",
            "invocations": "a limit on the number of calls",
            "depth": "a limit on nested calls",
            "same_prompt": "a limit on equal prompts",
        }
    )

    usd: Usd | None = Field(default=None, description="Money in USD, at most nine digits after the point.")
    tokens: Tokens | None = Field(default=None, description="Tokens: input and output, cached and reasoning included.")


def _limited(limit: LimitEntry) -> LimitEntry:
    if limit.usd is None and limit.tokens is None:
        raise wrong("the limit is empty", "Write {usd: 2.50} or {tokens: 10000}.")
    return limit


def _window(value: object) -> object:
    if isinstance(value, str) and _ROLLING.fullmatch(value):
        raise not_yet(f"`{value[:40]}` (rolling windows)", f"Known here: {', '.join(_WINDOWS)}.")
    return one_of(*_WINDOWS)(value)


class BudgetEntry(Section):
    """A hard budget: settled and held together never exceed the limit."""

    later: ClassVar = MappingProxyType(
        {
            "by": "a budget per value of an expression",
            "alert_at": "alerts",
            "notify": "notifications",
            "missing": "refusing a missing subject",
            "idle": "forgetting idle subjects",
            "was": "carrying spend to a new name",
            "ceiling": "a ceiling over a downgrade",
            "enforce": "observing without enforcing",
        }
    )

    name: Name = Field(description="The budget's name; spend belongs to name, subject and window.")
    scope: Annotated[Literal["invocation", "run", "session", "agent", "workflow", "key", "global"], BeforeValidator(one_of(*_SCOPES))] = (
        Field(description="Whose spend is counted together. A subject that the caller leaves out is the shared subject `(none)`.")
    )
    when: Condition | None = Field(default=None, description="The condition, of stage request; without it the budget holds for everything.")
    limit: Annotated[LimitEntry, AfterValidator(_limited)] = Field(description="What may be spent.")
    window: Annotated[Literal["minute", "hour", "day", "week", "month"] | None, BeforeValidator(_window)] = Field(
        default=None,
        description="When it begins anew, by the calendar; without it the limit is for the subject's lifetime.",
    )
    on_breach: Annotated[
        Literal["reject"],
        BeforeValidator(
            one_of(
                "reject",
                later={
                    "clamp": "lowering the output limit until it fits",
                    "alert": "advisory budgets",
                    "downgrade": "a cheaper model past the limit",
                    "review": "a human decides past the limit",
                },
            )
        ),
    ] = Field(default="reject", description="What happens to an invocation that does not fit: `reject` answers 402.")
    wait_for_holds: Duration = Field(default=30 * SECOND, description="How long to wait when only in-flight holds stand in the way.")
    min_output_tokens: Tokens = Field(default=16, description="The output limit is never lowered below this to make an invocation fit.")


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
    to: Name | None = Field(default=None, description="The further group that may decide.")


def _one_way(step: EscalationEntry) -> EscalationEntry:
    if (step.do is None) == (step.to is None):
        raise wrong("an escalation step has either `do: reject` or `to: GROUP`")
    return step


def _one_step(value: object) -> object:
    if isinstance(value, list) and len(value) > 1:
        raise not_yet("more than one escalation step", "Keep one step.")
    return value


class GateEntry(Section):
    """People decide about an answer before it goes out."""

    later: ClassVar = MappingProxyType(
        {
            "confidence": "the confidence of an answer",
            "quorum": "more than one voter",
            "not_requester": "four eyes",
            "on_reject": "another answer for a rejection",
            "notify": "notifications",
            "sample": "a sample of the answers",
            "mode": "reviews after delivery",
            "enforce": "observing without enforcing",
        }
    )

    name: Name = Field(description="The gate's name.")
    stage: Annotated[
        Literal["output"], BeforeValidator(one_of("output", later={"input": "gates before the send", "tool_call": "gates on tool calls"}))
    ] = Field(description="What is judged: `output`, the whole answer.")
    when: Condition | None = Field(default=None, description="The condition, of stage output; without it the gate holds every answer.")
    reviewers: Name = Field(description="The group whose members decide.")
    require_reason: bool = Field(default=False, description="Whether a decision needs a reason.")
    wait: WaitEntry = Field(default=WaitEntry(), description="How long the caller's connection is held.")
    escalation: Annotated[list[Annotated[EscalationEntry, AfterValidator(_one_way)]], BeforeValidator(_one_step)] = Field(
        default=[], description="One step, for when nobody decides; without it a review waits for good.", json_schema_extra={"maxItems": 1}
    )
    stream: Annotated[Literal["hold", "refuse"], BeforeValidator(one_of("hold", "refuse"))] = Field(
        default="hold", description="What happens to a stream that the gate may stop: it is held until judged, or refused at once."
    )


class GroupEntry(Section):
    """People who may decide."""

    members: list[Text] = Field(default=[], description="People, by their e-mail address.")
    oidc: Text = Field(default="", description="The group's name at the identity provider.")
