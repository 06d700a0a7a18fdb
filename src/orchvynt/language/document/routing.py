"""The section `routing`: which model answers, whatever model the agent named."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from orchvynt.language.document.amounts import WHOLE_SHARE, Count, Share, SomeShare, share_text
from orchvynt.language.document.scalars import Enforce, Name, PositiveDuration, one_of
from orchvynt.language.document.section import Later, Section, later, wrong
from orchvynt.language.document.shapes import CanaryCondition, CandidateCondition, Condition, ModelName, Preference, Subject

TARGETS = ("use", "choose", "split", "canary")
"""Exactly one of these says where a rule leads."""


class ChooseEntry(Section):
    """The best of several models, by what is declared and measured of each."""

    from_: list[ModelName] = Field(alias="from", description="The models, by name or alias.", json_schema_extra={"minItems": 1})
    where: CandidateCondition | None = Field(
        default=None, description="The condition, of stage candidate, that a model must meet; without it all are candidates."
    )
    prefer: Preference = Field(
        default="cost",
        description="`cost` or `latency` (the lowest first), `quality` (the highest first), or an expression of stage candidate that "
        "gives a number: the lowest first.",
    )

    @model_validator(mode="after")
    def _some(self) -> "ChooseEntry":
        if not self.from_:
            raise wrong("`from` is empty, so there is nothing to choose from", "Name at least one model.", ("from",))
        return self


class StepEntry(Section):
    """One step of a canary."""

    weight: SomeShare = Field(description="The candidate's share of the traffic.")
    for_: PositiveDuration | None = Field(default=None, alias="for", description="How long the step lasts; the last one has none.")


class CanaryEntry(Section):
    """A staged rollout: the candidate gets more traffic step by step, or is given up on evidence."""

    stable: ModelName = Field(description="The model that answers now.")
    candidate: ModelName = Field(description="The model that may take over.")
    steps: list[StepEntry] = Field(description="The candidate's shares, rising.", json_schema_extra={"minItems": 1})
    min_calls: Count = Field(default=50, description="How many calls a step needs before it is judged.")
    abort_if: list[CanaryCondition] = Field(default=[], description="Conditions, of stage canary; one that holds ends the rollout.")

    @model_validator(mode="after")
    def _rising(self) -> "CanaryEntry":
        if not self.steps:
            raise wrong("`steps` is empty", "Write [{weight: 5%, for: 30m}, {weight: 100%}].", ("steps",))
        for number, step in enumerate(self.steps):
            last = number == len(self.steps) - 1
            if number and step.weight <= self.steps[number - 1].weight:
                raise wrong("the weight does not rise", "Each step gives the candidate more.", ("steps", number, "weight"))
            if not last and step.for_ is None:
                raise wrong("the step has no end", "Add `for: 30m`; only the last step lasts.", ("steps", number))
            if last and step.for_ is not None and step.weight == WHOLE_SHARE:
                raise wrong("the last step lasts for good", "Remove `for`.", ("steps", number, "for"))
        return self


class ShadowEntry(Section):
    """A copy of some of the traffic goes to another model; its answers are compared and never delivered."""

    model: ModelName = Field(description="The model that gets the copy.")
    sample: SomeShare = Field(description="The share of the rule's traffic that is copied.")


class RuleEntry(Section):
    """One routing rule; the first that matches decides, whatever model the agent named. `use`, `choose`, `split` or `canary` says how."""

    later: ClassVar = later(
        {
            "canary": "staged canaries",
            "shadow": "a copy of the traffic for another model",
            "enforce": Later("observing without enforcing", now=True),
        }
    )

    name: Name = Field(description="The rule's name, in records and in `x-orchvynt-rule`.")
    when: Condition | None = Field(default=None, description="The condition, of stage request; without it the rule matches everything.")
    use: ModelName | None = Field(default=None, description="The model, by its name or an alias.")
    choose: ChooseEntry | None = Field(default=None, description="The best of several models.")
    split: dict[ModelName, Share] | None = Field(
        default=None, description="A share of the traffic for each model; together 100%.", json_schema_extra={"minProperties": 1}
    )
    sticky: Subject | None = Field(
        default=None,
        description="With `split`: an expression, such as `run` or `context.customer`; equal values are always on the same side. "
        "Without it, and where it is empty, each invocation is drawn by itself.",
    )
    canary: CanaryEntry | None = Field(default=None, description="A staged rollout of another model.")
    shadow: ShadowEntry | None = Field(default=None, description="A second model that gets a copy.")
    enforce: Enforce = Field(default=True, description="`observe`: decided and recorded as `would_…`, nothing changed.")

    @model_validator(mode="after")
    def _one_target(self) -> "RuleEntry":
        given = [name for name in TARGETS if getattr(self, name) is not None]
        if not given:
            raise wrong("the rule leads nowhere", f"Give it one of {', '.join(f'`{name}`' for name in TARGETS)}.", ("name",))
        if len(given) > 1:
            raise wrong(f"the rule has both `{given[0]}` and `{given[1]}`", "Keep one of them.", ("!", given[1]))
        if self.sticky is not None and given[0] not in ("split", "canary"):
            raise wrong("`sticky` belongs to `split`", "Remove it, or write `split: {MODEL: 70%, MODEL: 30%}`.", ("!", "sticky"))
        if self.split is not None:
            self._whole(self.split)
        return self

    def _whole(self, shares: dict[str, int]) -> None:
        if not shares:
            raise wrong("`split` is empty", "Write {MODEL: 70%, MODEL: 30%}.", ("split",))
        if (total := sum(shares.values())) != WHOLE_SHARE:
            model, share = next(reversed(shares.items()))
            rest = WHOLE_SHARE - total + share
            help = f"With {model}: {share_text(rest)} they do." if 0 <= rest <= WHOLE_SHARE else "Together they are 100%."
            raise wrong(f"the shares add up to {share_text(total)}, not 100%", help, ("split",))


class RoutingHead(Section):
    """What `routing` says beside its rules."""

    default: ModelName | None = Field(
        default=None, description="The model for `auto`, and for unknown names if `unknown_model` says so. Without it both are refused."
    )
    unknown_model: Annotated[Literal["refuse", "default"], BeforeValidator(one_of("refuse", "default"))] = Field(
        default="refuse",
        description="What happens to a model that the policy does not know: `refuse` (404 with the nearest names) or `default`.",
    )


class RoutingEntry(RoutingHead):
    """Which model an invocation goes to."""

    rules: list[RuleEntry] = Field(default=[], description="Tried in order; the first match wins.")
