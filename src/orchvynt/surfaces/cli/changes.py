"""Bodies of `orchvynt changes`: what would weaken the protected parts of the policy, and waits for people."""

from typing import Final
from urllib.parse import quote

from orchvynt.surfaces import operator_shapes as s
from orchvynt.surfaces import policy_shapes as p
from orchvynt.surfaces.cli.policies import in_force
from orchvynt.surfaces.cli.session import Session

STYLES: Final = {"open": "yellow", "approved": "green", "rejected": "red", "overtaken": "dim"}


def listed(session: Session, everything: bool, limit: int, after: str) -> None:
    query = {"limit": str(limit), "after": after, "status": "all" if everything else "open"}
    found = session.fetch("GET", "/policies/changes", s.Listing[p.ChangeView], query=query)
    if found is None:
        return
    terminal = session.terminal
    rows = [
        (
            row.change,
            row.status,
            terminal.when(row.at),
            row.author,
            f"{len(row.approved_by)} of {row.quorum}",
            row.approvers,
            row.weakens[0],
        )
        for row in found.items
    ]
    if not rows:
        terminal.line("No change of what is protected waits.")
        return
    terminal.table(
        ("CHANGE", "STATUS", "SINCE", "BY", "APPROVED", "ASKED", "WEAKENS"), rows, spare=("ASKED", "SINCE", "APPROVED", "BY", "STATUS")
    )
    session.more(found.next, "orchvynt changes list")


def votes(row: p.ChangeView) -> str:
    """How many of those that it needs have approved it."""
    return f"{len(row.approved_by)} of {row.quorum}"


def shown(session: Session, change: str) -> None:
    found = session.fetch("GET", f"/policies/changes/{quote(change, safe='')}", p.ChangeDetail)
    if found is None:
        return
    terminal = session.terminal
    terminal.line(f"{found.change}  ", (found.status, STYLES[found.status]), f"  by {found.author}, {terminal.when(found.at)}")
    terminal.line(f"why: {found.message}")
    for line in found.weakens:
        terminal.line(("weakens", "yellow"), f"  {line}")
    terminal.line(f"approved by {', '.join(found.approved_by) or 'nobody yet'}; it needs {found.quorum} of {found.approvers}")
    if found.decided_by:
        because = f": {found.reason}" if found.reason else ""
        terminal.line(f"{found.status} by {found.decided_by}, {terminal.when(found.decided_at)}{because}")


def decide(session: Session, change: str, decision: str, reason: str) -> None:
    body = p.ChangeDecisionBody("approve" if decision == "approve" else "reject", reason)
    done = session.fetch("POST", f"/policies/changes/{quote(change, safe='')}/decisions", p.PolicyApplied, body)
    if done is None:
        return
    terminal, left = session.terminal, done.waiting
    if left is None:
        terminal.line(("applied", "green"), f" version {done.version}", (f"  {done.digest}", "dim"))
        in_force(session, done)
    elif left.status == "open":
        terminal.line(("approved", "green"), f" {left.change}: {votes(left)}; it still waits")
    else:
        terminal.line((left.status, STYLES[left.status]), f" {left.change}")
