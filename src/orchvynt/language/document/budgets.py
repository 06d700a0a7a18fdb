"""The sections `budgets` and `rate_limits`: what invocations may cost, and how many there may be."""

from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from orchvynt.language.document.amounts import Count, SomeShare, Tokens, Usd
from orchvynt.language.document.scalars import DAY, SECOND, Duration, Enforce, Name, PositiveDuration, Window, one_of
from orchvynt.language.document.section import Later, Section, later, wrong
from orchvynt.language.document.shapes import Condition, Destination, GroupName, ModelName, Subject

_BREACH_HELP = "Write {downgrade: MODEL} or {review: {reviewers: GROUP, grant: [1, 5]}}."
_SCOPES = ("invocation", "run", "session", "agent", "workflow", "key", "global")

Scope = Annotated[Literal["invocation", "run", "session", "agent", "workflow", "key", "global"], BeforeValidator(one_of(*_SCOPES))]
SubjectOwner = TypeVar("SubjectOwner", "BudgetEntry", "RateLimitEntry")


class CeilingEntry(Section):
    """The hard end above a downgrade."""

    usd: Usd | None = Field(default=None, description="Money in USD.")
    tokens: Tokens | None = Field(default=None, description="Tokens.")


class LimitEntry(Section):
    """What a budget allows; with several limits all hold."""

    later: ClassVar = later({})

    usd: Usd | None = Field(default=None, description="Money in USD, at most nine digits after the point.")
    tokens: Tokens | None = Field(default=None, description="Tokens: input and output, cached and reasoning included.")
    input_tokens: Tokens | None = Field(default=None, description="Input tokens alone.")
    output_tokens: Tokens | None = Field(default=None, description="Output tokens alone.")
    invocations: Count | None = Field(default=None, description="Invocations; past it they answer `run_stopped`.")
    depth: Count | None = Field(default=None, description="How deep invocations may call one another; past it they answer `run_stopped`.")
    same_prompt: Count | None = Field(default=None, description="How often one prompt may come; past it it answers `run_stopped`.")

    @model_validator(mode="after")
    def _limited(self) -> "LimitEntry":
        if not self.model_fields_set:
            raise wrong("the limit is empty", "Write {usd: 2.50} or {tokens: 10000}.")
        return self


class GrantEntry(Section):
    """People may let a caller go on past the limit."""

    reviewers: GroupName = Field(description="The group whose members decide.")
    grant: list[Usd] = Field(
        description="The amounts that an approval may grant, in USD or tokens as the limit; one is granted.",
        json_schema_extra={"minItems": 1, "uniqueItems": True},
    )

    @model_validator(mode="after")
    def _amounts(self) -> "GrantEntry":
        if not self.grant:
            raise wrong("`grant` is empty, so nothing could be granted", "Write [1, 5].", ("grant",))
        if len(set(self.grant)) < len(self.grant):
            raise wrong("`grant` names an amount twice", "Name each amount once.", ("grant",))
        return self


class GrantMaxEntry(Section):
    """How much operators may grant one subject in one window, all grants together."""

    usd: Usd | None = Field(default=None, description="Money in USD.")
    tokens: Tokens | None = Field(default=None, description="Tokens.")

    @model_validator(mode="after")
    def _some(self) -> "GrantMaxEntry":
        if not self.model_fields_set:
            raise wrong("`grant_max` is empty", "Write {usd: 5} or {tokens: 10000}.")
        return self


class BreachEntry(Section):
    """What happens past the limit, where a word does not say enough: `downgrade` or `review`."""

    downgrade: ModelName | None = Field(default=None, description="Past the limit only this model is admitted, metered as overflow.")
    ceiling: CeilingEntry | None = Field(default=None, description="With `downgrade`: where even that ends.")
    review: GrantEntry | None = Field(default=None, description="The call is parked; people may grant more.")

    @model_validator(mode="after")
    def _one(self) -> "BreachEntry":
        if (self.downgrade is None) == (self.review is None):
            raise wrong("`on_breach` has either `downgrade` or `review`", _BREACH_HELP)
        if self.ceiling is not None and (self.downgrade is None or not self.ceiling.model_fields_set):
            raise wrong("`ceiling` is an amount, beside `downgrade`", "Write {downgrade: MODEL, ceiling: {usd: 5}}.", ("ceiling",))
        return self


def _breach(value: object) -> object:
    if isinstance(value, (dict, BreachEntry)):
        return value
    if isinstance(value, str) and value in ("downgrade", "review"):
        raise wrong(f"`{value}` needs more than the word", _BREACH_HELP)
    return one_of("reject", "clamp", "alert", near=("downgrade", "review"))(value)


def _kind_of_breach(value: object) -> str:
    return "<map>" if isinstance(value, (dict, BreachEntry)) else "<word>"


OnBreach = Annotated[
    Annotated[Literal["reject", "clamp", "alert"], Tag("<word>")] | Annotated[BreachEntry, Tag("<map>")], Discriminator(_kind_of_breach)
]


def _one_subject(entry: SubjectOwner) -> SubjectOwner:
    if entry.scope is None and entry.by is None:
        help = "Name whose spend is counted together, `scope: workflow`, or an expression, `by: context.customer`."
        raise wrong("`scope` is missing", help, ("!",))
    if entry.scope is not None and entry.by is not None:
        raise wrong("there are both `scope` and `by`", "Keep one of them.", ("!", "by"))
    return entry


