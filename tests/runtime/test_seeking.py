"""What another process parked is looked for before the same request begins anew, and before an invocation is said to be unknown."""

import asyncio

import msgspec
import pytest
from tests.runtime.test_reviews_elsewhere import POLICY, known, parks
from tests.support.snapshots import invocation
from tests.support.together import SILENT_NS, fleet

from orchvynt.lifecycle.state import State
from orchvynt.runtime.seeking import Seeking


def test_a_request_whose_caller_came_and_went_elsewhere_a_moment_ago_is_looked_for() -> None:
    """By the hints its caller waits there, or nothing is parked at all; the store knows better."""

    async def scenario() -> None:
        async with fleet(POLICY, 2) as crowd:
            first, second = crowd.all
            seeking = Seeking(second.parked, second.peers, second.following, second.clock)
            line = parks(first)
            made = State(invocation())
            assert not seeking.doubts(made, has_gates=True), "it knows of no equal, and its client says nothing"
            retried = State(msgspec.structs.replace(invocation(), retry_count=1))
            assert seeking.doubts(retried, has_gates=True)
            assert not seeking.doubts(retried, has_gates=False)
            await known(second)
            assert seeking.doubts(made, has_gates=True)
            await seeking.again(made)
            assert second.carrier.parking.joinable(made) is None, "its caller waits there: equal calls stay apart"
            line.leave()
            assert second.carrier.parking.joinable(made) is None
            await seeking.again(made)
            assert second.carrier.parking.joinable(made) is second.parked.invocation("inv_1")

    asyncio.run(scenario())


def test_a_request_whose_caller_waited_at_a_process_that_says_nothing_joins() -> None:
    async def scenario() -> None:
        async with fleet(POLICY, 2) as crowd:
            first, second = crowd.all
            seeking = Seeking(second.parked, second.peers, second.following, second.clock)
            parks(first)
            await known(second)
            await first.wakeups.close()
            await first.tasks.stop()
            made = State(invocation())
            await seeking.again(made)
            assert second.carrier.parking.joinable(made) is second.parked.invocation("inv_1")

    asyncio.run(scenario())


@pytest.mark.parametrize("silent_ns", [0, SILENT_NS])
def test_what_may_stand_in_the_journal_of_a_process_that_says_nothing_is_not_said_to_be_unknown(silent_ns: int) -> None:
    async def scenario() -> None:
        async with fleet(POLICY, 2) as crowd:
            first, second = crowd.all
            seeking = Seeking(second.parked, second.peers, second.following, second.clock)
            assert await seeking.invocation("inv_9") is None, "all have said what they have"
            await first.wakeups.close()
            await first.tasks.stop()
            crowd.stands("prc_0", "serving", silent_ns)
            fault = await seeking.invocation("inv_9")
            assert fault is not None
            assert (fault.code, fault.retry_after_seconds) == ("store_unavailable", 2)
            crowd.stands("prc_0", "gone")
            assert await seeking.invocation("inv_9") is None
            second.store.away = True
            fault = await seeking.invocation("inv_9")
            assert fault is not None
            assert fault.code == "store_unavailable"

    asyncio.run(scenario())
