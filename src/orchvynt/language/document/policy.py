"""The whole document: its top-level sections."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from orchvynt.language.document.budgets import BudgetEntry, RateLimitEntry
from orchvynt.language.document.fallback import FallbackEntry
from orchvynt.language.document.gates import GateEntry, GroupEntry, PresidioEntry, ProtectedEntry
from orchvynt.language.document.keys import ConstraintEntry, KeyEntry
from orchvynt.language.document.models import ModelEntry
from orchvynt.language.document.notify import NotifyEntry
from orchvynt.language.document.operation import JournalEntry, OutageEntry, PassthroughEntry, TelemetryEntry
from orchvynt.language.document.providers import ProviderEntry
from orchvynt.language.document.routing import RoutingEntry
from orchvynt.language.document.scalars import Enforce, Zone, shown
from orchvynt.language.document.section import Later, Section, later, wrong
from orchvynt.language.document.tests import TestEntry


def _version(value: object) -> object:
    if isinstance(value, bool) or value != 1 or not isinstance(value, int):
        raise wrong(f"{shown(value)} is no version of the policy language", "Write `version: 1`.")
    return value


class PolicyHead(Section):
    """What the document says about itself."""

    version: Annotated[Literal[1], BeforeValidator(_version)] = Field(description="The version of the policy language: 1.")
    timezone: Zone = Field(default="UTC", description="The timezone of windows and schedules, a name of the IANA database.")


class PolicySections(PolicyHead):
    """What is declared by name, or one after another."""

    providers: dict[str, ProviderEntry] = Field(description="Where models are served.")
    models: dict[str, ModelEntry] = Field(
        description="The names that agents and rules use. A name with one `*` is a pattern: whatever else an agent names that fits it."
    )
    routing: RoutingEntry = Field(default=RoutingEntry(), description="Which model answers, where it is not the one that was asked for.")
    fallback: FallbackEntry = Field(default=FallbackEntry(), description="What happens when it does not.")
    budgets: list[BudgetEntry] = Field(default=[], description="What it may cost. All that apply hold together.")
    rate_limits: list[RateLimitEntry] = Field(default=[], description="How many may come. All that apply hold together.")
    gates: list[GateEntry] = Field(default=[], description="Who must look at it first.")
    groups: dict[str, GroupEntry] = Field(default={}, description="The people who decide.")
    keys: list[KeyEntry] = Field(default=[], description="Who may call. Without this section anybody on this machine may.")
    constraints: list[ConstraintEntry] = Field(default=[], description="Where it may be served. All that apply bind together.")
    notify: dict[str, NotifyEntry] = Field(default={}, description="Destinations of notifications, by name.")
    passthrough: list[PassthroughEntry] = Field(default=[], description="Further paths.")


class OperationEntry(Section):
    """What the document says about running the service."""

    journal: JournalEntry = Field(default=JournalEntry(), description="How facts are kept.")
    telemetry: TelemetryEntry = Field(default=TelemetryEntry(), description="What is told to other systems.")
    outage: OutageEntry = Field(default=OutageEntry(), description="What happens while the store is away.")
    protected: ProtectedEntry | None = Field(default=None, description="What nobody weakens alone.")
    presidio: PresidioEntry | None = Field(default=None, description="How the extra Presidio is asked, where gates ask it.")
    enforce: Enforce = Field(default=True, description="`observe`: everything is decided and recorded as `would_…`, nothing changed.")


class PolicyDocument(OperationEntry, PolicySections):
    """A policy."""

    later: ClassVar = later(
        {
            "passthrough": "passing further paths through",
            "enforce": Later("observing without enforcing", now=True),
        }
    )

    tests: list[TestEntry] = Field(default=[], description="Run by `orchvynt test`, without a network.")
