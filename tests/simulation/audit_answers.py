"""Answers: each caller is told once, what looks whole is whole, and nothing passes where something failed."""

from collections.abc import Iterator
from typing import Final

from tests.simulation import timeline as seen
from tests.simulation.accounts import fails, lacks_subject
from tests.simulation.books import Attempt, Books, Invocation
from tests.simulation.callers import Read, read
from tests.simulation.plan import Call

from orchvynt.model import facts as f
from orchvynt.scripted import tokens

STATUSES: Final = frozenset({0, 200, 400, 402, 404, 409, 413, 415, 422, 503})
ENDINGS: Final = frozenset({"reset", "left", "aborted"})


def told_once(books: Books) -> Iterator[str]:
    for call in books.plan.calls:
        tellings = books.heard.get(call.number, [])
        if len(tellings) != 1:
            yield f"call {call.number} was told {len(tellings)} times"
        for _, heard in tellings:
            if heard.status not in STATUSES:
                yield f"call {call.number} got status {heard.status}: {heard.body[:300]!r}"


def fails_closed(books: Books) -> Iterator[str]:
    """A condition that fails lets nothing pass, a full disk answers nothing, and no defect is told to a caller."""
    for call, inv, _, heard in _tellings(books):
        said = read(call, heard.status, heard.how, heard.body)
        if said.code == "internal":
            yield f"call {call.number} met a defect"
        if heard.status == 200 and not call.stream and heard.how == "answered" and _full(books, heard.at):
            yield f"call {call.number} was answered while nothing could be written"
        if inv is not None and fails(inv.policy, call) and (heard.status == 200 or any(one.arrivals for one in inv.attempts.values())):
            yield f"call {call.number} passed, although the condition of a budget fails for it"
        if inv is not None and lacks_subject(inv.policy, call) and any(one.arrivals for one in inv.attempts.values()):
            yield f"call {call.number} passed, although a budget refuses who names no subject"


def _full(books: Books, at: int) -> bool:
    return any(since < at - books.plan.start < until for since, until in books.plan.disk_full)


def whole_or_says_so(books: Books) -> Iterator[str]:
    """An answer that looks whole is all that its provider gave; every other end is an error, or a connection that breaks."""
    for call, inv, seq, heard in _tellings(books):
        if heard.status != 200 or inv is None:
            continue
        said = read(call, heard.status, heard.how, heard.body)
        if not said.whole and not said.code and heard.how not in ENDINGS:
            yield f"call {call.number}: the stream just ends after {said.text!r}"
        if said.whole and said.code:
            yield f"call {call.number}: an error, and the marker of a whole answer"
        if said.whole:
            yield from _is_whole(call, inv, seq, said)


def _is_whole(call: Call, inv: Invocation, seq: int, said: Read) -> Iterator[str]:
    streamed = [fact for at, fact in inv.facts if isinstance(fact, f.StreamEnded) and at < seq]
    if call.stream and not any(fact.whole for fact in streamed):
        yield f"call {call.number} got a whole stream that is not whole on record"
    answers = [attempt for attempt in inv.attempts.values() if attempt.arrivals]
    if any(isinstance(fact, f.StreamRescued) for _, fact in inv.facts) or not answers:
        return
    last = max(answers, key=lambda attempt: attempt.arrivals[0][0])
    expected = _expected(last)
    if expected is not None and said.text != expected:
        yield f"call {call.number} got {said.text[-60:]!r} as a whole answer, its provider said {expected[-60:]!r}"


def _expected(attempt: Attempt) -> str | None:
    """What its provider said, up to the output limit; None where it was told to answer badly."""
    one = attempt.behaviour
    if one is None or not attempt.healthy:
        return None
    limit = attempt.arrivals[0][1].entry.max_tokens
    pieces = tokens.split("word " * one.output_tokens)
    return "".join(pieces if limit is None else pieces[:limit])


def _tellings(books: Books) -> Iterator[tuple[Call, Invocation | None, int, seen.Heard]]:
    for number, tellings in books.heard.items():
        for seq, heard in tellings:
            yield books.calls[number], books.invocations.get(heard.headers.get("x-orchvynt-invocation", "")), seq, heard
