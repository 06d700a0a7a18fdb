"""The four roles of the admin plane, each with all that the ones before it may do."""

from typing import Final, Literal

Role = Literal["viewer", "reviewer", "operator", "admin"]

RANKS: Final[dict[Role, int]] = {"viewer": 0, "reviewer": 1, "operator": 2, "admin": 3}


def may(role: Role, needed: Role) -> bool:
    """Whether whoever has `role` may do what `needed` may."""
    return RANKS[role] >= RANKS[needed]
