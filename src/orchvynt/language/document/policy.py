"""The whole document: its top-level sections, and those that a later build will read."""

from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from orchvynt.language.document.limits import BudgetEntry, GateEntry, GroupEntry
from orchvynt.language.document.providers import ModelEntry, ProviderEntry
from orchvynt.language.document.routing import FallbackEntry, RoutingEntry
from orchvynt.language.document.scalars import one_of, shown
from orchvynt.language.document.section import Section, not_yet, wrong


class JournalEntry(Section):
    """How facts are kept."""

    later: ClassVar = MappingProxyType({"keep_records": "forgetting old records"})

    keep_bodies: Annotated[Literal["never"], BeforeValidator(one_of("never"))] = Field(
        default="never", description="Whether requests and answers are kept: never."
    )
    sync: Annotated[Literal["process", "power"], BeforeValidator(one_of("process", "power"))] = Field(
        default="process", description="What a fact survives: the death of the `process`, or a loss of `power` (fsync)."
    )


def _version(value: object) -> object:
    if isinstance(value, bool) or value != 1 or not isinstance(value, int):
        raise wrong(f"{shown(value)} is no version of the policy language", "Write `version: 1`.")
    return value


def _timezone(value: object) -> object:
    if isinstance(value, str) and value != "UTC":
        raise not_yet(f"the timezone {shown(value)}", "Windows and schedules are in UTC; leave it out or write UTC.")
    return value


class PolicyHead(Section):
    """What the document says about itself."""

    version: Annotated[Literal[1], BeforeValidator(_version)] = Field(description="The version of the policy language: 1.")
    timezone: Annotated[Literal["UTC"], BeforeValidator(_timezone)] = Field(
        default="UTC", description="The timezone of windows and schedules."
    )


class PolicyDocument(PolicyHead):
    """A policy."""

    later: ClassVar = MappingProxyType(
        {
            "rate_limits": "rate limits",
            "keys": "caller keys",
            "constraints": "constraints on where models are served",
            "notify": "notifications",
            "telemetry": "exporting telemetry",
            "outage": "behaviour in an outage of the store",
            "enforce": "observing without enforcing",
            "tests": "tests in the policy",
            "passthrough": "passing further paths through",
        }
    )

    providers: dict[str, ProviderEntry] = Field(description="Where models are served.")
    models: dict[str, ModelEntry] = Field(
        description="The names that agents and rules use. A name with one `*` is a pattern: whatever else an agent names that fits it."
    )
    routing: RoutingEntry = Field(default=RoutingEntry(), description="Which model answers, where it is not the one that was asked for.")
    fallback: FallbackEntry = Field(default=FallbackEntry(), description="What happens when it does not.")
    budgets: list[BudgetEntry] = Field(default=[], description="What it may cost. All that apply hold together.")
    gates: list[GateEntry] = Field(default=[], description="Who must look at it first.")
    groups: dict[str, GroupEntry] = Field(default={}, description="The people who decide.")
    journal: JournalEntry = Field(default=JournalEntry(), description="How facts are kept.")
