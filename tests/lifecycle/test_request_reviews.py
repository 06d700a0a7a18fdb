"""Lives that wait for people before their send, as scripts: parked, granted, refused, owed and kept."""

from tests.support.budgets import line
from tests.support.playbook import ANSWER, ASK_FIRST, Playbook, Recorded, admitted, received
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.decisions.budgets.needs import Short
from orchvynt.dialects.shapes import Failure, Seen
from orchvynt.language.snapshot import Breach, Budget, Gate, Limits
from orchvynt.lifecycle.before_send import joinable, wanted
from orchvynt.lifecycle.commands import Admit, CancelAttempt, Close, Deliver, GoOn, OpenHeldStream, Park, Refuse, Send, WakeAfter
from orchvynt.lifecycle.events import (
    AnswerArrived,
    AttemptFailed,
    BackoffElapsed,
    CallerGone,
    CallerJoined,
    CallerWaitElapsed,
    NotAdmitted,
    ShutDown,
    StreamEnded,
    StreamOpenDue,
    Voted,
)
from orchvynt.lifecycle.state import decode
from orchvynt.lifecycle.waiting_callers import pending
from orchvynt.model.facts import BudgetGranted, ReviewConcluded, ReviewDecided, ReviewOpened
from orchvynt.model.usage import Usage

PURSE = Budget("purse", "global", None, "day", Limits(tokens=100), breach=Breach("review", reviewers="leads", grants=(50, 500)))
PLAIN = Budget("plain", "global", None, "day", Limits(tokens=100))
DAY = 86_400 * SECOND
NO_ROOM = ["candidate_skipped"]


def short(budget: Budget = PURSE) -> Short:
    return Short(line(terms=budget), False, "tokens", 100, 90, 0, 60)


def refused(budget: Budget = PURSE, waited: bool = False) -> NotAdmitted:
    return NotAdmitted(2_000, 20, "budget", short(budget), waited=waited)


def begun(stream: bool = False, gates: tuple[Gate, ...] = (), tiers: tuple[str, ...] = ("gpt",)) -> Playbook:
    playbook = Playbook(snapshot(tiers=tiers, gates=gates, budgets=(PURSE, PLAIN)), invocation(stream=stream))
    judged = ["gate_judged" for gate in gates if gate.when is None]
    return playbook >> received() << [Recorded("invocation_received", "routed", *judged), ASK_FIRST]


def parked(stream: bool = False, gates: tuple[Gate, ...] = ()) -> Playbook:
    return begun(stream, gates) >> refused() << [Recorded(*NO_ROOM), Recorded("review_opened"), Park]


def approved(playbook: Playbook, grant: int = 50) -> Playbook:
    playbook >> Voted(4_000, 40, "approve", "token:ana", "fine", grant)
    return playbook << [Recorded("review_decided", "budget_granted"), GoOn, ASK_FIRST]


def going(stream: bool = False) -> Playbook:
    return approved(parked(stream)) >> admitted() << [Recorded("hold_placed", "attempt_sent"), Send]


def test_it_is_parked_with_its_request_and_the_numbers() -> None:
    opened = parked().facts[-1]
    assert isinstance(opened, ReviewOpened)
    assert (opened.gate, opened.reviewers, opened.escalates_at) == ("budget purse", ("leads",), 0)
    assert opened.wanted is not None
    assert (opened.wanted.limit, opened.wanted.spent, opened.wanted.needed, opened.wanted.grants) == (100, 90, 60, (50, 500))
    assert decode(opened.state).invocation.ask.body, "it must still be sent"


