"""What an invocation is estimated to use before it is known who will answer it."""

import msgspec
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.catalog.bounds import input_tokens_estimate
from orchvynt.decisions.limits.charging import Need
from orchvynt.decisions.limits.turns import Entering
from orchvynt.decisions.routing.statistics import CALLS_NEEDED, Statistics
from orchvynt.language.compiled import EvaluationError, Expression
from orchvynt.language.snapshot import RateLimit, Snapshot
from orchvynt.lifecycle.arriving import OUTPUT_TOKENS_USUAL, entering, need_of
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Invocation
from orchvynt.model.usage import Usage


def limited(*limits: RateLimit) -> Snapshot:
    return msgspec.structs.replace(snapshot(), rate_limits=limits)


def asking(model: str = "gpt", output: int | None = None, choices: int = 1) -> Invocation:
    asked = invocation(model)
    return msgspec.structs.replace(asked, ask=msgspec.structs.replace(asked.ask, max_output_tokens=output, choices=choices))


INPUT = input_tokens_estimate(invocation().ask)


def test_the_callers_own_limit_counts_for_each_choice() -> None:
    assert need_of(snapshot(), asking(output=50, choices=2), Statistics(), 0) == Need(INPUT + 100)


def test_without_one_it_is_guessed_from_what_the_model_says_as_a_rule() -> None:
    statistics = Statistics()
    assert need_of(snapshot(), asking(choices=3), statistics, 0) == Need(INPUT, 3 * OUTPUT_TOKENS_USUAL)
    for _ in range(CALLS_NEEDED):
        statistics.answered("openai", "gpt", SECOND, Usage(9, 40), 0)
    for name in ("gpt", "small", "auto", "nobody knows it"):
        assert need_of(snapshot(), asking(name), statistics, 0) == Need(INPUT, 40)
    assert need_of(snapshot(), asking("claude"), statistics, 0) == Need(INPUT, OUTPUT_TOKENS_USUAL)


def test_who_arrives_comes_under_the_limits_that_apply_or_is_stopped_by_one_that_fails() -> None:
    calls, both = RateLimit("r", "global", None, 60 * SECOND, invocations=1), RateLimit("t", "global", None, SECOND, tokens=10_000)
    for limits, need in (((calls,), Need(0)), ((calls, both), Need(INPUT, OUTPUT_TOKENS_USUAL))):
        asked = entering(limited(*limits), asking(), {}, Statistics(), 0)
        assert isinstance(asked, Entering)
        assert (tuple(one.limit for one in asked.applied), asked.need) == (limits, need)
    assert entering(snapshot(), asking(), {}, Statistics(), 0) is None

    def fails(_: object) -> object:
        raise EvaluationError("no such key")

    broken = limited(RateLimit("r", "global", Expression("x", fails, frozenset()), SECOND, 1))
    assert isinstance(entering(broken, asking(), {}, Statistics(), 0), Fault)
