"""Writes what everybody is told when somebody broke the glass: the policy was weakened without those who approve that."""

from typing import Final

import msgspec

from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.runtime.control import Applied

ALERT: Final = "policy.break_glass"
SHOWN_MAX: Final = 20


def sentence(done: Applied) -> str:
    """What happened, in plain text."""
    what = "; ".join(done.weakened[:SHOWN_MAX])
    more = f"; and {len(done.weakened) - SHOWN_MAX} more" if len(done.weakened) > SHOWN_MAX else ""
    return (
        f"{done.row.author} broke the glass: version {done.row.version} weakens what is protected ({what}{more}). Why: {done.row.message}"
    )


def body(done: Applied) -> bytes:
    """The message as JSON."""
    row = done.row
    data = {
        "alert": ALERT,
        "summary": sentence(done)[:2_000],
        "by": row.author,
        "why": row.message[:2_000],
        "policy_version": row.version,
        "weakened": done.weakened[:SHOWN_MAX],
        "next": f"orchvynt diff {row.version - 1} {row.version}",
    }
    return msgspec.json.encode({"type": "alert.firing", "timestamp": instant_text(row.applied_at), "data": data})
