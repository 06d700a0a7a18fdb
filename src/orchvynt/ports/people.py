"""What a store keeps of people and of their sessions. Read as a part of `ports.store`."""

from typing import Literal, Protocol

import msgspec

from orchvynt.model.roles import Role

How = Literal["password", "oidc"]


class PersonRow(msgspec.Struct, frozen=True):
    """One person, by the address in lower case (`model.emails`). `password` is an argon2id hash, empty where there is none.

    `provider` is the identity provider's issuer and its name of the account, once the person came by it. With `role_from` `oidc` each
    such login sets the role anew. `revision` counts the changes, so that two of them never overwrite one another.
    """

    email: str
    name: str
    role: Role
    created_at: int
    created_by: str
    disabled: bool = False
    password: str = ""
    login_at: int = 0
    provider: str = ""
    role_from: Literal["here", "oidc"] = "here"
    revision: int = 0


class SessionRow(msgspec.Struct, frozen=True):
    """One session: only the SHA-256 of its id is stored. `used_at` is coarse. `groups` are those that the identity provider named at
    the login. A `program` sends the id as a token, a browser as a cookie; neither is taken in the other's place."""

    sha256: str
    email: str
    how: How
    program: bool
    created_at: int
    used_at: int
    ends_at: int
    groups: tuple[str, ...] = ()


class PeopleStore(Protocol):
    async def people(self) -> list[PersonRow]:
        """By address."""
        ...

    async def person(self, email: str) -> PersonRow | None: ...

    async def add_person(self, person: PersonRow) -> bool:
        """False if the address is taken."""
        ...

    async def change_person(self, person: PersonRow, end_sessions: bool, keep: str = "") -> bool:
        """Puts `person` in the place of the one whose revision is one less, and ends all sessions of it, but for the one whose digest is
        `keep`: both together. False, and nothing is changed, if there is no such one. `login_at` stays as it is."""
        ...

    async def session(self, sha256: str) -> tuple[SessionRow, PersonRow] | None:
        """By the digest of its id, with the person as it is now."""
        ...

    async def add_session(self, session: SessionRow, revision: int, sessions_max: int) -> bool:
        """False if the person is not there any more as it was at `revision`, or is disabled. Its instant is the person's last login. Beyond
        `sessions_max` of the person the oldest end."""
        ...

    async def use_session(self, sha256: str, at: int) -> None: ...

    async def end_session(self, sha256: str) -> bool: ...

    async def forget_sessions(self, ended_before: int, used_before: int) -> None:
        """Drops those that ended, or were used last, before these instants (ns UTC)."""
        ...
