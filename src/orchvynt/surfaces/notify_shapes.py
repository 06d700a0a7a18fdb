"""The JSON of destinations and of messages on their way. Instants are as in operator_shapes; no message's text is in it."""

import msgspec


class NotifyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why somebody tries a destination, or sends a message again; kept in the audit."""

    reason: str = ""


class DestinationView(msgspec.Struct, frozen=True):
    """`where` is the address, or the reference to the secret that holds it. `waiting` messages are sent again, `undeliverable` ones wait
    for a person. `problem` is why the last one was not taken, empty while it works."""

    name: str
    channel: str
    where: str
    waiting: int
    undeliverable: int
    problem: str
    digest: str
    content: str


class MessageView(msgspec.Struct, frozen=True):
    """A message that was not delivered yet. `line` is what keeps its order; `why` is the last failure's reason."""

    message: str
    destination: str
    line: str
    status: str
    since: str
    failures: int
    why: str


class NotifyTested(msgspec.Struct, frozen=True):
    """What came back: `taken`, and `said` in a word."""

    destination: str
    taken: bool
    said: str
