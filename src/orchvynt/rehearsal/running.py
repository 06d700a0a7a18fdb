"""Runs the tests that a policy has in it: each in a world of its own, and each ends when its caller has been told."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from orchvynt.language.compiled_gates import ALL
from orchvynt.language.problems import Problem
from orchvynt.language.reading import place
from orchvynt.language.report import Report, Span
from orchvynt.language.snapshot import PolicyTest, Snapshot
from orchvynt.language.yaml_marks import Node, parse
from orchvynt.lifecycle import events
from orchvynt.model.facts import AnyFact, InvocationReceived, ReviewOpened
from orchvynt.rehearsal.caller import RehearsedLine, request_of
from orchvynt.rehearsal.happened import Happened, read
from orchvynt.rehearsal.judging import Difference, differences
from orchvynt.rehearsal.providers import BehaviourError, script_of
from orchvynt.rehearsal.world import World
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.sweeping import Sweeping
from orchvynt.surfaces.api.endpoints import DataPlane
from orchvynt.surfaces.rehearsed import Rehearsed, Unmet

USUAL_INSTANT: Final = "2025-01-15T12:00:00"
"""When a test plays that does not say so: a Wednesday noon in the policy's timezone, the same in every run."""
PATIENCE_S: Final = 86_400
NOTHING: Final = Happened(outcome="unknown", verdict="Nothing is on record.")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Stage(msgspec.Struct, frozen=True):
    """What a test needs of a machine. `record` gives an invocation's facts, `strike` ends what still runs."""

    data_plane: DataPlane
    carrier: Carrier
    sweeping: Sweeping
    record: Callable[[str], Awaitable[list[AnyFact]]]
    authorization: str
    strike: Callable[[], Awaitable[None]]


BuildStage = Callable[[World, Snapshot, str], Awaitable[Stage]]
"""Puts the production machine onto a world, for a caller with the key of that name (empty: without one)."""


def rehearse(snapshot: Snapshot, file: str, fits: Callable[[str], bool], build: BuildStage) -> tuple[Rehearsed, ...]:
    """Runs the tests whose names fit, in their order. `file` is what positions are given in."""
    document = parse(snapshot.source, Report(file, snapshot.source))
    assert document is not None
    return tuple(
        _Rehearsal(snapshot, test, _Places(document, file, number), build).result()
        for number, test in enumerate(snapshot.tests)
        if fits(test.name)
    )


class _Places:
    """Where one test stands in the file."""

    def __init__(self, document: Node, file: str, number: int) -> None:
        self._document = document
        self._file = file
        self._steps: tuple[str | int, ...] = ("tests", number)

    def span(self, *steps: str) -> Span:
        return place(self._document, (*self._steps, *steps))[0]

    def problem(self, source: str, steps: tuple[str, ...], message: str) -> Problem:
        """Underlined in the file's text, like those of `validate`."""
        span = self.span(*steps)
        if not steps:
            span = Span(span.line, span.column, span.line, span.column + 1)
        report = Report(self._file, source)
        report.error(span, message, path=f"tests[{self._steps[1]}]{''.join(f'.{step}' for step in steps)}")
        return report.problems()[0]


class _Rehearsal:
    """One test."""

    def __init__(self, snapshot: Snapshot, test: PolicyTest, places: _Places, build: BuildStage) -> None:
        self._test = test
        self._places = places
        self._build = build
        key = test.given.get("key")
        self._key = str(key) if key is not None else ""
        # Without a key the caller is unrestricted, as it is under a policy that has none. Samples are not drawn.
        keys = snapshot.keys if self._key else {}
        gates = tuple(gate for gate in snapshot.gates if gate.sample == ALL)
        self._snapshot = msgspec.structs.replace(snapshot, keys=keys, gates=gates)

    def result(self) -> Rehearsed:
        test = self._test
        try:
            script = script_of(test.providers)
            at = _instant(test.given.get("at"), self._snapshot.timezone)
        except BehaviourError as error:
            return self._not_run(("providers", error.provider, *error.steps), str(error))
        except (ValueError, OverflowError) as error:
            return self._not_run(("given", "at"), f"this is no instant: {error}")
        try:
            happened = World(self._snapshot, script, at).run(self._live)
        except TimeoutError:
            return self._not_run((), f"the invocation did not end within {PATIENCE_S // 3_600} hours of virtual time")
        found = differences(test.expect, happened, self._snapshot.aliases)
        return self._told(happened, [(("expect", one.name) if one.name else (), one) for one in found])

    def _not_run(self, steps: tuple[str, ...], why: str) -> Rehearsed:
        return self._told(NOTHING, [(steps, Difference("", None, None, why))])

    async def _live(self, world: World) -> Happened:
        """The call, until its caller has the last word or the answer is parked: then nobody decides, and the caller is told so."""
        told = asyncio.Event()
        record: list[str] = []
        parked: list[str] = []

        def noted(fact: AnyFact) -> None:
            if isinstance(fact, InvocationReceived):
                record.append(fact.inv)
            if isinstance(fact, ReviewOpened) and not fact.after_delivery:
                parked.append(fact.inv)
                told.set()

        world.listen(noted)
        stage = await self._build(world, self._snapshot, self._key)
        world.sweep_with(stage.sweeping)
        line = RehearsedLine(told.set)
        try:
            stage.data_plane.handle(request_of(self._test.given, stage.authorization), line)
            async with asyncio.timeout(PATIENCE_S):
                await told.wait()
            if parked and not line.ended:
                life = stage.carrier.lives[parked[0]]
                stage.carrier.feed(life, events.CallerWaitElapsed(world.clock.now(), world.clock.monotonic()))
            facts = await stage.record(record[0]) if record else []
            return read(facts, line)
        finally:
            await stage.strike()

    def _told(self, happened: Happened, found: Sequence[tuple[tuple[str, ...], Difference]]) -> Rehearsed:
        source, test = self._snapshot.source, self._test
        unmet = tuple(Unmet(one.name, one.expected, one.happened, self._places.problem(source, steps, one.message)) for steps, one in found)
        span = self._places.span()
        return Rehearsed(test.name, span.line, span.column, not unmet, happened.outcome, happened.verdict, happened.duration_ms, unmet)


def _instant(said: Any, timezone: str) -> int:
    """Nanoseconds UTC of `given.at`; without an offset it is in the policy's timezone."""
    moment = datetime.fromisoformat(str(said or USUAL_INSTANT))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(timezone))
    return (moment - EPOCH) // timedelta(microseconds=1) * 1_000