class BudgetEntry(Section):
    """A budget. With `reject`, `clamp` and `review` it is hard: settled and held together never exceed the limit."""

    later: ClassVar = later(
        {
            "enforce": Later("observing without enforcing", now=True),
        }
    )

    name: Name = Field(description="The budget's name; spend belongs to name, subject and window.")
    scope: Scope | None = Field(
        default=None,
        description="Whose spend is counted together. A subject that the caller leaves out is the shared subject `(none)`. "
        "Either this or `by` is required.",
    )
    by: Subject | None = Field(default=None, description="An expression, such as `context.customer`; each of its values is a subject.")
    when: Condition | None = Field(default=None, description="The condition, of stage request; without it the budget holds for everything.")
    limit: LimitEntry = Field(description="What may be spent.")
    window: Window | None = Field(
        default=None,
        description="When it begins anew, by the calendar in `timezone`, or `rolling 24h`, which counts the last 24 hours "
        "in slices of a hundredth; without it the limit is for the subject's lifetime.",
    )
    on_breach: Annotated[OnBreach, BeforeValidator(_breach)] = Field(
        default="reject",
        description="What happens to an invocation that does not fit: `reject` answers 402, `clamp` lowers its output limit, `alert` only "
        "tells; a map downgrades or asks people.",
    )
    wait_for_holds: Duration = Field(default=30 * SECOND, description="How long to wait when only in-flight holds stand in the way.")
    min_output_tokens: Tokens = Field(default=16, description="The output limit is never lowered below this to make an invocation fit.")
    grant_max: GrantMaxEntry | None = Field(
        default=None,
        description="The most that operators may grant one subject in one window (`orchvynt budgets grant`), in all; without it, as much "
        "as the limit again. What reviewers grant is bounded by `on_breach`.",
    )
    missing: Annotated[Literal["shared", "refuse"], BeforeValidator(one_of("shared", "refuse"))] = Field(
        default="shared", description="What happens to an invocation without a subject."
    )
    idle: PositiveDuration = Field(
        default=30 * DAY, description="Without a window: a subject that made no call for so long begins anew at zero."
    )
    was: Name | None = Field(
        default=None, description="The budget's former name; its spend is carried over, and stays when this is left out later."
    )
    alert_at: list[SomeShare] = Field(default=[], description="Shares of the limit at which `notify` is told, once a window.")
    notify: list[Destination] = Field(default=[], description="Destinations, by their names under `notify`.")
    enforce: Enforce = Field(default=True, description="`observe`: decided and recorded as `would_…`, nothing changed.")

    @model_validator(mode="after")
    def _whole(self) -> "BudgetEntry":
        _one_subject(self)
        if self.window is not None and "idle" in self.model_fields_set:
            said = f"`idle` is for budgets without a window, and this one begins anew by itself (`window: {self.window}`)"
            raise wrong(said, "Leave one of them out.", ("!", "idle"))
        if self.missing == "refuse" and self.scope in ("global", "invocation"):
            raise wrong(f"with scope {self.scope} the subject is never missing", "Leave `missing` out.", ("!", "missing"))
        for counted in ("invocations", "same_prompt"):
            if self.scope == "invocation" and getattr(self.limit, counted) is not None:
                said = f"`{counted}` limits nothing with `scope: invocation`: there is one of each"
                raise wrong(said, "Write `scope: run`, or another scope that calls share.", ("limit", counted))
        breach = self.on_breach
        if isinstance(breach, BreachEntry) and breach.ceiling is not None:
            for unit in breach.ceiling.model_fields_set:
                limit, ceiling = getattr(self.limit, unit), getattr(breach.ceiling, unit)
                if limit is None or ceiling <= limit:
                    said = f"the ceiling in {unit} is not above the limit" if limit is not None else f"the budget has no limit in {unit}"
                    raise wrong(said, "A ceiling is higher than its limit, in the same unit.", ("on_breach", "ceiling", unit))
        return self


class RateLimit(Section):
    """How much may come; with several limits all hold."""

    invocations: Count | None = Field(default=None, description="Invocations in a window. They may come all at once; then as they fill up.")
    tokens: Tokens | None = Field(
        default=None, description="Tokens in a window, input and output: estimated when a call comes, corrected by what it used."
    )
    concurrent: Count | None = Field(default=None, description="Invocations at the same time, those in review not counted.")

    @model_validator(mode="after")
    def _limited(self) -> "RateLimit":
        if not self.model_fields_set:
            raise wrong("the limit is empty", "Write {invocations: 60}.")
        return self


class RateLimitEntry(Section):
    """A rate limit; past it callers get 429 with `retry-after`."""

    later: ClassVar = later({"enforce": Later("observing without enforcing", now=True)})

    name: Name = Field(description="The limit's name.")
    scope: Scope | None = Field(default=None, description="Whose calls are counted together. Either this or `by` is required.")
    by: Subject | None = Field(default=None, description="An expression, such as `context.customer`; each of its values is a subject.")
    when: Condition | None = Field(default=None, description="The condition, of stage request; without it the limit holds for everything.")
    limit: RateLimit = Field(description="What is allowed.")
    window: Window = Field(
        default="minute", description="How long it takes until all of `invocations` and `tokens` may come again; it fills up evenly."
    )
    enforce: Enforce = Field(default=True, description="`observe`: decided and recorded as `would_…`, nothing changed.")

    @model_validator(mode="after")
    def _whole(self) -> "RateLimitEntry":
        return _one_subject(self)
