"""How soon a decision reaches the caller that is held for it: from the decider's send to the last byte of the caller's answer."""

import asyncio
import json
import time
from typing import Final

from lines import Answered, Line
from parking import DOOR, chat
from processes import BenchError
from restarts import ADMIN

OPENED_S_MAX: Final = 60.0
DECISIONS: Final = ("approve", "reject")


async def one_held(port: int, admin_port: int, decisions: int) -> list[float]:
    """Milliseconds of each decision. One caller waits at a time; every second one streams, every fourth decision is a rejection."""
    return [ms for number in range(decisions) for ms in await _decided(port, admin_port, range(number, number + 1))]


async def all_held(port: int, admin_port: int, callers: int) -> list[float]:
    """The same while so many wait, who are decided on one after the other."""
    return await _decided(port, admin_port, range(callers))


async def at_once(port: int, admin_port: int, callers: int) -> list[float]:
    """The same where one request decides on all of them: milliseconds from its send until each caller has its answer."""
    lines, answers = await _held(port, range(callers))
    admin = await Line.open(admin_port)
    reviews = await _reviews(admin, callers)
    sent = time.monotonic_ns()
    told = asyncio.ensure_future(admin.ask("/api/v1/reviews/decisions", _json(reviews=reviews, decision="approve"), ADMIN))
    found = [_ms(sent, answered, 200) for answered in await asyncio.gather(*answers)]
    _check(await told, 200)
    for line in (*lines, admin):
        line.close()
    return found


async def _decided(port: int, admin_port: int, numbers: range) -> list[float]:
    lines, answers = await _held(port, numbers)
    admin = await Line.open(admin_port)
    reviews = await _reviews(admin, len(numbers))
    waiting, found = set(answers), []
    for number, review in zip(numbers, reviews, strict=True):
        decision = DECISIONS[number % 4 == 3]
        sent = time.monotonic_ns()
        told = asyncio.ensure_future(admin.ask(f"/api/v1/reviews/{review}/decisions", _json(decision=decision, reason="seen"), ADMIN))
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        _check(await told, 200)
        (answered,) = done
        found.append(_ms(sent, answered.result(), 0))
    for line in (*lines, admin):
        line.close()
    return found


async def _held(port: int, numbers: range) -> tuple[list[Line], list[asyncio.Task[Answered]]]:
    """Callers that have asked, and what they will be answered."""
    lines = [await Line.open(port) for _ in numbers]
    for number, line in zip(numbers, lines, strict=True):
        text = f"held {number} since {time.monotonic_ns()}"
        line.send(DOOR, chat(text, stream=number % 2 == 1), {"x-orchvynt-flags": "held"})
    return lines, [asyncio.ensure_future(line.answer()) for line in lines]


async def _reviews(admin: Line, count: int) -> list[str]:
    """The open reviews of the gate that holds, once there are so many."""
    until = time.monotonic() + OPENED_S_MAX
    while time.monotonic() < until:
        answered = _check(await admin.ask("/api/v1/reviews?gate=held&sort=newest&limit=500", headers=ADMIN), 200)
        if len(found := json.loads(answered.body)["items"]) == count:
            return [one["review"] for one in found]
        await asyncio.sleep(0.01)
    raise BenchError(f"There were not {count} reviews open within {OPENED_S_MAX:.0f} s.")


def _ms(sent: int, answered: Answered, status: int) -> float:
    if status:
        _check(answered, status)
    return (answered.last - sent) / 1e6


def _check(answered: Answered, status: int) -> Answered:
    if answered.status != status:
        raise BenchError(f"It was answered {answered.status}: {answered.body[:500]!r}")
    return answered


def _json(**fields: object) -> bytes:
    return json.dumps(fields).encode()
