"""The section `tests`: what `orchvynt test` sends through the policy, how the providers behave, and what must come of it."""

from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from orchvynt.language.document.amounts import Tokens
from orchvynt.language.document.keys import ClaimsEntry
from orchvynt.language.document.scalars import Sentence, Text, one_of, shown
from orchvynt.language.document.scripted import ScriptedEntry, Status
from orchvynt.language.document.section import Section, wrong
from orchvynt.language.document.shapes import JsonMap, Refers
from orchvynt.model.faults import KINDS

_NAME_CHARS_MAX = 200
_TIERS_MAX = 100
_ROLES = ("system", "developer", "user", "assistant", "tool")


def _title(value: str) -> str:
    if len(value) > _NAME_CHARS_MAX:
        raise wrong(f"the name is longer than {_NAME_CHARS_MAX} characters")
    return value


def _instant(value: str) -> str:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise wrong(f"{shown(value)} is not an instant", "Write 2026-03-02T14:00, in `timezone` unless it names another offset.") from None
    return value


def _messages(value: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for number, message in enumerate(value):
        role = message.get("role")
        if role not in _ROLES:
            said = "the message has no `role`" if role is None else f"{shown(role)} is no role"
            raise wrong(said, f"Known: {', '.join(_ROLES)}.", (number,) if role is None else (number, "role"))
    return value


def _endpoint(value: str) -> str:
    if not value.startswith("/"):
        raise wrong(f"{shown(value)} is not a path", "Write /v1/chat/completions.")
    return value


class GivenEntry(ClaimsEntry):
    """The invocation: what the caller asks for, and what it says about itself."""

    model: Sentence = Field(default="auto", description="The model that the caller names.")
    messages: Annotated[list[JsonMap], AfterValidator(_messages)] = Field(
        default=[], description="The messages as OpenAI's API has them; by default one of a user."
    )
    tools: list[JsonMap] = Field(default=[], description="Tools, as OpenAI's API has them.")
    stream: bool = Field(default=False, description="Whether the caller asks for a stream.")
    max_tokens: Tokens | None = Field(default=None, description="The output limit that the caller gives.")
    response_format: JsonMap | None = Field(default=None, description="The format of the answer, as OpenAI's API has it.")
    key: Annotated[str, Refers("key")] | None = Field(
        default=None, description="The caller's key, by its name under `keys`; without it the caller is unrestricted."
    )
    endpoint: Annotated[str, AfterValidator(_endpoint)] = Field(default="/v1/chat/completions", description="The path that is called.")
    at: Annotated[str, AfterValidator(_instant)] | None = Field(
        default=None, description="When, such as `2026-03-02T14:00`, in `timezone` unless it names another offset."
    )


def _listed(value: object) -> object:
    """One name stands for a list of it."""
    return [value] if isinstance(value, str) else value


def _tier(value: int) -> int:
    if not 1 <= value <= _TIERS_MAX:
        raise wrong("tiers count from 1", "Write 1 for the routed model.")
    return value


def _code(value: str) -> str:
    if value:
        one_of(*KINDS)(value)
    return value


_NAMES_SCHEMA = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
AnyModel = Annotated[str, Refers("model", patterns=True)]


class ExpectedEntry(Section):
    """What must come of it; only what is named is compared."""

    model: AnyModel | None = Field(default=None, description="The model that answered.")
    provider: Annotated[str, Refers("provider")] | None = Field(default=None, description="The provider that answered.")
    tier: Annotated[int, AfterValidator(_tier), WithJsonSchema({"type": "integer", "minimum": 1})] | None = Field(
        default=None, description="Its position in the plan, from 1."
    )
    rule: Annotated[str, Refers("rule")] | None = Field(default=None, description='The rule that decided; `""` for none.')
    trigger: Annotated[list[Text] | None, BeforeValidator(_listed), _NAMES_SCHEMA] = Field(
        default=None, description="What made the chain go on: one word of those that did, or the list of all in order."
    )
    gates: Annotated[list[Annotated[str, Refers("gate")]] | None, BeforeValidator(_listed), _NAMES_SCHEMA] = Field(
        default=None, description="All gates that match, in any order; `[]` for none."
    )
    budgets: Annotated[list[Annotated[str, Refers("budget")]] | None, BeforeValidator(_listed), _NAMES_SCHEMA] = Field(
        default=None, description="Budgets that apply, or of a refusal those without room; others may as well. `[]` for none."
    )
    refused: Annotated[str, AfterValidator(_code)] | None = Field(
        default=None, description='The code of the refusal, such as `budget_exceeded`; `""` for none.'
    )
    status: Status | None = Field(default=None, description="The HTTP status that the caller gets.")
    rejected: Annotated[list[AnyModel] | None, BeforeValidator(_listed), _NAMES_SCHEMA] = Field(
        default=None, description="Candidates that were rejected; others may as well be. `[]` for none."
    )
    run: Text | None = Field(default=None, description="The run that was found.")
    limited_by: Text | None = Field(default=None, description="What shortened the answer, as `x-orchvynt-limited-by` says it.")

    @model_validator(mode="after")
    def _something(self) -> "ExpectedEntry":
        if not self.model_fields_set:
            raise wrong("the test expects nothing", "Name what must come of it: {model: MODEL}.")
        return self


class TestEntry(Section):
    """One test of the policy, run without a network and in virtual time."""

    __test__: ClassVar = False  # for pytest, which would collect it by its name

    name: Annotated[Sentence, AfterValidator(_title)] = Field(description="What it shows, as a sentence.")
    given: GivenEntry = Field(default=GivenEntry(), description="The invocation.")
    providers: dict[Annotated[str, Refers("provider")], ScriptedEntry] = Field(
        default={}, description="How providers behave, by their names; the others answer."
    )
    expect: ExpectedEntry = Field(description="What must come of it.")
