"""What `serve --oidc-…` was told of the identity provider, checked before anything starts."""

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


def _role(text: str, option: str) -> Role:
    if text not in RANKS:
        raise WrongUseError(f"{option}: the roles are {', '.join(RANKS)}.")
    return text
