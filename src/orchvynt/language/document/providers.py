"""The sections `providers` and `models`: where models are served, and the names that agents and rules use."""

from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from orchvynt.language.document.scalars import Name, Rate, Secret, Text, Tokens, one_of, shown
from orchvynt.language.document.section import Section, wrong


class ProviderEntry(Section):
    """One provider: an address, the API it speaks, and the credential."""

    kind: Annotated[
        Literal["openai", "anthropic", "ollama", "openai-compatible"],
        BeforeValidator(one_of("openai", "anthropic", "ollama", "openai-compatible")),
    ] = Field(description="The API that the provider speaks.")
    base_url: Text | None = Field(
        default=None,
        description="The address, as that vendor's official SDK takes it: OpenAI's with `/v1`, Anthropic's without. "
        "By default `https://api.openai.com/v1`, `https://api.anthropic.com` or `http://127.0.0.1:11434`; "
        "`openai-compatible` has none and needs one.",
    )
    api_key: Secret | None = Field(
        default=None,
        description="A reference to the credential: `${env:NAME}` or `${file:/path}`. A literal is refused.",
    )


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
            raise wrong(f"the quality {shown(score)} of {workload} is not a number from 0 to 1")
    return {workload: float(score) for workload, score in scores.items()}


def _quality_schema(schema: dict[str, Any]) -> None:
    score = {"type": "number", "minimum": 0, "maximum": 1}
    schema["anyOf"] = [score, {"type": "object", "additionalProperties": score, "required": ["default"]}]
    schema.pop("additionalProperties", None)


class ModelEntry(Section):
    """One model, or with a `*` in its name a pattern for whatever an agent names."""

    later: ClassVar = MappingProxyType({"expect": "declared latencies", "continues": "how a model continues a broken answer"})

    provider: Name = Field(description="The provider that serves it, by its name under `providers`.")
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
    region: Text = Field(default="", description="Where it is served, such as `eu`.")
    context_window: Tokens | None = Field(
        default=None, description="The tokens that a request and its answer may have; by default what is known."
    )
    max_output_tokens: Tokens | None = Field(
        default=None, description="The longest answer in tokens; by default what is known of the model."
    )
