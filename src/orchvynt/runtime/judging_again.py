"""Performs `JudgeAgain`: gives the machine the policy in force beside the one that a life is pinned to, and what both read."""

from functools import partial

from orchvynt.decisions.routing.figures import Observed
from orchvynt.dialects import registry
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.commands import AnyCommand
from orchvynt.lifecycle.events import JudgedAgain
from orchvynt.lifecycle.going_on import judged_again
from orchvynt.runtime.admitting import Admitting
from orchvynt.runtime.life import Life


def judge_again(life: Life, today: Snapshot, observed: Observed, admitting: Admitting) -> list[AnyCommand]:
    """One step of the life, and the commands that follow it."""
    at, mono = admitting.clock.now(), admitting.clock.monotonic()
    snapshot, invocation = life.snapshot, life.state.invocation
    read = partial(registry.caller(invocation.dialect).input_text, invocation.ask)
    todays = RequestValues(invocation, at, read, today.timezone)
    own = RequestValues(invocation, at, read, snapshot.timezone)
    return judged_again(today, snapshot, life.state, JudgedAgain(at, mono), todays, own, observed, admitting.subjects)
