"""The sections about running the service: `journal`, `telemetry`, `outage`, `passthrough`."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from orchvynt.language.document.amounts import Count, Usd
from orchvynt.language.document.scalars import SECOND, Duration, Place, PositiveDuration, Secret, one_of, shown
from orchvynt.language.document.section import Section, later, wrong
from orchvynt.language.document.shapes import ProviderName


class KeepEvidenceEntry(Section):
    """What was reviewed is kept, sealed, after it was decided."""

    for_: PositiveDuration = Field(alias="for", description="How long, from the decision on: `10y`.")
    key: Secret = Field(description="A reference to the key that seals it: 32 random bytes, as 64 hex digits or in base64.")
    older_keys: list[Secret] = Field(default=[], description="References to keys that sealed it before; they only open.")


class JournalEntry(Section):
    """How facts are kept."""

    later: ClassVar = later({"keep_records": "forgetting old records"})

    keep_bodies: Annotated[Literal["never"], BeforeValidator(one_of("never"))] = Field(
        default="never",
        description="Whether records hold requests and answers: never. An idempotency key has its answer kept beside them for a day.",
    )
    keep_evidence: KeepEvidenceEntry | None = Field(
        default=None,
        description="Whether requests, answers and edits that were reviewed are kept, sealed and apart; by default for a day, unsealed.",
    )
    keep_records: PositiveDuration | None = Field(default=None, description="How long records are kept; by default for good.")
    sync: Annotated[Literal["process", "power"], BeforeValidator(one_of("process", "power"))] = Field(
        default="process", description="What a fact survives: the death of the `process`, or a loss of `power` (fsync)."
    )


class TelemetryEntry(Section):
    """What is told to other systems."""

    later: ClassVar = later({"otlp": "exporting telemetry"})

    otlp: Place | None = Field(default=None, description="The OpenTelemetry collector's address, or a reference to it.")
    metrics: bool = Field(default=True, description="Whether `/metrics` is served on the admin port.")


class OutageBudgetsEntry(Section):
    """Budgets while the store is away."""

    closed_after: Duration = Field(
        default=30 * SECOND,
        description="So long they are spent from memory and journal. Then what a budget applies to is refused: 503 `store_unavailable`.",
    )


class OutageJournalEntry(Section):
    """Records while the store is away."""

    buffer: Count = Field(
        default=10_000,
        description="How many invocations may begin that the store has not heard of. Further ones are refused: 503 `store_unavailable`.",
    )


class OutageEntry(Section):
    """What happens while the store is away."""

    budgets: OutageBudgetsEntry = Field(default=OutageBudgetsEntry(), description="When budgets close.")
    gates: Annotated[Literal["closed"], BeforeValidator(one_of("closed"))] = Field(
        default="closed",
        description="What people would have to decide is refused while they cannot be asked: 503 `store_unavailable`. Only `closed`.",
    )
    journal: OutageJournalEntry = Field(default=OutageJournalEntry(), description="How much the journal keeps for the store.")


def _path(value: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9._~/@:{}*-]{0,200}", value):
        raise wrong(f"{shown(value)} is not a path", "Write /v1/audio/speech.")
    return value


def _free(value: object) -> object:
    return None if value == "free" else value


class PassthroughEntry(Section):
    """A further path that is passed to a provider as it is."""

    path: Annotated[str, AfterValidator(_path)] = Field(description="The path, as callers ask for it.")
    provider: ProviderName = Field(description="The provider, by its name under `providers`.")
    price: Annotated[Usd | None, BeforeValidator(_free)] = Field(
        default=None, description="USD per call, or `free`; required under a money budget."
    )
