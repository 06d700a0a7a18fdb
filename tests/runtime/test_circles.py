"""Nothing that comes and goes is left for the garbage collector: it looks seldom, and never at what lived when it was told not to."""

from collections.abc import Callable

import pytest
from tests.contract.upstream.provider import PLAIN, Listener, Wire, client, playing
from tests.support.answers import STREAM, WHOLE, refused
from tests.support.carrying import Runtime
from tests.support.circles import no_circles
from tests.support.loops import LOOPS, run, until
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.language.compiled import EvaluationError
from orchvynt.language.expressions import closures
from orchvynt.language.expressions.values import NotKnownYetError, Values
from orchvynt.surfaces.api.http.limits import Limits
from orchvynt.surfaces.api.http.messages import MessageReader


def whole(runtime: Runtime) -> None:
    runtime.ask(invocation())
    runtime.last.answers(WHOLE)


def refused_by_the_provider(runtime: Runtime) -> None:
    runtime.ask(invocation())
    runtime.last.answers(refused(), 400)


def streamed(runtime: Runtime) -> None:
    """The provider closes the stream at once, or is closed later."""
    for closes in (True, False):
        runtime.ask(invocation(stream=True))
        runtime.last.begins()
        runtime.last.streams(*STREAM)
        if closes:
            runtime.last.listener.on_end()
    runtime.later(3 * SECOND)


def cut(runtime: Runtime) -> None:
    runtime.ask(invocation(stream=True))
    runtime.last.begins()
    runtime.last.streams(*STREAM[:2])
    runtime.last.listener.on_end()


def left(runtime: Runtime) -> None:
    _, line = runtime.ask(invocation(stream=True))
    runtime.last.begins()
    runtime.last.streams(*STREAM[:2])
    line.leave()


@pytest.mark.parametrize("happens", [whole, refused_by_the_provider, streamed, cut, left])
def test_an_invocation(happens: Callable[[Runtime], None]) -> None:
    runtime = Runtime(snapshot())
    happens(runtime)
    with no_circles():
        for _ in range(3):
            happens(runtime)
        runtime.upstream.arrivals.clear()
        runtime.store._records.clear()


@pytest.mark.parametrize("kind", ["&&", "||"])
def test_a_condition_that_cannot_be_decided_yet(kind: str) -> None:
    def unknown(_: Values) -> object:
        raise NotKnownYetError("not before the answer")

    def wrong(_: Values) -> object:
        raise EvaluationError("of another kind")

    def evaluated(condition: closures.Run) -> str:
        try:
            return str(condition({}))
        except EvaluationError as error:
            return str(error)

    conditions = [closures.logical(kind, sides) for sides in ((unknown, wrong), (wrong, unknown), (unknown, unknown, wrong))]
    with no_circles():
        assert {evaluated(condition) for condition in conditions} == {"not before the answer"}


def test_a_connection_of_a_caller() -> None:
    with no_circles():
        MessageReader(Limits(), "127.0.0.1:9").feed(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")


@pytest.mark.parametrize("loop", LOOPS)
def test_a_connection_to_a_provider(loop: str) -> None:
    async def scenario() -> None:
        async def script(wire: Wire) -> None:
            await wire.request()
            wire.send(PLAIN)

        async with playing(script) as provider, client() as upstream:
            listener = Listener()
            upstream.send(provider.address, "/", (), b"{}", 10**9, listener)
            assert await listener.whole() == b"{}"
            await until(lambda: not upstream.connections_open, 10)

    run(loop, scenario)
    with no_circles():
        run(loop, scenario)