def test_an_approval_grants_and_goes_on_from_the_first_candidate() -> None:
    playbook = approved(parked())
    given = playbook.facts[-1]
    assert isinstance(given, BudgetGranted)
    assert (given.grant, given.budget, given.subject, given.tokens, given.nanos) == ("rev_1.1", "purse", "*", 50, 0)
    assert (given.window, given.until, given.by, given.review) == (0, DAY, "token:ana", "rev_1.1")
    decided = playbook.facts[-2]
    assert isinstance(decided, ReviewDecided)
    assert not decode(decided.state).invocation.ask.body, "a decision stores no request: it is not sent from there"
    (
        playbook
        >> admitted()
        << [Recorded("hold_placed", "attempt_sent"), Send]
        >> AnswerArrived(5_000, 50, ANSWER)
        << [Recorded("attempt_ended", "attempt_settled", "answer_delivered", "review_concluded", "invocation_finished"), Deliver(), Close()]
    )


def test_an_answer_that_nobody_waits_for_is_kept() -> None:
    playbook = going() >> CallerGone(4_500, 45) << [Recorded("caller_waits")]
    assert playbook.state.phase == "attempting", "nothing is cancelled: the answer is owed"
    assert "on its way" in pending(playbook.state).message
    (
        playbook
        >> AnswerArrived(5_000, 50, ANSWER)
        << [Recorded("attempt_ended", "attempt_settled", "review_concluded", "invocation_finished"), Deliver(), Close()]
    )
    kept = next(fact for fact in playbook.facts if isinstance(fact, ReviewConcluded))
    assert kept.joinable
    assert decode(kept.state).answer == ANSWER


def test_callers_come_and_go_while_it_waits_and_while_it_goes_on() -> None:
    playbook = parked() >> CallerWaitElapsed(3_000, 30) << [Recorded("caller_waits"), Refuse]
    assert "before anything is sent" in pending(playbook.state).message
    playbook >> CallerJoined(3_100, 31) << [Recorded("caller_waits")] >> ShutDown(3_200, 32) << [Recorded("caller_waits"), Refuse]
    approved(playbook) >> CallerJoined(4_100, 41) << [Recorded("caller_waits")]
    playbook >> CallerWaitElapsed(4_200, 42) << [Recorded("caller_waits"), Refuse]
    assert playbook.state.phase == "admitting"


def test_a_rejection_ends_it_unsent() -> None:
    playbook = (
        parked()
        >> Voted(4_000, 40, "reject", "token:ana", "no")
        << [Recorded("review_decided", "invocation_refused", "invocation_finished"), Refuse, Close()]
    )
    assert playbook.state.verdict is not None
    assert playbook.state.verdict.code == "review_rejected"
    assert "granted nothing" in playbook.state.verdict.message


def test_too_small_a_grant_parks_it_again() -> None:
    playbook = approved(parked()) >> refused()
    playbook << [Recorded(*NO_ROOM), Recorded("review_opened"), Park]
    assert not playbook.state.owed


def test_the_first_breached_budget_of_the_first_candidate_decides() -> None:
    playbook = begun(tiers=("gpt", "claude")) >> refused(PLAIN) << [Recorded(*NO_ROOM), Admit(2, "claude", "att_1.1")]
    playbook >> refused() << [Recorded(*NO_ROOM), Recorded("invocation_refused", "invocation_finished"), Refuse, Close()]
    assert playbook.state.verdict is not None
    assert playbook.state.verdict.code == "budget_exceeded"
    other = begun(tiers=("gpt", "claude")) >> refused() << [Recorded(*NO_ROOM), Admit(2, "claude", "att_1.1")]
    other >> refused(PLAIN) << [Recorded(*NO_ROOM), Recorded("review_opened"), Park]


def test_who_was_sent_somewhere_is_not_parked() -> None:
    playbook = begun(tiers=("gpt", "claude")) >> admitted() << [Recorded("hold_placed", "attempt_sent"), Send]
    failed = AttemptFailed(3_000, 30, Failure("server_error", 500, "", 0), False, True, 0.5, may_retry=False)
    playbook >> failed << [Recorded("attempt_ended", "hold_voided", "fallback_activated"), Admit(2, "claude", "att_1.2")]
    playbook >> refused() << [Recorded(*NO_ROOM), Recorded("invocation_refused", "fallback_ended", "invocation_finished"), Refuse, Close()]


