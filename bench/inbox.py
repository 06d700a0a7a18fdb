"""How long a page of the inbox takes over the admin plane: with each filter, in the middle of the list, and where nothing matches."""

import asyncio
import json
import time
from typing import Any, Final, NamedTuple

from lines import Line
from parking import GATES
from processes import BenchError, scheduled_ns
from restarts import ADMIN

PAGE: Final = 500
CLAIMED: Final = 100
# Whoever runs before all others and never rests is stopped by the kernel for a twentieth of a second.
BETWEEN_SECONDS: Final = 0.005
PERSON: Final = {"email": "ana@example.com", "password": "a long password of a person", "role": "reviewer"}
PAGES: Final = {
    "the first page": "?",
    "the newest": "?sort=newest",
    "of one gate": f"?gate=gate-{GATES - 3}",
    "claimed by nobody": "?claimed=no",
    "claimed by whoever asks": "?claimed=me",
    "those whoever asks may decide": "?mine=yes",
    "decided ones, too": "?status=all&sort=newest",
    "approved ones": "?status=approved",
    "of a gate that has none": "?gate=none",
    "500 at once": "?limit=500",
}


class Pages(NamedTuple):
    """Milliseconds of each page by its kind, and the CPU time that a page took, all kinds alike."""

    ms: dict[str, list[float]]
    cpu_ms: float


async def enter(admin_port: int) -> dict[str, str]:
    """Lets a person in; → what shows who asks."""
    admin = await Line.open(admin_port)
    await _told(admin, "/people", PERSON, ADMIN)
    admin.close()
    return await log_in(admin_port)


async def log_in(admin_port: int) -> dict[str, str]:
    """→ what shows that the person asks."""
    admin = await Line.open(admin_port)
    login = {"email": PERSON["email"], "password": PERSON["password"], "cookie": False}
    told = await _told(admin, "/login", login, {})
    admin.close()
    return {"authorization": f"Bearer {told['token']}"}


async def decide_and_claim(admin_port: int, person: dict[str, str], decided: int) -> None:
    """So many of the newest are approved, and some of the oldest claimed by the person. All that was parked is in the store then."""
    admin = await Line.open(admin_port)
    await _page(admin, "?limit=1", person)
    for review in (await _page(admin, f"?limit={CLAIMED}", person))["items"] if decided else ():
        await _told(admin, f"/reviews/{review['review']}/claim", {}, person)
    while decided > 0:
        page = await _page(admin, f"?sort=newest&gate=gate-0&limit={min(decided, PAGE)}", ADMIN)
        reviews = [one["review"] for one in page["items"]]
        await _told(admin, "/reviews/decisions", {"reviews": reviews, "decision": "approve", "reason": "seen"}, ADMIN)
        decided -= len(reviews)
    admin.close()


async def pages(admin_port: int, pid: int, person: dict[str, str], count: int, times: int) -> Pages:
    """Each kind of page so often, all kinds in turn, among `count` that are open."""
    admin = await Line.open(admin_port)
    asked = dict(PAGES)
    asked["a page in the middle"] = f"?after={await _middle(admin, count)}"
    found: dict[str, list[float]] = {name: [] for name in asked}
    used, _ = scheduled_ns(pid)
    for _ in range(times):
        for name, query in asked.items():
            await asyncio.sleep(BETWEEN_SECONDS)
            sent = time.monotonic_ns()
            answered = await admin.ask(f"/api/v1/reviews{query}", headers=person)
            found[name].append((answered.last - sent) / 1e6)
            if answered.status != 200:
                raise BenchError(f"{name} was answered {answered.status}: {answered.body[:500]!r}")
    admin.close()
    return Pages(found, (scheduled_ns(pid)[0] - used) / 1e6 / times / len(asked))


async def _middle(admin: Line, count: int) -> str:
    """The cursor behind half of them."""
    cursor = ""
    for _ in range(max(1, count // 2 // PAGE)):
        page = await _page(admin, f"?limit={PAGE}" + (f"&after={cursor}" if cursor else ""), ADMIN)
        cursor = page["next"] or cursor
    return cursor


async def _page(admin: Line, query: str, who: dict[str, str]) -> Any:
    answered = await admin.ask(f"/api/v1/reviews{query}", headers=who)
    if answered.status != 200:
        raise BenchError(f"{query} was answered {answered.status}: {answered.body[:500]!r}")
    return json.loads(answered.body)


async def _told(admin: Line, path: str, body: Any, who: dict[str, str]) -> Any:
    answered = await admin.ask(f"/api/v1{path}", json.dumps(body).encode(), who)
    if answered.status >= 300:
        raise BenchError(f"{path} was answered {answered.status}: {answered.body[:500]!r}")
    return json.loads(answered.body)
