"""Charges: each bill has one receipt, no receipt is for nothing, facts come first, and what the API says is what is on record."""

from collections import defaultdict
from collections.abc import Iterator

from tests.simulation import timeline as seen
from tests.simulation.accounts import Key, stands
from tests.simulation.audit_limits import billed
from tests.simulation.books import Attempt, Books
from tests.simulation.plan import Tier

from orchvynt.model import facts as f


def charged_once(books: Books) -> Iterator[str]:
    """Each bill is settled once, at no less; at exactly what was reported, where something was."""
    for attempt in books.attempts.values():
        inv, hold = books.invocations[attempt.inv], attempt.hold
        if len(attempt.arrivals) > 1:
            yield f"{attempt.attempt} arrived {len(attempt.arrivals)} times"
        if len(attempt.receipts) > 1 or (attempt.receipts and attempt.void):
            yield f"{attempt.attempt} was settled {len(attempt.receipts)} times{' and voided' if attempt.void else ''}"
        if attempt.bill is None or hold is None:
            continue
        if not attempt.receipts:
            yield f"{attempt.attempt} was billed {attempt.bill.entry.billed} ({attempt.bill.entry.how}), and nothing was settled"
            continue
        yield from _receipt(attempt, attempt.receipts[0], inv.policy.tier(hold.model))


def _receipt(attempt: Attempt, receipt: f.AttemptSettled, tier: Tier) -> Iterator[str]:
    hold = attempt.hold
    assert hold is not None
    nanos, tokens = billed(attempt, tier, "usd"), billed(attempt, tier, "tokens")
    charged = (receipt.nanos, receipt.usage.total_tokens)
    # What a provider made up, and told nobody, nobody can know: then the hold is all that was allowed, and enough.
    made_up = receipt.usage.estimated and attempt.behaviour is not None and isinstance(attempt.behaviour.usage, tuple)
    known = (min(nanos, hold.nanos_bound), min(tokens, _held_tokens(hold))) if made_up else (nanos, tokens)
    if charged[0] < known[0] or charged[1] < known[1]:
        yield f"{attempt.attempt} was billed {(nanos, tokens)} (nanos, tokens), and {charged} were settled"
    if not receipt.usage.estimated and charged != (nanos, tokens):
        yield f"{attempt.attempt} was billed {(nanos, tokens)} (nanos, tokens) as reported, and {charged} were settled"
    if receipt.usage.estimated and attempt.outcome == "answered" and attempt.healthy and attempt.behaviour and not attempt.behaviour.usage:
        yield f"{attempt.attempt} was answered with its usage, and settled at an estimate: {receipt.why}"
    parts = [(part.budget, part.subject, part.window) for part in receipt.reserved]
    if parts != [(part.budget, part.subject, part.window) for part in hold.reserved]:
        yield f"{attempt.attempt} was held for on other budgets than it was settled on: {parts}"
    for part in receipt.reserved:
        if (part.nanos, part.tokens) != charged:
            yield f"{attempt.attempt} was settled at {charged}, and counts as {(part.nanos, part.tokens)} on {part.budget}"


def _held_tokens(hold: f.HoldPlaced) -> int:
    return hold.input_tokens_bound + hold.output_tokens_max if hold.output_tokens_max is not None else 0


def nothing_unseen(books: Books) -> Iterator[str]:
    """What never came to a provider is charged only where nobody could know that, and then it says so."""
    for attempt in books.attempts.values():
        for receipt in attempt.receipts:
            if not attempt.arrivals and not (receipt.usage.estimated and receipt.why):
                yield f"{attempt.attempt} never arrived, and {receipt.nanos} nanos were settled as if it had been answered"
            if attempt.arrivals and attempt.bill is None and not (receipt.usage.estimated and receipt.why):
                yield f"{attempt.attempt} was not billed, and {receipt.nanos} nanos were settled as if it had been answered"


