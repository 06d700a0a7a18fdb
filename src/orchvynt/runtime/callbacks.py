"""Tells a key's webhook that a review of one of its invocations is decided: by ids, status and the address to poll.

At least once: what was decided in the last minute before a process ended is told again by the next one. `review` says what was told twice.
"""

from typing import Any, Final

import msgspec

from orchvynt.language.build_callbacks import callback_of
from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.runtime import answers
from orchvynt.runtime.delivering import Delivering
from orchvynt.runtime.parked import Parked
from orchvynt.runtime.parked_one import ParkedOne
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.reviewing import UNAVAILABLE, Reviewing
from orchvynt.runtime.tasks import Tasks

KEY: Final = "key:"
# The outbox has a message in the store a second after it was put; a store that is away for longer delays that.
RETOLD_NS: Final = 60_000_000_000
ANSWER_BYTES_MAX: Final = 128 * 1024


class Callbacks:
    """Hears of every decision from the index of parked invocations. It waits for nobody, and nobody waits for it."""

    def __init__(self, parked: Parked, policies: Policies, reviewing: Reviewing, delivering: Delivering, tasks: Tasks) -> None:
        self._policies = policies
        self._reviewing = reviewing
        self._delivering = delivering
        self._tasks = tasks
        parked.heard = self.decided
        for one in parked.decided_last(RETOLD_NS):
            self.decided(one)

    def decided(self, one: ParkedOne) -> None:
        key = self._policies.current.keys.get(one.key_id.removeprefix(KEY)) if one.key_id.startswith(KEY) else None
        if key is None or callback_of(key.name) not in self._policies.current.destinations:
            return
        if key.sends_answer and one.status == "approved":
            self._tasks.start(self._with_answer(one), f"callback of {one.review}")
        else:
            self._put(one, {})

    async def _with_answer(self, one: ParkedOne) -> None:
        """An answer that cannot be had, or is large, is left out: it is at the address to poll."""
        try:
            life = await self._reviewing.read(one)
        except UNAVAILABLE:
            self._put(one, {})
            return
        state = life.state
        body = answers.body(life) if state.phase == "done" and state.verdict is None else b""
        self._put(one, {"answer": msgspec.Raw(body)} if 0 < len(body) <= ANSWER_BYTES_MAX else {})

    def _put(self, one: ParkedOne, more: dict[str, Any]) -> None:
        data = {
            "review": one.review,
            "invocation": one.inv,
            "gate": one.gate,
            "status": one.status,
            "poll": f"/v1/invocations/{one.inv}/result",
            **more,
        }
        said = msgspec.json.encode({"type": "review.decided", "timestamp": instant_text(one.decided_at), "data": data})
        self._delivering.put(callback_of(one.key_id.removeprefix(KEY)), one.review, said)
