"""The one way by which whoever answers an admin request notes it in the audit."""

from typing import Any, Final

from orchvynt.decisions.audit.entries import AuditRow
from orchvynt.surfaces.admin.asking import Desk

WHY_CHARS_MAX: Final = 2_000
SUBJECT_CHARS_MAX: Final = 2_000


async def note(desk: Desk, who: str, what: str, why: str, subject: str, details: dict[str, Any] | None = None) -> None:
    """One audit entry, bounded. `details` are ids and numbers of ours; `why` is what a person wrote, and can be forgotten."""
    await desk.store.audit(AuditRow(desk.clock.now(), who, what, why[:WHY_CHARS_MAX], subject[:SUBJECT_CHARS_MAX], details or {}))
