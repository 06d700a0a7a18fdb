"""What outlives a process: what was told and is not over, and what is still to be delivered. Instants are ns UTC.

What was counted is not in it: a new process finds anew what holds, and knows by this what of it was told already.
"""

import msgspec

from orchvynt.model.facts import BudgetThresholdPassed


class Remembered(msgspec.Struct, frozen=True, omit_defaults=True):
    """A member that was told to be firing, and its alert: `alert` is what that is known by, `mishap` whether it is one."""

    alert: str
    mishap: bool
    name: str
    condition: str
    window_ns: int
    notify: tuple[str, ...]
    chain: str
    provider: str
    since: int
    told: int
    last: str = ""


class Undelivered(msgspec.Struct, frozen=True):
    """A message that waits since `since`."""

    id: str
    destination: str
    line: str
    body: bytes
    since: int


class Memory(msgspec.Struct, frozen=True):
    """`thresholds` of budgets stand in windows that go on, `passed` are those that are still to be told."""

    told: tuple[Remembered, ...] = ()
    undelivered: tuple[Undelivered, ...] = ()
    thresholds: tuple[BudgetThresholdPassed, ...] = ()
    passed: tuple[BudgetThresholdPassed, ...] = ()


def encode(memory: Memory) -> bytes:
    """The stored form: MessagePack of the fields by name, so that a field may be added with a default."""
    return msgspec.msgpack.encode(memory)


def decode(stored: bytes) -> Memory:
    """Raises msgspec.DecodeError if it is not a stored memory."""
    return msgspec.msgpack.decode(stored, type=Memory)
