"""How evidence is changed in place, and what of it."""

from typing import Any

from tests.support.review_kills.evidence import Evidence


def lasting(seen: Evidence) -> dict[str, Any]:
    return next(record for record in seen.records if record["invocation"] == seen.answered)


def review_of(seen: Evidence) -> dict[str, Any]:
    return seen.reviews[f"rev_{seen.answered.removeprefix('inv_')}.1"]


def entries(seen: Evidence, kind: str) -> list[dict[str, Any]]:
    return [entry for entry in lasting(seen)["timeline"] if entry["kind"] == kind]


def insert(seen: Evidence, before: str, kind: str, **detail: Any) -> bool:
    """One more entry in the record, before the first of a kind."""
    timeline = lasting(seen)["timeline"]
    place = next((number for number, entry in enumerate(timeline) if entry["kind"] == before), None)
    if place is None:
        return False
    timeline.insert(place, {"at": timeline[place]["at"], "offset_ms": 0.0, "kind": kind, "text": "forged", "detail": detail})
    return True
