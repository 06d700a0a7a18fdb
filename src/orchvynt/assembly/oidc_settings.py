"""What `serve --oidc-…` was told of the identity provider, checked before anything starts."""

import re
from collections.abc import Sequence
from typing import Final

from orchvynt.assembly.settings import OidcSettings, WrongUseError
from orchvynt.decisions.people.discovery import may_ask
from orchvynt.language.document.scalars import secret_ref
from orchvynt.language.masking import REFERENCE
from orchvynt.language.snapshot import SecretRef
from orchvynt.model.roles import RANKS, Role
from orchvynt.surfaces.cli.outside import OidcOptions

NOBODY: Final = "none"
SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")
"""RFC 6749, 3.3."""


def oidc_settings(options: OidcOptions) -> OidcSettings | None:
    """None without an issuer. Raises WrongUseError."""
    if not options.issuer:
        if options != OidcOptions():
            raise WrongUseError("--oidc-… without --oidc-issuer: name the identity provider, or leave the others out.")
        return None
    if not may_ask(options.issuer, options.issuer) or "?" in options.issuer:
        raise WrongUseError(f"--oidc-issuer {options.issuer}: write its https address, as its own documents do; http on the loopback only.")
    if not options.client_id:
        raise WrongUseError("--oidc-issuer needs --oidc-client-id: what the identity provider knows this server as.")
    otherwise = options.default_role or "viewer"
    return OidcSettings(
        options.issuer,
        options.client_id,
        _secret(options.secret),
        options.groups_claim or "groups",
        _roles(options.roles),
        None if otherwise == NOBODY else _role(otherwise, "--oidc-default-role"),
        _scopes(options.scopes),
    )


def _secret(text: str) -> SecretRef | None:
    """A secret on the command line is seen by everybody on the machine, so only a reference is taken; it is not repeated."""
    if not text:
        return None
    if REFERENCE.fullmatch(text) is None:
        raise WrongUseError("--oidc-client-secret takes a reference, ${env:NAME} or ${file:NAME}, and never the secret itself.")
    return secret_ref(text)


def _roles(pairs: Sequence[str]) -> tuple[tuple[str, Role], ...]:
    found = []
    for pair in pairs:
        group, _, role = pair.rpartition("=")
        if not group:
            raise WrongUseError(f"--oidc-role {pair}: write GROUP=ROLE, such as orchvynt-admins=admin.")
        found.append((group, _role(role, f"--oidc-role {pair}")))
    return tuple(found)


def _scopes(given: Sequence[str]) -> tuple[str, ...]:
    for scope in given:
        if SCOPE.fullmatch(scope) is None:
            raise WrongUseError("--oidc-scope takes one scope of the identity provider, such as groups; give it again for another.")
    return tuple(given)


def _role(text: str, option: str) -> Role:
    if text not in RANKS:
        raise WrongUseError(f"{option}: the roles are {', '.join(RANKS)}.")
    return text
