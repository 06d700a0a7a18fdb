"""One sweep for all deadlines of the process, instead of a timer per request."""

import asyncio
import sys
import traceback
from typing import Final

from orchvynt.lifecycle import events
from orchvynt.lifecycle.waiting_callers import pending
from orchvynt.runtime import answers
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.clock_jumps import ClockJumps
from orchvynt.runtime.forgetting import Forgetting
from orchvynt.runtime.life import Life
from orchvynt.runtime.repeating import Repeating
from orchvynt.runtime.reviewing import Reviewing
from orchvynt.runtime.voting import Voting

TICK_S: Final = 0.05
HOUSEKEEPING_TICKS: Final = 1_200
FORGETTING_TICKS: Final = 72_000
ESCALATIONS_AT_ONCE: Final = 64
SECOND_TICKS: Final = 20


class Sweeping:
    """Wakes twenty times a second and looks at what is due."""

    def __init__(self, carrier: Carrier, reviewing: Reviewing, voting: Voting, repeating: Repeating, forgetting: Forgetting) -> None:
        self.carrier = carrier
        self.reviewing = reviewing
        self.voting = voting
        self.repeating = repeating
        self.forgetting = forgetting
        self._jumps = ClockJumps(carrier.clock)
        # Whether more reviews may be folded at the next tick.
        self._folds = False

    async def run(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(TICK_S)
            ticks += 1
            self.tick(ticks)

    def tick(self, ticks: int) -> None:
        """What happens at one tick. One life's defect must not end the deadlines of all others."""
        try:
            self.sweep()
            if self._folds or ticks % SECOND_TICKS == 0:
                self._folds = self.carrier.parked.fold(self.carrier.clock.now())
            if ticks % SECOND_TICKS == 0:
                self.carrier.kept.write()
                self.carrier.attempting.renewing.look()
                self.carrier.admitting.forget_accounts(self._jumps.surely())
                self.carrier.admitting.prompts.forget_gone()
            if ticks % HOUSEKEEPING_TICKS == 0:
                self._keep_house()
            if ticks % FORGETTING_TICKS == 0:
                self.reviewing.tasks.start(self.repeating.forget(), "forget kept answers")
            if ticks % FORGETTING_TICKS == 0 or (ticks % HOUSEKEEPING_TICKS == 0 and self.forgetting.due):
                self.reviewing.tasks.start(self.forgetting.forget(), "forget spend")
        except Exception:  # noqa: BLE001 - a loop top: a defect in one deadline must not end all others
            sys.stderr.write(f"orchvynt: the sweep failed\n{traceback.format_exc()}")

    def sweep(self) -> None:
        carrier = self.carrier
        now = carrier.clock.monotonic()
        carrier.admitting.sweep(carrier.clock.now(), now)
        carrier.attempting.sweep(now)
        for life in [life for life in carrier.lives.values() if life.due <= now]:
            for name in life.take_due(now):
                self._due(life, name, now)
        if jumped := self._jumps.look():
            carrier.parked.clock_jumped(jumped)
        at = carrier.clock.now()
        if carrier.parked.next_due() <= at:
            for one in carrier.parked.take_due(at, ESCALATIONS_AT_ONCE):
                self.reviewing.tasks.start(self.voting.fall_due(one), f"due {one.review}")

    def _due(self, life: Life, name: str, now: int) -> None:
        carrier = self.carrier
        at = carrier.clock.now()
        exchange, timeouts = life.exchange, life.snapshot.timeouts
        match name:
            case "deadline":
                carrier.feed(life, events.DeadlinePassed(at, now))
            case "stream_open":
                carrier.feed(life, events.StreamOpenDue(at, now))
            case "keep_alive":
                carrier.callers.keep_alive(life)
            case "caller_wait":
                self._caller_wait(life, at, now)
            case "answer" if exchange is not None:
                exchange.time_out("timeout", f"no answer within {timeouts.answer_ns // 1_000_000} ms (`timeouts.answer`)")
            case "judge" if life.judge is not None and life.judge.exchange is not None:
                what = f"no judgement within {timeouts.answer_ns // 1_000_000} ms (`timeouts.answer`)"
                life.judge.exchange.time_out("timeout", what)
            case "first_token" if exchange is not None:
                exchange.time_out("timeout", f"no first token within {timeouts.first_token_ns // 1_000_000} ms (`timeouts.first_token`)")
            case "stall" if exchange is not None:
                if exchange.paused or exchange.made_progress():
                    life.set_timer("stall", now + timeouts.stall_ns)
                else:
                    exchange.time_out("stall", f"nothing came for {timeouts.stall_ns // 1_000_000} ms (`timeouts.stall`)")

    def _caller_wait(self, life: Life, at: int, now: int) -> None:
        carrier = self.carrier
        late = carrier.callers.overdue(life, now)
        if late and len(late) == len(life.callers):
            carrier.feed(life, events.CallerWaitElapsed(at, now))
            carrier.parking.left(life)
            return
        for caller in late:
            carrier.callers.detach(life, caller)
            answers.refuse(life, caller, pending(life.state))

    def _keep_house(self) -> None:
        self.carrier.parked.forget(self.carrier.clock.now())
        self.carrier.admitting.forget_ended()
        self.carrier.limiting.forget(self.reviewing.policies.current)
