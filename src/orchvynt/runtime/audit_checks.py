"""What the checks of the audit in this process have found, for those who watch it."""

from orchvynt.decisions.audit.chain import Verified


class AuditChecks:
    """`whole_at` is when the last check that found nothing was made (ns UTC; 0: none); `broken` is what the last one found."""

    def __init__(self) -> None:
        self.whole_at = 0
        self.broken = False

    def checked(self, found: Verified, at: int) -> None:
        self.broken = bool(found.bad_at)
        if not self.broken:
            self.whole_at = at
