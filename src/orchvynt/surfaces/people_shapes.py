"""The JSON of people, of logins and of oneself, which the command line prints as it is. Instants are RFC 3339 UTC texts, empty for none."""

import msgspec

from orchvynt.surfaces.operator_shapes import RoleName


class PersonView(msgspec.Struct, frozen=True):
    """`groups` are those of the policy that list the address; an identity provider may add some at a login. With `role_from` `oidc` the
    provider's groups set the role at each login."""

    email: str
    name: str
    role: RoleName
    disabled: bool
    groups: tuple[str, ...]
    has_password: bool
    has_oidc: bool
    role_from: str
    created_at: str
    created_by: str
    last_login_at: str


class PersonBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new person. Without a password they come by the identity provider, or once an admin gives them one."""

    email: str
    name: str = ""
    role: RoleName = "viewer"
    password: str = ""


class PersonChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays. `unlink` forgets which account of the identity provider is theirs, so that another one may come."""

    name: str | None = None
    role: RoleName | None = None
    disabled: bool | None = None
    password: str | None = None
    unlink: bool = False


class LoginBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With `cookie` the session is a browser's and comes as a cookie; without it is a program's and comes as `token`, to be sent as
    `Authorization: Bearer`."""

    email: str
    password: str
    cookie: bool = True


class ExchangeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code that the browser brought to the command line, and what its challenge was made of (RFC 7636)."""

    code: str
    verifier: str


class LoggedIn(msgspec.Struct, frozen=True):
    """`csrf` goes into the header `x-orchvynt-csrf` of each change that is made with the cookie. `token` is shown this once, and empty
    for a browser."""

    email: str
    role: RoleName
    groups: tuple[str, ...]
    expires_at: str
    csrf: str = ""
    token: str = ""


class LoggedOut(msgspec.Struct, frozen=True):
    email: str
    logged_out: bool


class Me(msgspec.Struct, frozen=True):
    """Who asks: `token:NAME`, or a person's e-mail address. The rest is empty for a token."""

    who: str
    role: RoleName
    email: str = ""
    name: str = ""
    groups: tuple[str, ...] = ()
    login: str = ""
    expires_at: str = ""
    csrf: str = ""


class OwnPasswordBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    old: str
    new: str


class PasswordChanged(msgspec.Struct, frozen=True):
    """All other sessions of the person are over."""

    email: str
    changed: bool
