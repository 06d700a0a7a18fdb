"""A caller's score: once, for its own answer, on record before it counts, and counted again after a restart."""

import asyncio

import msgspec
import pytest
from tests.support.answers import WHOLE, refused
from tests.support.carrying import Runtime
from tests.support.snapshots import invocation, snapshot

from orchvynt.decisions.routing.quality import Scores
from orchvynt.model.facts import FeedbackGiven
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Claims
from orchvynt.runtime.feedback import Feedback, Said, restore_scores


def answered(workload: str = "") -> tuple[Runtime, Feedback]:
    runtime = Runtime(snapshot())
    runtime.ask(msgspec.structs.replace(invocation(), claims=Claims(workload=workload)))
    runtime.last.answers(WHOLE)
    return runtime, Feedback(runtime.journal, runtime.clock, runtime.store, runtime.scores, runtime.peers)


def give(feedback: Feedback, inv: str = "inv_1", caller: str = "k", said: Said | None = None) -> FeedbackGiven | Fault:
    return asyncio.run(feedback.give(inv, caller, said or Said(0.25, "off-topic", "not what I asked")))


def code(given: FeedbackGiven | Fault) -> str:
    assert isinstance(given, Fault), given
    return given.code


def test_a_score_is_on_record_and_counts() -> None:
    runtime, feedback = answered("extraction")
    given = give(feedback)
    assert isinstance(given, FeedbackGiven)
    assert (given.score, given.model, given.provider, given.workload, given.label) == (0.25, "gpt", "openai", "extraction", "off-topic")
    assert runtime.journal.frames[-1] == [given]
    model = runtime.policies.current.models["gpt"]
    assert runtime.scores.of(model, "extraction") == (1, 0.25)
    restored = Scores()
    asyncio.run(restore_scores(runtime.store, restored))
    assert restored.of(model, "extraction") == (1, 0.25)


def test_a_second_score_is_a_conflict_in_this_process_and_after_a_restart() -> None:
    runtime, feedback = answered()

    async def both() -> tuple[FeedbackGiven | Fault, FeedbackGiven | Fault]:
        return await asyncio.gather(feedback.give("inv_1", "k", Said(1.0)), feedback.give("inv_1", "k", Said(0.0)))

    first, second = asyncio.run(both())
    assert isinstance(first, FeedbackGiven)
    assert code(second) == code(give(feedback)) == "conflict"
    assert code(give(Feedback(runtime.journal, runtime.clock, runtime.store, runtime.scores, runtime.peers))) == "conflict"
    assert runtime.journal.tags.count("feedback_given") == 1


@pytest.mark.parametrize(("inv", "caller"), [("inv_1", "other"), ("inv_1", ""), ("inv_2", "k")])
def test_only_the_key_that_asked_scores(inv: str, caller: str) -> None:
    _, feedback = answered()
    assert code(give(feedback, inv, caller)) == "not_found"
    assert isinstance(give(feedback), FeedbackGiven)


def test_there_must_be_an_answer() -> None:
    runtime = Runtime(snapshot())
    feedback = Feedback(runtime.journal, runtime.clock, runtime.store, runtime.scores, runtime.peers)
    runtime.ask(invocation())
    early = give(feedback)
    assert isinstance(early, Fault)
    assert (early.code, early.should_retry) == ("conflict", True)
    runtime.last.answers(refused(), 400)
    late = give(feedback)
    assert isinstance(late, Fault)
    assert (late.code, late.should_retry) == ("conflict", False)


def test_what_cannot_be_recorded_does_not_count() -> None:
    runtime, feedback = answered()
    runtime.journal.broken = True
    assert code(give(feedback)) == "store_unavailable"
    runtime.journal.broken = False
    assert isinstance(give(feedback), FeedbackGiven)
