"""Limits: each hold covers what may be billed, nothing goes over, and nobody is refused who could be paid."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from tests.simulation import timeline as seen
from tests.simulation.accounts import OF_OUTPUT, PARTS, UNITS, Key, applying, key_of, rolls, stands
from tests.simulation.books import NEVER, Attempt, Books, Invocation
from tests.simulation.callers import asked, body_of
from tests.simulation.plan import SECOND, Call, Cap, Policy, Tier

from orchvynt.model import facts as f

TEMPLATE_TOKENS_MOST: Final = 8 + 64 + 32
"""No provider puts more around one message; a refusal must hold even so."""


INPUT_MADE_UP: Final = 12
PASSED: Final = frozenset({"alert", "downgrade"})
"""Breaches past which something may go."""
CONNECT_NS_MOST: Final = 3 * SECOND


def worst(attempt: Attempt, tier: Tier, unit: str) -> int:
    """The most that an attempt on its way may come to: the input as its provider counts it, and the output limit that it was sent with."""
    arrived = attempt.arrivals[0][1].entry
    return UNITS[unit](tier, counted(attempt), arrived.max_tokens or 0, attempt.calls)


def counted(attempt: Attempt) -> int:
    """The input as its provider counts it, as far as that is known and not made up."""
    if attempt.bill is None or (attempt.behaviour is not None and isinstance(attempt.behaviour.usage, tuple)):
        return 0
    return attempt.bill.entry.billed.input


def billed(attempt: Attempt, tier: Tier, unit: str) -> int:
    bill = attempt.bill
    return UNITS[unit](tier, *((bill.entry.billed.input, bill.entry.billed.output) if bill is not None else (0, 0)), attempt.calls)


def hold_covers(books: Books) -> Iterator[str]:
    """Whatever arrives is held for on every budget that applies: its subject, its window, and at least as much as may be billed."""
    for attempt in books.attempts.values():
        inv, hold = books.invocations[attempt.inv], attempt.hold
        if not attempt.arrivals or hold is None or inv.call is None:
            continue
        arrived, tier = attempt.arrivals[0][1].entry, inv.policy.tier(hold.model)
        parts = {(part.budget, part.subject, part.window): part for part in hold.reserved}
        # A hold belongs to the window that it was made in, and it is made for a send that follows at once.
        at = hold.at if 0 <= attempt.arrivals[0][1].at - hold.at <= CONNECT_NS_MOST else attempt.arrivals[0][1].at
        for cap in applying(inv.policy, inv.call):
            key = key_of(cap, inv.call, inv.inv, at)
            part = parts.get(key)
            if part is None:
                yield f"{attempt.attempt} is not held for on {key}, only on {list(parts)}"
                continue
            bounds = cap.bounds(tier)
            if arrived.max_tokens is None and not OF_OUTPUT.isdisjoint(bounds):
                yield f"{attempt.attempt} came to {arrived.provider} without an output limit, and {cap.name} bounds it"
                continue
            for unit in bounds:
                held, needs = PARTS[unit](part), worst(attempt, tier, unit)
                if held < needs:
                    yield f"{attempt.attempt} may cost {needs} {unit} at {tier.model}, and {held} are held on {cap.name}"
        if arrived.max_tokens is not None and hold.output_tokens_max is not None and arrived.max_tokens > hold.output_tokens_max:
            yield f"{attempt.attempt} was sent with a limit of {arrived.max_tokens}, and {hold.output_tokens_max} are held"


def never_over(books: Books) -> Iterator[str]:
    """By the provider's own books: when something was held for, what was billed and what may still be billed was within each limit.

    Of a bill beyond what the attempt was allowed, the excess counts from the instant after it is on record: nobody could know of it before.
    """
    groups: dict[Key, list[Attempt]] = defaultdict(list)
    arrived = [attempt for attempt in books.attempts.values() if attempt.arrivals]
    for attempt in sorted(arrived, key=lambda one: (one.held_seq, one.arrivals[0][0])):
        inv, hold = books.invocations[attempt.inv], attempt.hold
        if hold is None or inv.call is None:
            continue
        tier = inv.policy.tier(hold.model)
        for cap in applying(inv.policy, inv.call):
            name, subject, start = key_of(cap, inv.call, inv.inv, hold.at)
            length = rolls(cap.window)
            group = groups[name, subject, 0 if length else start]
            group.append(attempt)
            # Within any window of that length, to the nanosecond: slices are the machine's own affair.
            within = [one for one in group if one.hold is not None and (not length or one.hold.at > hold.at - length)]
            for unit, limit in cap.bounds(tier).items():
                total = sum(_stands(books, one, unit, attempt) for one in within)
                if total > limit:
                    yield f"{attempt.attempt} arrived with {total} of {limit} {unit} on {key_of(cap, inv.call, inv.inv, hold.at)}"
    yield from _api_never_over(books)


def _stands(books: Books, attempt: Attempt, unit: str, beside: Attempt) -> int:
    """What an attempt stands for when `beside` was held."""
    hold, now = attempt.hold, beside.hold
    assert hold is not None
    assert now is not None
    tier = books.invocations[attempt.inv].policy.tier(hold.model)
    allowed, real = worst(attempt, tier, unit), billed(attempt, tier, unit)
    if attempt.settled_seq < beside.held_seq:
        receipt = attempt.receipts[0]
        if receipt.usage.estimated:
            return min(real, max((PARTS[unit](part) for part in receipt.reserved), default=0))
        return real if receipt.at < now.at else min(real, allowed)
    if attempt.over_seq < beside.held_seq:
        return 0
    return min(real, allowed) if attempt.billed_seq < beside.held_seq else allowed


def _api_never_over(books: Books) -> Iterator[str]:
    """The same by what the API says in the instant of each arrival, against the largest limit that was in force until then."""
    highest: dict[tuple[str, str], int] = {}
    excess: dict[tuple[str, str], int] = defaultdict(int)
    for entry in books.entries:
        match entry:
            case seen.Applied():
                for cap in books.plan.policies[entry.policy].caps:
                    for unit, limit in cap.limits.items() if cap.breach not in PASSED else ():
                        highest[cap.name, unit] = max(limit, highest.get((cap.name, unit), 0))
            case seen.Written():
                for fact in entry.facts:
                    if isinstance(fact, f.AttemptSettled):
                        _count_excess(books, fact, excess)
            case seen.Arrival():
                for line in entry.budgets:
                    for unit, used in (("usd", line.settled_nanos + line.held_nanos), ("tokens", line.settled_tokens + line.held_tokens)):
                        limit = highest.get((line.name, unit), NEVER)
                        if used > limit + excess[line.name, unit]:
                            yield f"the API tells of {used} {unit} on {line.name}/{line.subject}, whose limit is {limit}"


def _count_excess(books: Books, receipt: f.AttemptSettled, excess: dict[tuple[str, str], int]) -> None:
    attempt = books.attempts.get(receipt.attempt)
    hold = attempt.hold if attempt is not None else None
    if hold is None:
        return
    held = {part.budget: part for part in hold.reserved}
    for part in receipt.reserved:
        before = held.get(part.budget)
        if before is not None:
            excess[part.budget, "usd"] += max(0, part.nanos - before.nanos)
            excess[part.budget, "tokens"] += max(0, part.tokens - before.tokens)


class Standing:
    """What the records tell of each budget at an instant. Of what happens in one instant the order is not known: all of it counts."""

    def __init__(self, books: Books) -> None:
        self._settled: dict[Key, list[tuple[int, f.Reserved]]] = defaultdict(list)
        self._held: dict[Key, list[tuple[int, int]]] = defaultdict(list)
        for attempt in books.attempts.values():
            if attempt.hold is None:
                continue
            for receipt in attempt.receipts:
                for part in receipt.reserved:
                    self._settled[part.budget, part.subject, part.window].append((receipt.at, part))
            over = attempt.receipts[0].at if attempt.receipts else attempt.void.at if attempt.void else NEVER
            for part in attempt.hold.reserved:
                self._held[part.budget, part.subject, part.window].append((attempt.hold.at, over))

    def settled(self, cap: Cap, key: Key, unit: str, at: int) -> int:
        return sum(PARTS[unit](part) for one in _counting(self._settled, cap, key, at) for when, part in self._settled[one] if when <= at)

    def in_flight(self, cap: Cap, key: Key, at: int) -> bool:
        return any(since <= at <= until for one in _counting(self._held, cap, key, at) for since, until in self._held[one])


def _counting(known: Mapping[Key, object], cap: Cap, key: Key, at: int) -> list[Key]:
    """The windows that count: one, or of a window that rolls all slices that are not out yet."""
    if not rolls(cap.window):
        return [key] if key in known else []
    return [one for one in known if one[:2] == key[:2] and stands(cap.window, one[2], at)]


def no_false_refusal(books: Books) -> Iterator[str]:
    """A tier is passed by for a budget only if it does not fit with nothing in flight, or if it waited for what is in flight in vain."""
    if any(isinstance(one.usage, tuple) and one.usage[0] > INPUT_MADE_UP for one in books.plan.behaviours):
        # Providers were seen to count more input than any text has: what is held for the next one is nobody's to say from outside.
        return
    standing = Standing(books)
    # Who goes on with an answer that broke off holds for what was delivered, too: that is another request than the caller's.
    # What was held in the instant of a death may be on no record.
    deaths = {entry.at for entry in books.entries if isinstance(entry, seen.Ended)}
    for inv in books.invocations.values():
        for _, fact in inv.facts:
            if isinstance(fact, f.AnswerDelivered):
                break
            if isinstance(fact, f.CandidateSkipped) and fact.why.startswith("budget:") and inv.call is not None and fact.at not in deaths:
                yield from _judge(inv, inv.call, fact, standing)
    for number, tellings in books.heard.items():
        for seq, heard in tellings:
            if heard.status == 402 and not _was_skipped(books, heard, seq):
                yield f"call {number} got 402, and its record names no budget without room"


def _was_skipped(books: Books, heard: seen.Heard, seq: int) -> bool:
    inv = books.invocations.get(heard.headers.get("x-orchvynt-invocation", ""))
    return inv is not None and any(isinstance(fact, f.CandidateSkipped) and at < seq for at, fact in inv.facts)


def _judge(inv: Invocation, call: Call, skipped: f.CandidateSkipped, standing: Standing) -> Iterator[str]:
    policy, tier = inv.policy, inv.policy.tier(skipped.model)
    caps = [(cap, key_of(cap, call, inv.inv, skipped.at)) for cap in applying(policy, call) if cap.bounds(tier)]
    calls = int(all(one.void is not None for one in inv.attempts.values() if one.hold and one.hold.at <= skipped.at))
    used = {key: {unit: standing.settled(cap, key, unit, skipped.at) for unit in UNITS} for cap, key in caps}
    if not _fits(call, tier, caps, used, calls):
        return
    if not _waited(policy, inv, skipped, [key for cap, key in caps if standing.in_flight(cap, key, skipped.at)]):
        yield f"{inv.inv} (call {call.number}) is passed by for {skipped.why} at {tier.model}, and would fit with nothing in flight: {used}"


def _fits(call: Call, tier: Tier, caps: list[tuple[Cap, Key]], used: dict[Key, dict[str, int]], calls: int) -> bool:
    """Its smallest admissible hold, within what is not settled on each budget. The input is taken as large as it can be."""
    tokens_in = len(body_of(call)) + TEMPLATE_TOKENS_MOST
    smallest = min(max((cap.min_output for cap, _ in caps), default=0), tier.output_max)
    output = asked(call)
    if output is None:
        output = smallest
    elif any(cap.breach == "clamp" for cap, _ in caps):
        # The larger the input, the lower the clamp: its output is taken as large as it can be, too.
        room = min(_room(tier, 0, cap, used[key]) for cap, key in caps if cap.breach == "clamp")
        output = min(output, max(room, min(smallest, output)))
    takes = {unit: takes_of(tier, tokens_in, output, calls) for unit, takes_of in UNITS.items()}
    return all(used[key][unit] + takes[unit] <= limit for cap, key in caps for unit, limit in cap.bounds(tier).items())


def _room(tier: Tier, tokens_in: int, cap: Cap, used: dict[str, int]) -> int:
    """The output tokens that what is left of a budget pays for."""
    found = NEVER
    for unit, limit in cap.bounds(tier).items():
        left = limit - used[unit]
        if unit == "tokens":
            found = min(found, left - tokens_in)
        elif unit == "output_tokens":
            found = min(found, left)
        elif unit == "usd" and tier.rate_out:
            found = min(found, (left * 1_000_000 - tokens_in * tier.rate_in) // tier.rate_out)
    return found


def _waited(policy: Policy, inv: Invocation, skipped: f.CandidateSkipped, in_flight: list[Key]) -> bool:
    """Whether it waited for what is in flight on one of its budgets as long as that lets a call wait, which may be not at all."""
    awaited = {fact.budget for _, fact in inv.facts if isinstance(fact, f.HoldAwaited)}
    waits = [cap.wait_s * SECOND for cap in policy.caps if cap.name in awaited or any(cap.name == name for name, _, _ in in_flight)]
    return bool(in_flight) and _time_waited(inv, skipped) >= min(waits)


def _time_waited(inv: Invocation, until: f.CandidateSkipped) -> int:
    """How long it has waited for holds in all, for this candidate and those before it."""
    total, since = 0, -1
    for _, fact in inv.facts:
        if isinstance(fact, f.HoldAwaited):
            since = fact.at
        elif isinstance(fact, f.HoldPlaced | f.CandidateSkipped) and since >= 0:
            total, since = total + fact.at - since, -1
        if fact is until:
            break
    return total