def fact_before_effect(books: Books) -> Iterator[str]:
    """What arrives was held and sent on record before; an answer was on record before its caller had it."""
    for arrival in books.stray:
        yield f"arrival {arrival.entry.n} at {arrival.entry.provider} is on no record: {arrival.entry.client_request_id}"
    for attempt in books.attempts.values():
        for seq, arrival in attempt.arrivals:
            if attempt.held_seq > seq or attempt.sent_seq > seq:
                yield f"{attempt.attempt} arrived at {arrival.entry.provider} before it was held and sent on record"
    for number, tellings in books.heard.items():
        for seq, heard in tellings:
            if heard.status != 200:
                continue
            inv = books.invocations.get(heard.headers.get("x-orchvynt-invocation", ""))
            if inv is None or not any(isinstance(fact, f.AnswerDelivered) and at < seq for at, fact in inv.facts):
                yield f"call {number} was answered before that was on record"


def api_agrees(books: Books) -> Iterator[str]:
    """With nothing in flight the API says of each budget what the receipts on record come to."""
    spent: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
    kinds: dict[str, str] = {}
    for entry in books.entries:
        if isinstance(entry, seen.Applied):
            kinds = {cap.name: cap.window for cap in books.plan.policies[entry.policy].caps if cap.scope != "invocation"}
        elif isinstance(entry, seen.Written):
            for fact in entry.facts:
                for part in fact.reserved if isinstance(fact, f.AttemptSettled) else ():
                    sums = spent[part.budget, part.subject, part.window]
                    sums[0] += part.nanos
                    sums[1] += part.tokens
        elif isinstance(entry, seen.Rest):
            told = {(line.name, line.subject): (line.settled_nanos, line.settled_tokens) for line in entry.budgets}
            standing: dict[tuple[str, str], tuple[int, int]] = {}
            for (name, subject, start), (nanos, tokens) in spent.items():
                if name in kinds and stands(kinds[name], start, entry.at):
                    before = standing.get((name, subject), (0, 0))
                    standing[name, subject] = before[0] + nanos, before[1] + tokens
            for (name, subject), (nanos, tokens) in standing.items():
                said = told.pop((name, subject), (0, 0))
                if said != (nanos, tokens):
                    yield f"{name}/{subject}: the receipts come to {(nanos, tokens)} (nanos, tokens), the API says {said}"
            for (name, subject), said in told.items():
                if said != (0, 0):
                    yield f"{name}/{subject}: nothing is on record, the API says {said}"


def nothing_stays_held(books: Books) -> Iterator[str]:
    """When all is over: no hold is open, nobody waits, and each attempt that was held for has its end on record."""
    last = next((entry for entry in reversed(books.entries) if isinstance(entry, seen.Rest)), None)
    if last is None:
        yield "the seed never came to rest"
        return
    yield from (f"{attempt} is still held" for attempt in last.open_holds)
    yield from (f"{inv} never finished" for inv in last.unfinished)
    for line in last.budgets:
        if line.held_nanos or line.held_tokens or line.waiting:
            yield f"{line.name}/{line.subject}: {line.held_nanos} nanos, {line.held_tokens} tokens are held, {line.waiting} wait"
    for attempt in books.attempts.values():
        if attempt.hold is not None and not attempt.receipts and attempt.void is None:
            yield f"{attempt.attempt} was held for, and neither settled nor voided"


def spent(books: Books) -> Iterator[str]:
    """Where utilisation is promised, at least 95 % is spent."""
    if not books.plan.crowd:
        return
    cap = books.plan.policies[0].caps[0]
    for unit, limit in cap.limits.items():
        used = sum(
            billed(attempt, books.invocations[attempt.inv].policy.tier(attempt.hold.model), unit)
            for attempt in books.attempts.values()
            if attempt.hold is not None
        )
        if used * 100 < limit * 95:
            yield f"only {used} of {limit} {unit} were spent"
