"""What a row of the table of clients is, and the cells that come of it: one for each official client, each API of a provider, whole and
streamed, blocking and not.

The same rows are run by the tests beside this file and printed as docs/reference/clients.md.
"""

from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

Api = Literal["openai", "anthropic", "ollama"]
How = Literal["whole", "stream"]
Way = Literal["sync", "async"]
Ended = Literal["stop", "length", "tools", "sequence", "filtered"]
APIS: Final[tuple[Api, ...]] = ("openai", "anthropic", "ollama")
HOWS: Final[tuple[How, ...]] = ("whole", "stream")
WAYS: Final[tuple[Way, ...]] = ("sync", "async")

ANSWER: Final = "The bridge — 橋 — was built in 1883. 🌉"
NONE: Final[MappingProxyType[Any, Any]] = MappingProxyType({})


class Ask(NamedTuple):
    """What an agent wants, in no API's words; each client's file says it with that client.

    `model` is the first part of a model's name, the provider's API is the other. `key` is who asks. `choice` is `required`, `none`, or a
    tool that must be called. `form` is `json`, or `schema`. `image` is `data`, or `address`. With `results` the calls of the first answer
    are answered, and the answer to that is what counts.
    """

    text: str = "When was the bridge built?"
    model: str = "sound"
    key: str = "agent"
    system: str = ""
    earlier: bool = False
    tools: bool = False
    choice: str = ""
    one_call: bool = False
    results: bool = False
    form: str = ""
    image: str = ""
    think: bool = False
    stop: str = ""
    sample: bool = False
    logprobs: bool = False
    limit: int = 300


class Call(NamedTuple):
    """A tool call with its arguments, parsed."""

    name: str
    arguments: Any


class Got(NamedTuple):
    """What an agent got, read from the typed objects of its client. `ended` is the client's own word. `turn` is the answer as the client
    takes it back in the next turn, `ids` are those of the calls (Ollama's clients have none), `logged` is the text of which there are log
    probabilities."""

    text: str
    calls: tuple[Call, ...]
    ended: str
    tokens: tuple[int, int]
    thought: str = ""
    turn: Any = None
    logged: str | None = None
    ids: tuple[str, ...] = ()


class Says(NamedTuple):
    """What the agent must get. `thought` only where both sides speak Anthropic's API: no other tells one."""

    text: str = ANSWER
    calls: tuple[Call, ...] = ()
    ended: Ended = "stop"
    thought: str = ""


class Fails(NamedTuple):
    """The error that must be raised: its status (0: within a stream, where there is none), its code, and a part of its words; and of what
    a stream may have said a part before."""

    status: int
    code: str
    words: str = ""
    said: str = ANSWER


class Row(NamedTuple):
    """One thing that clients do.

    `what` and `note` are what the page says. `gets` is the answer or the error. `asks` are the providers that are asked for one request, by
    the first part of their names; the last one of several is the next tier's. `unsayable`: which client has no way to say it, and why.
    `refused`: for which provider it is refused, and why. `loses`: what a request loses between a client and a provider.
    """

    name: str
    what: str
    ask: Ask = Ask()
    gets: Says | Fails = Says()
    hows: tuple[How, ...] = HOWS
    asks: tuple[str, ...] = ("sound",)
    note: str = ""
    unsayable: MappingProxyType[Api, str] = NONE
    refused: MappingProxyType[Api, str] = NONE
    loses: MappingProxyType[tuple[Api, Api], tuple[str, ...]] = NONE


# By which class of its own a client tells a status; within a stream it has none.
RAISES: Final[MappingProxyType[Api, MappingProxyType[int, str]]] = MappingProxyType(
    {
        "openai": MappingProxyType(
            {
                0: "APIError",
                400: "BadRequestError",
                401: "AuthenticationError",
                402: "APIStatusError",
                403: "PermissionDeniedError",
                404: "NotFoundError",
                409: "ConflictError",
                503: "InternalServerError",
            }
        ),
        "anthropic": MappingProxyType(
            {
                0: "APIStatusError",
                400: "BadRequestError",
                401: "AuthenticationError",
                402: "APIStatusError",
                403: "PermissionDeniedError",
                404: "NotFoundError",
                409: "ConflictError",
                503: "APIStatusError",
            }
        ),
        "ollama": MappingProxyType(dict.fromkeys((0, 400, 401, 402, 403, 404, 409, 503), "ResponseError")),
    }
)


def elsewhere(**fields: str) -> MappingProxyType[tuple[Api, Api], tuple[str, ...]]:
    """What each client's request loses on its way to the providers of the other APIs."""
    return MappingProxyType({(client, to): (fields[client],) for client in APIS if client in fields for to in APIS if to != client})


class Chapter(NamedTuple):
    title: str
    rows: tuple[Row, ...]


class Cell(NamedTuple):
    row: Row
    client: Api
    provider: Api
    how: How
    way: Way

    @property
    def name(self) -> str:
        return f"{self.row.name}-{self.client}-to-{self.provider}-{self.how}-{self.way}"

    @property
    def model(self) -> str:
        return f"{self.row.ask.model}-{self.provider}"

    @property
    def ask(self) -> Ask:
        """What is asked. It has the cell's name in it: a request that is equal to a parked one would be joined to it."""
        return self.row.ask._replace(text=f"{self.row.ask.text} ({self.name})")

    @property
    def key(self) -> str:
        """Who asks: where another tier is to answer, a key that it may answer."""
        return f"covered-{self.provider}" if self.row.ask.model in {"covered", "rescued"} else self.row.ask.key

    @property
    def own(self) -> bool:
        """Whether client and provider speak one API."""
        return self.client == self.provider

    @property
    def unsayable(self) -> str:
        """Why this client cannot ask for it; empty if it can."""
        return self.row.unsayable.get(self.client, "")

    @property
    def refused(self) -> str:
        """Why the request is refused for this provider; empty if it is not."""
        return "" if self.unsayable else self.row.refused.get(self.provider, "")

    @property
    def lost(self) -> tuple[str, ...]:
        return self.row.loses.get((self.client, self.provider), ())


def cells_of(row: Row, client: Api) -> list[Cell]:
    return [Cell(row, client, provider, how, way) for provider in APIS for how in row.hows for way in WAYS]
