"""The JSON of grants: what people gave a subject on top of its budget's limit. Instants and money are as in operator_shapes."""

from decimal import Decimal

import msgspec


class GrantBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Exactly one of `usd` and `tokens`. `id` is the caller's own, so that a retry grants nothing twice."""

    budget: str
    subject: str
    reason: str
    usd: Decimal | None = None
    tokens: int | None = None
    id: str = ""


class GrantView(msgspec.Struct, frozen=True):
    """One grant. It lasts until `until` (empty: for the subject's lifetime). `review` is set where an approval gave it, and `invocation`
    is the one that had waited for it. `repeated`: it was there already when it was asked for."""

    grant: str
    budget: str
    subject: str
    nanos: int
    usd: str
    tokens: int
    at: str
    until: str
    in_force: bool
    by: str
    reason: str
    review: str
    invocation: str
    repeated: bool = False
