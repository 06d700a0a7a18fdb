"""Plays one seed and has it audited."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from tests.simulation.audit import Violation, audit
from tests.simulation.counts import counts
from tests.simulation.draw import draw
from tests.simulation.process import Bug, Rules
from tests.simulation.timeline import Defect, Timeline
from tests.simulation.watching import watched
from tests.simulation.world import World

SOUND: Final = Bug()


@dataclass(frozen=True)
class Played:
    seed: int
    violations: tuple[Violation, ...]
    counted: Counter[str]
    timeline: Timeline


def play(seed: int, rules: Rules, bug: Bug = SOUND, watches: bool = True) -> Played:
    """`rules` keeps compiled policies over seeds. `watches`: the steps of the lifecycle are counted, by a carrier that inherits from the
    one that serves."""
    plan = draw(seed)
    edges: Counter[tuple[str, str]] = Counter()
    defects: list[str] = []
    world = World(plan, rules, bug, watched(bug.parts, edges, defects) if watches else bug.parts)
    timeline = world.run()
    for text in defects:
        timeline.add(Defect(world.clock.now(), text))
    return Played(seed, tuple(audit(plan, timeline)), counts(plan, timeline, edges), timeline)
