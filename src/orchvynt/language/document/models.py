"""The section `models`: the names that agents and rules use, and what is declared of each."""

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from orchvynt.language.document.amounts import Rate, Tokens
from orchvynt.language.document.scalars import Name, PositiveDuration, Text, one_of, shown
from orchvynt.language.document.section import Section, wrong
from orchvynt.language.document.shapes import ProviderName


def _price(value: object) -> object:
    if value == "free":
        return {"input": 0, "output": 0, "cached_input": 0}
    if not isinstance(value, (dict, PriceEntry)):
        raise wrong(f"{shown(value)} is not a price", "Write `free`, or {input: 0.40, output: 0.80} in USD per million tokens.")
    return value


def _price_schema(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [*schema.get("anyOf", []), {"const": "free"}]


class PriceEntry(Section):
    """A price in USD per million tokens."""

    input: Rate = Field(description="USD per million input tokens.")
    output: Rate = Field(description="USD per million output tokens, reasoning included.")
    cached_input: Rate | None = Field(
        default=None, description="USD per million input tokens read from a cache; by default the price of input."
    )


def _quality(value: object) -> object:
    """A number stands for `{default: NUMBER}`."""
    scores: dict[str, Any] = value if isinstance(value, dict) else {"default": value}
    if "default" not in scores:
        raise wrong("`quality` needs `default`", "Write {default: 0.8, classification: 0.95}.")
    for workload, score in scores.items():
        if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0 <= score <= 1:
            at = (workload,) if isinstance(value, dict) else ()
            raise wrong(f"the quality {shown(score)} of {workload} is not a number from 0 to 1", "Write 0.8 for 80 %.", at)
    return {workload: float(score) for workload, score in scores.items()}


def _quality_schema(schema: dict[str, Any]) -> None:
    score = {"type": "number", "minimum": 0, "maximum": 1}
    schema["anyOf"] = [score, {"type": "object", "additionalProperties": score, "required": ["default"]}]
    schema.pop("additionalProperties", None)


class ExpectEntry(Section):
    """Declared latencies of an attempt, used while fewer were measured than are needed for a percentile."""

    p50: PositiveDuration | None = Field(default=None, description="The median.")
    p95: PositiveDuration | None = Field(default=None, description="The 95th percentile.")
    p99: PositiveDuration | None = Field(default=None, description="The 99th percentile.")

    @model_validator(mode="after")
    def _in_order(self) -> "ExpectEntry":
        given = [(name, value) for name in ("p50", "p95", "p99") if (value := getattr(self, name)) is not None]
        for (lower, below), (upper, above) in pairwise(given):
            if below > above:
                raise wrong(f"`{upper}` is shorter than `{lower}`", "A higher percentile is at least as long.", (upper,))
        return self


class CapabilitiesEntry(Section):
    """What the model can take, where the catalog does not know it or is wrong."""

    tools: bool | None = Field(default=None, description="Whether it calls tools; by default what is known.")
    images: bool | None = Field(default=None, description="Whether it reads images; by default what is known.")
    json_schema: bool | None = Field(default=None, description="Whether it keeps to a JSON Schema; by default what is known.")


class ModelEntry(Section):
    """One model, or with a `*` in its name a pattern for whatever an agent names."""

    provider: ProviderName = Field(description="The provider that serves it, by its name under `providers`.")
    model: Text | None = Field(default=None, description="What the provider calls it; by default the name itself.")
    aliases: list[Name] = Field(default=[], description="Further names for it.")
    price: Annotated[PriceEntry | None, BeforeValidator(_price)] = Field(
        default=None,
        description="`free`, or a price; by default the provider's published one, where it is known. "
        "Under a money budget a model without a known price is refused.",
        json_schema_extra=_price_schema,
    )
    quality: Annotated[dict[str, float] | None, BeforeValidator(_quality)] = Field(
        default=None,
        description="How good it is, from 0 to 1: one number, or one per workload with a `default`.",
        json_schema_extra=_quality_schema,
    )
    expect: ExpectEntry = Field(default=ExpectEntry(), description="How fast it is expected to be.")
    region: Text = Field(default="", description="Where it is served, such as `eu`.")
    capabilities: CapabilitiesEntry = Field(
        default=CapabilitiesEntry(), description="What it can take. An unknown capability passes and is marked `unmeasured`."
    )
    context_window: Tokens | None = Field(
        default=None, description="The tokens that a request and its answer may have; by default what is known."
    )
    max_output_tokens: Tokens | None = Field(
        default=None, description="The longest answer in tokens; by default what is known of the model."
    )
    continues: Annotated[Literal["prefill", "instruct", "never"] | None, BeforeValidator(one_of("prefill", "instruct", "never"))] = Field(
        default=None, description="How it continues an answer that another model began; by default what is known."
    )
