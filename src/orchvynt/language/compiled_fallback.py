"""What a compiled policy says of fallback: retries, breakers, time limits, chains, and who is told of their use."""

from typing import Literal

import msgspec

from orchvynt.language.compiled import Expression


class Retry(msgspec.Struct, frozen=True):
    """`budget` is the largest share of calls that may be retries, in parts of 10,000."""

    max_retries: int
    backoff_base_ns: int
    backoff_max_ns: int
    respect_retry_after_ns: int
    budget: int = 1_000


class Breaking(msgspec.Struct, frozen=True):
    """When breakers open, and how they close again. `error_rate` is in parts of 10,000."""

    window_ns: int = 30_000_000_000
    min_calls: int = 10
    error_rate: int = 5_000
    open_for_ns: int = 15_000_000_000
    probes: int = 2


class Timeouts(msgspec.Struct, frozen=True):
    connect_ns: int
    first_token_ns: int
    stall_ns: int
    answer_ns: int
    invocation_ns: int


class Chain(msgspec.Struct, frozen=True):
    """`triggers` holds words of the policy reference's table and `status_NNN`. A model whose p99 is over `latency_p99_ns` is left.
    `mid_stream` is what happens to a stream that breaks after content was delivered."""

    name: str
    tiers: tuple[str, ...]
    triggers: frozenset[str]
    latency_p99_ns: int | None = None
    mid_stream: Literal["continue", "restart", "fail"] = "fail"


class ChainUse(msgspec.Struct, frozen=True):
    """Where `when` holds (or is None), the chain of this name serves."""

    when: Expression | None
    chain: str


class Alert(msgspec.Struct, frozen=True):
    """Told to the destinations named by `notify` while `when` (of stage alert) holds for a chain and a provider over the window."""

    when: Expression
    window_ns: int
    repeat_ns: int
    notify: tuple[str, ...]
