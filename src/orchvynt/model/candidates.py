"""What a plan says of models: those that are asked, in order, and those that may not be. Parts of facts: kept as facts are."""

import msgspec


class CandidateChosen(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One tier of the plan: `model` is the policy's name, `why` one phrase such as `rule cheap` or `chain default`.

    `unmeasured` names what a test or a filter asked for, and what nobody knows of this model: it passed."""

    tier: int
    model: str
    provider: str
    why: str
    unmeasured: tuple[str, ...] = ()


class CandidateRejected(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """`why` has the numbers that decided, `by` is the filter: `allow_models`, `constraint`, `min_quality`, `context`, `tools`, `images`,
    `json_schema`, a rule's `where`, or its `prefer`, by which another was better."""

    model: str
    why: str
    by: str = ""
