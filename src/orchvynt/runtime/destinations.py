"""What an operator sees of destinations: read as a part of `runtime.control`."""

import msgspec


class DestinationLine(msgspec.Struct, frozen=True):
    """How a destination is: how many messages wait for it, how many were given up, and why the last one was not taken."""

    name: str
    waiting: int = 0
    undeliverable: int = 0
    problem: str = ""


class Tested(msgspec.Struct, frozen=True):
    """What came back of a test message. `why` is empty if it was taken, and `said` then what the receiver answered."""

    why: str
    said: str
