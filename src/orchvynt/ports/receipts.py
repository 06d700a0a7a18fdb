"""Receipts as a store gives them: one by one, and summed up."""

import msgspec


class ReceiptRow(msgspec.Struct, frozen=True):
    """One settled attempt. `why` says why its usage is not the provider's own figure, where it is not; `response_id` is the provider's
    name of its answer. The claims are those of its invocation; `context` is their JSON, empty for none."""

    attempt: str
    inv: str
    settled_at: int
    model: str
    provider: str
    upstream_model: str
    response_id: str
    price_source: str
    why: str
    nanos: int
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    reasoning_tokens: int
    cache_written_tokens: int
    estimated: bool
    overrun: bool
    key: str
    key_id: str
    workflow: str
    agent: str
    run: str
    session: str
    workload: str
    user: str
    context: str


class SpentRow(msgspec.Struct, frozen=True):
    """What receipts of one group sum up to. `values` are those that it was grouped by; empty where a caller said nothing.

    `invocations` counts each once, `estimated` the receipts that no provider confirmed, `overruns` those beyond their hold."""

    values: tuple[str, ...] = ()
    receipts: int = 0
    invocations: int = 0
    nanos: int = 0
    estimated: int = 0
    estimated_nanos: int = 0
    overruns: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    cache_written_tokens: int = 0


class Spent(msgspec.Struct, frozen=True):
    """The groups, and all of them together, as they stood at one moment."""

    rows: list[SpentRow]
    total: SpentRow
