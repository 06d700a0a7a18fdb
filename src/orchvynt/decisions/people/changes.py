"""What an administrator may change of a person. Nobody gives, takes or touches a role above their own, and the last admin stays one."""

from orchvynt.model.faults import Fault
from orchvynt.model.roles import Role, may


def barred(own: Role, before: Role | None, after: Role) -> Fault | None:
    """Why somebody with the role `own` may not do that to a person with the role `before` (None: a new one), who has `after` then."""
    if before is not None and not may(own, before):
        return _above(own, before)
    return None if may(own, after) else _above(own, after)


def orphaning(email: str, was_admin: bool, is_admin: bool, other_admins: int) -> Fault | None:
    """Why a change would leave nobody. An admin counts while not disabled."""
    if not was_admin or is_admin or other_admins:
        return None
    said = f"{email} is the only person left with the role admin."
    return Fault("conflict", said, "Make somebody else an admin first: orchvynt people role EMAIL admin.", param="email")


def _above(own: Role, role: Role) -> Fault:
    said = f"The role {own} may not change anything about the role {role}, which is above it."
    return Fault("forbidden", said, "Ask an admin.", param="role")
