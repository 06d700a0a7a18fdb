"""The named limits of the data plane's HTTP (the wire contract's defaults). What is slower, larger or more than this is refused."""

import msgspec

KIB = 1024
MIB = 1024 * KIB
SECOND = 1_000_000_000


class Limits(msgspec.Struct, frozen=True):
    """Sizes in bytes, times in nanoseconds. All times are watched by one sweep every `sweep_ns`, so each may be late by as much.

    `header_ns` counts from the message's first byte, and for a new connection from its start. `body_idle_ns` is the longest pause
    within a body; on the whole it must also come at `body_bytes_per_second_min`, after the same time of grace.
    `pipelined_bytes_max` is what is kept of the next requests while one is answered; more is not read until then.
    `write_stall_ns` is how long a caller may read nothing while its send buffer is full. `linger_ns` is how long a refused
    caller has to read the refusal before its connection is gone. `bodies_bytes_max` is of all bodies together that came in several pieces,
    from their first byte until their answer.
    """

    header_bytes_max: int = 64 * KIB
    header_fields_max: int = 128
    body_bytes_max: int = 32 * MIB
    header_ns: int = 10 * SECOND
    body_idle_ns: int = 30 * SECOND
    body_bytes_per_second_min: int = 1 * KIB
    keep_alive_ns: int = 75 * SECOND
    write_stall_ns: int = 60 * SECOND
    linger_ns: int = 2 * SECOND
    pipelined_bytes_max: int = 64 * KIB
    connections_max: int = 16_384
    bodies_bytes_max: int = 512 * MIB
    sweep_ns: int = SECOND // 4
