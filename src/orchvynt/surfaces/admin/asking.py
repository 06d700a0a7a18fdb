"""What one admin request is, for the functions that answer it. They never see HTTP: values in, a value or a Fault out."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from orchvynt.decisions.reviews.cases import Voter
from orchvynt.model.faults import Fault
from orchvynt.model.roles import Role
from orchvynt.ports.audit import EvidenceRow
from orchvynt.ports.clock import Clock
from orchvynt.ports.people import PersonRow, SessionRow
from orchvynt.ports.store import Store, TokenRow
from orchvynt.runtime.audit_checks import AuditChecks
from orchvynt.runtime.control import Control
from orchvynt.runtime.keyring import Keyring
from orchvynt.runtime.merging import Merged
from orchvynt.runtime.oidc_provider import OidcProvider
from orchvynt.runtime.people import People
from orchvynt.surfaces.admin.door import Door
from orchvynt.surfaces.admin.tokens import KnownTokens

JSON: Final = "application/json"

Reveal = Callable[[bytes], dict[str, Any]]
"""Reads the answer out of a parked invocation's stored state, as JSON values for its reviewer."""

Unseal = Callable[[EvidenceRow], Mapping[str, bytes] | str]
"""Opens the sealed content of a review, by name; a text says why it cannot."""

Measure = Callable[[], Awaitable[Merged]]
"""What all metrics show now, of all processes that have one parent, and how these fare."""


def no_key(_: EvidenceRow) -> str:
    return "The content is sealed, and this process has no key for it."


class Desk(msgspec.Struct, frozen=True):
    """All that answering takes. `fixed_tokens` are those given by the environment; they are not in the store."""

    control: Control
    clock: Clock
    reveal: Reveal
    measure: Measure
    keyring: Keyring
    people: People
    door: Door
    fixed_tokens: tuple[TokenRow, ...] = ()
    provider: OidcProvider | None = None
    unseal: Unseal = no_key
    checks: AuditChecks = msgspec.field(default_factory=AuditChecks)
    tokens: KnownTokens = msgspec.field(default_factory=KnownTokens)

    @property
    def store(self) -> Store:
        return self.control.store


class Asking(msgspec.Struct, frozen=True):
    """One request that was let in, by `voter`. `role` is what it may do. `body` is an instance of the row's `takes`, or None.

    `session` and `person` are None for a token, and where a row needs nobody. `csrf` is set where a cookie was shown."""

    path: Mapping[str, Any]
    query: Mapping[str, str]
    limit: int
    after: str
    voter: Voter
    role: Role
    body: Any = None
    session: SessionRow | None = None
    person: PersonRow | None = None
    csrf: str = ""
    address: str = ""

    @property
    def who(self) -> str:
        """As the audit names it: `token:NAME`, or a person's e-mail address."""
        return self.voter.by


class Text(msgspec.Struct, frozen=True):
    """An answer that is no JSON, in the `media` of its row."""

    body: bytes


class Cookies(msgspec.Struct, frozen=True):
    """An answer, and the Set-Cookie headers that go with it."""

    value: msgspec.Struct
    headers: tuple[str, ...]


Answering = Callable[[Desk, Asking], Awaitable[msgspec.Struct | Fault]]


class Query(msgspec.Struct, frozen=True):
    """A query parameter of a row. `choices` empty: any text."""

    name: str
    meaning: str
    choices: tuple[str, ...] = ()


class Row(msgspec.Struct, frozen=True):
    """One line of the route table: the only place where a route, its role and its shapes are said.

    `role` None needs no token. `takes` and `gives` are msgspec types; a row that `pages` takes `limit` and `after`. One whose `media` is
    not JSON gives a Text.
    """

    method: str
    path: str
    role: Role | None
    answering: Answering
    summary: str
    gives: Any
    takes: Any = None
    query: tuple[Query, ...] = ()
    pages: bool = False
    status: int = 200
    media: str = JSON
