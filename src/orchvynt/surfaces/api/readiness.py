"""Whether this process takes invocations, as load balancers ask for it."""

from typing import Any, Literal

from orchvynt.decisions.outage.standing import Standing
from orchvynt.language.snapshot import Snapshot
from orchvynt.runtime.policies import Policies

Status = Literal["ready", "draining", "store_unavailable"]


def status_of(ready: bool, outage: Standing, disk_full: bool, snapshot: Snapshot) -> Status:
    """`ready` while it serves; budgets that are still spent are served. Whose journal takes nothing serves nobody."""
    if not ready:
        return "draining"
    closed = disk_full or outage.journal_fails or outage.full or (outage.budgets_closed and snapshot.budgets)
    return "store_unavailable" if closed else "ready"


def readiness(status: Status, outage: Standing, policies: Policies, now: int) -> dict[str, Any]:
    """The body of `/health/ready`."""
    snapshot = policies.current
    return {
        "status": status,
        "policy": snapshot.version,
        "digest": snapshot.digest[:12],
        "drift": policies.drift(now),
        "watch": policies.watch(now),
        "store": "away" if outage.away else "there",
    }