def test_waiting_for_holds_in_vain_asks_people_and_a_full_queue_does_not() -> None:
    begun() >> refused(waited=True) << [Recorded(*NO_ROOM), Recorded("review_opened"), Park]
    full = begun() >> NotAdmitted(2_000, 20, "queue_full", short())
    full << [Recorded(*NO_ROOM), Recorded("invocation_refused", "invocation_finished"), Refuse, Close()]


def test_what_no_grant_could_help_is_refused() -> None:
    assert wanted(Short(line(terms=PURSE), False, "output_tokens", 1, 1, 0, 1)) is None
    assert wanted(short(PLAIN)) is None


def test_a_parked_stream_is_kept_alive_and_given_whole() -> None:
    playbook = parked(stream=True) >> StreamOpenDue(3_000, 30) << [Recorded("caller_waits"), OpenHeldStream()]
    approved(playbook) >> admitted() << [Recorded("hold_placed", "attempt_sent"), Send]
    assert not playbook.state.streams
    ended = StreamEnded(5_000, 50, Seen("c", "gpt-4o", True, 4, "stop", Usage(9, 1), True), None, b"data: [DONE]\n\n", 0)
    (
        playbook
        >> ended
        << [
            Recorded("attempt_ended", "attempt_settled", "answer_delivered", "review_concluded", "invocation_finished"),
            Deliver(),
            Close(),
        ]
    )


def test_a_failure_after_the_approval_is_kept_and_a_retry_that_may_mend_it_is_not_told_it_again() -> None:
    playbook = going()
    failed = AttemptFailed(5_000, 50, Failure("server_error", 500, "", 0), True, True, 0.5, may_retry=False)
    (
        playbook
        >> failed
        << [
            Recorded("attempt_ended", "attempt_settled"),
            Recorded("invocation_refused", "review_concluded", "invocation_finished"),
            Refuse,
            Close(),
        ]
    )
    kept = next(fact for fact in playbook.facts if isinstance(fact, ReviewConcluded))
    assert not kept.joinable
    assert not joinable(playbook.state)


def test_a_shut_down_after_the_approval_is_the_last_word() -> None:
    playbook = going() >> ShutDown(5_000, 50)
    playbook << [
        Recorded("invocation_refused", "attempt_ended", "attempt_settled", "review_concluded", "invocation_finished"),
        CancelAttempt(),
        Refuse,
        Close(),
    ]
    assert playbook.state.verdict is not None
    assert (playbook.state.verdict.code, playbook.state.verdict.should_retry) == ("all_providers_failed", False)
    assert joinable(playbook.state)


def test_an_output_gate_takes_over_what_is_owed() -> None:
    gate = Gate("g", "output", None, "people", False, 5 * SECOND)
    playbook = approved(parked(gates=(gate,))) >> admitted() << [Recorded("hold_placed", "attempt_sent"), Send]
    playbook >> AnswerArrived(5_000, 50, ANSWER) << [Recorded("attempt_ended", "attempt_settled", "review_opened"), Park]
    assert (playbook.state.phase, playbook.state.review, playbook.state.owed) == ("in_review", "rev_1.2", False)


def test_a_retry_after_the_approval_goes_on_without_a_caller() -> None:
    playbook = going()
    failed = AttemptFailed(5_000, 50, Failure("server_error", 500, "", 0), False, True, 0.5)
    playbook >> failed << [Recorded("attempt_ended", "hold_voided", "retry_scheduled"), WakeAfter]
    playbook >> CallerGone(5_100, 51) << [Recorded("caller_waits")]
    playbook >> CallerJoined(5_200, 52) << [Recorded("caller_waits")] >> CallerWaitElapsed(5_300, 53) << [Recorded("caller_waits"), Refuse]
    playbook >> BackoffElapsed(6_000, 60) << [Admit(1, "gpt", "att_1.2")]
