"""The named limits of the way to the providers."""

import msgspec

KIB = 1024
MIB = 1024 * KIB
SECOND = 1_000_000_000


class UpstreamLimits(msgspec.Struct, frozen=True):
    """Sizes in bytes, times in nanoseconds. `body_bytes_max` is of the decoded body.

    A compressed body may grow by `expansion_max`, once it is beyond `expansion_free_bytes`. `connections_max` and `waiters_max` are per
    address. A kept-alive connection is closed after `idle_ns`.
    """

    header_bytes_max: int = 64 * KIB
    header_fields_max: int = 128
    body_bytes_max: int = 16 * MIB
    expansion_max: int = 200
    expansion_free_bytes: int = 1 * MIB
    connections_max: int = 8_192
    waiters_max: int = 10_000
    idle_ns: int = 30 * SECOND
    sweep_ns: int = 1 * SECOND
