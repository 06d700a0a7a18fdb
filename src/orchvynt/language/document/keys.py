"""The sections `keys` and `constraints`: who may call, what a key says for its callers, and where models may be served."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from orchvynt.language.document.scalars import Name, Place, Secret, Sentence, Text, one_of, text_schema
from orchvynt.language.document.section import Section, wrong
from orchvynt.language.document.shapes import Condition, JsonMap, Refers

TEXT_CLAIMS = ("workflow", "agent", "run", "session", "workload", "user")
CLAIMS = (*TEXT_CLAIMS, "flags", "context", "min_quality")
"""What a caller may say about itself."""

_CONTEXT_KEY = re.compile(r"context\.[^\s.]{1,100}")


def _claim(value: object) -> object:
    if isinstance(value, str) and _CONTEXT_KEY.fullmatch(value):
        return value
    return one_of(*CLAIMS, near=("context.NAME",))(value)


Claim = Annotated[str, BeforeValidator(_claim), text_schema(rf"({'|'.join(CLAIMS)}|context\.[^\s.]+)")]


def _quality(value: float) -> float:
    if not 0 <= value <= 1:
        raise wrong(f"the quality {value:g} is not a number from 0 to 1", "Write 0.8 for 80 %.")
    return float(value)


class ClaimsEntry(Section):
    """What a caller says about itself, or a key for it."""

    workflow: Text = Field(default="", description="The workflow.")
    agent: Text = Field(default="", description="The agent.")
    run: Text = Field(default="", description="The run.")
    session: Text = Field(default="", description="The session.")
    workload: Text = Field(default="", description="The kind of task.")
    user: Text = Field(default="", description="The end user.")
    flags: list[Sentence] = Field(default=[], description="Flags.")
    context: JsonMap = Field(default={}, description="A map of JSON values.")
    min_quality: Annotated[float | None, AfterValidator(lambda value: value if value is None else _quality(value))] = Field(
        default=None, description="The quality that is asked for, 0 to 1."
    )


class FixedEntry(ClaimsEntry):
    """What the key says for its callers, whatever they say; an empty text fixes nothing. `flags` are added to the caller's."""


class CallbackEntry(Section):
    """Who is told that a review of one of this key's invocations is decided. No caller can name an address."""

    url: Place = Field(description="An address that gets a signed POST.")
    secret: Secret = Field(description="A reference to the secret that signs it.")
    answer: bool = Field(default=False, description="Whether the message holds the answer itself, not only where it is.")


class KeyEntry(Section):
    """Who may call. The secret itself is never here: `orchvynt keys issue` makes one for this name."""

    name: Name = Field(description="The key's name, in records and in `key.name`.")
    owner: Sentence | None = Field(default=None, description="Who answers for it, by e-mail address; needed by `not_requester`.")
    fixed: FixedEntry = Field(default=FixedEntry(), description="What it says for its callers; wins over what they say.")
    may_set: list[Claim] | None = Field(
        default=None, description="What callers may say themselves: claims, or `context.NAME`; without it, everything that is not fixed."
    )
    require: list[Claim] = Field(default=[], description="What callers must say, claims or `context.NAME`; a call without it is refused.")
    allow_models: list[Annotated[str, Refers("model", patterns=True)]] | None = Field(
        default=None, description="The models that may answer, by name, alias or pattern; without it all."
    )
    webhook: CallbackEntry | None = Field(default=None, description="Told when a review of this key's invocations is decided.")
    priority: Annotated[Literal["low", "normal", "high"], BeforeValidator(one_of("low", "normal", "high"))] = Field(
        default="normal", description="Whose calls are let in first when more come than can be served: `high`, then `normal`, then `low`."
    )


def _some(regions: list[str]) -> list[str]:
    if not regions:
        raise wrong("`regions` is empty, so no model could be attempted", "Name at least one.")
    return regions


class ConstraintEntry(Section):
    """Where an invocation may be served. It binds every attempt of any kind: fallback, shadow, judge, canary."""

    when: Condition | None = Field(
        default=None, description="The condition, of stage request; without it, and where it fails, the constraint binds."
    )
    regions: Annotated[list[Sentence], AfterValidator(_some)] = Field(
        description="Only models whose `region` is one of these may be attempted.", json_schema_extra={"minItems": 1}
    )
