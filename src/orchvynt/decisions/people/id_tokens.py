"""What an id token must say before anybody is let in (OpenID Connect Core 1.0, 3.1.3.7), once its signature is known to be right."""

import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from orchvynt.model.emails import normalised
from orchvynt.model.roles import RANKS, Role

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Asymmetric ones alone: with a shared secret, or none, anybody who reads our settings could write tokens."""
LEEWAY_S: Final = 60
AGE_S_MAX: Final = 600
SUBJECT_CHARS_MAX: Final = 255
GROUPS_MAX: Final = 1_000
GROUP_CHARS_MAX: Final = 256


class Identity(msgspec.Struct, frozen=True):
    """Who the provider says it is: its own name of the account, the verified address, and groups."""

    subject: str
    email: str
    name: str = ""
    groups: tuple[str, ...] = ()


def unfit(claims: Mapping[str, Any], issuer: str, client_id: str, nonce: str, now_s: int) -> str:
    """In words why this token lets nobody in; empty if it does. Quotes nothing of it."""
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
    subject, given = claims.get("sub"), claims.get("nonce")
    if claims.get("iss") != issuer:
        return "it is of another issuer"
    if client_id not in audiences:
        return "it is for another client (`aud`)"
    if claims.get("azp", client_id) != client_id or (len(audiences) > 1 and "azp" not in claims):
        return "it was made for another client (`azp`)"
    if not _is_number(claims.get("exp")) or claims["exp"] <= now_s - LEEWAY_S:
        return "it is over (`exp`)"
    if not _is_number(claims.get("iat")) or not now_s - AGE_S_MAX <= claims["iat"] <= now_s + LEEWAY_S:
        return "it was not made just now (`iat`); is one of the clocks wrong?"
    if "nbf" in claims and (not _is_number(claims["nbf"]) or claims["nbf"] > now_s + LEEWAY_S):
        return "it does not hold yet (`nbf`)"
    if not isinstance(given, str) or not hmac.compare_digest(given.encode("utf-8", "replace"), nonce.encode()):
        return "it belongs to another login (`nonce`)"
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARS_MAX:
        return "it names no account (`sub`)"
    return ""


def identity_of(claims: Mapping[str, Any], groups_claim: str) -> Identity | str:
    """The person of claims that are known to be right, or in words why they name none."""
    given = claims.get("email")
    email = normalised(given) if isinstance(given, str) else None
    if email is None:
        return "it gives no e-mail address (scope `email`)"
    if claims.get("email_verified") is not True:
        return "it has not verified the e-mail address (`email_verified`)"
    groups = claims.get(groups_claim, [])
    groups = [groups] if isinstance(groups, str) else groups
    if not isinstance(groups, list) or len(groups) > GROUPS_MAX:
        return f"its claim `{groups_claim}` is no list of at most {GROUPS_MAX} groups"
    if not all(isinstance(group, str) and len(group) <= GROUP_CHARS_MAX for group in groups):
        return f"its claim `{groups_claim}` has something else than names in it"
    name = claims.get("name")
    shown = name if isinstance(name, str) and name.isprintable() and len(name) <= GROUP_CHARS_MAX // 2 else ""
    return Identity(str(claims["sub"]), email, shown, tuple(sorted(set(groups))))


def role_of(groups: Sequence[str], roles: Mapping[str, Role], otherwise: Role | None) -> Role | None:
    """The highest role that one of the groups gives, else the one for everybody else. None: nobody without such a group comes in."""
    given: list[Role] = [roles[group] for group in groups if group in roles]
    if not given:
        return otherwise
    return max(given, key=lambda role: RANKS[role])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
