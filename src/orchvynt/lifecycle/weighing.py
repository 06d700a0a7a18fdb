"""Whether a candidate may be asked now: its health, its price, and the hold it would need. Pure, over the process's shared state."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from orchvynt.catalog.bounds import MESSAGE_TOKENS, input_tokens_bound, input_tokens_least
from orchvynt.catalog.tokenizers import tokenizer_of
from orchvynt.decisions.budgets.application import lines
from orchvynt.decisions.budgets.ledger import Ledger, Line
from orchvynt.decisions.budgets.measured import OutputSizes
from orchvynt.decisions.budgets.needs import Fits, Need, Short
from orchvynt.decisions.budgets.reported import InputReports
from orchvynt.decisions.budgets.sizing import OUTPUT_TOKENS_MOST, OUTPUT_TOKENS_UNKNOWN, binds, bounds_output, size
from orchvynt.decisions.fallback.passing import CLEAR, Passage
from orchvynt.decisions.fallback.routes import Route
from orchvynt.decisions.routing.names import resolve
from orchvynt.decisions.routing.statistics import Statistics
from orchvynt.dialects.continuing import INSTRUCTION_BYTES_MAX
from orchvynt.language.snapshot import Model, Snapshot
from orchvynt.lifecycle.chains import chain_of
from orchvynt.lifecycle.events import NotAdmitted
from orchvynt.lifecycle.state import State
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.lifecycle.weighed import Weighed
from orchvynt.model.invocation import Ask
from orchvynt.model.money import FREE

# Those that cost no more than the price of the catalog (https://platform.openai.com/docs/guides/flex-processing).
STANDARD_TIERS: Final = frozenset({"", "auto", "default", "flex"})

BYTES_PER_TOKEN_USUAL: Final = 4
"""Of prose in large vocabularies; only estimates how much of a caller's limit an answer that broke off had used."""


MS: Final = 1_000_000

NO_COUNTS: Final[Mapping[str, int | None]] = MappingProxyType({})


def passage(
    snapshot: Snapshot, state: State, route: Route, statistics: Statistics, at_last: bool, at: int, mono: int
) -> Passage | NotAdmitted:
    """Whether the candidate may be asked in its place; `at_last`, whatever only costs it its place is forgiven."""
    chain = chain_of(snapshot, state)
    p99_ms = None
    if chain is not None and chain.latency_p99_ns is not None:
        candidate = candidate_of(state)
        p99_ms = statistics.measured(candidate.provider, candidate.model, mono).p99_ms
    slow = p99_ms is not None and chain is not None and p99_ms * MS > (chain.latency_p99_ns or 0)
    if not slow and route.calm:
        return CLEAR
    found = route.refusal(mono, slow, not (state.ahead or state.later), at_last)
    if isinstance(found, Passage):
        return found
    figures: dict[str, str | int | float] = {"rests_ms": found.for_ns // MS} if found.why in ("resting", "breaker") else {}
    if found.why == "slow" and p99_ms is not None:
        figures["p99_ms"] = p99_ms
    if found.sight is not None:
        figures |= {"state": found.sight.state, "until": at + found.for_ns}
        if found.sight.error_rate is not None:
            figures["error_rate"] = round(found.sight.error_rate, 4)
    later: Literal["at_once", "after_rest", "never"] = "at_once" if found.at_last else "after_rest" if found.waitable else "never"
    return NotAdmitted(at, mono, found.why, rests_ns=found.for_ns, rest_why=found.rest_why, later=later, figures=figures)


def weigh(
    snapshot: Snapshot,
    state: State,
    ledger: Ledger,
    sizes: OutputSizes,
    at: int,
    mono: int,
    reports: InputReports,
    counts: Mapping[str, int | None] = NO_COUNTS,
) -> Weighed | NotAdmitted:
    """What the candidate under way would need, and whether it fits now. `counts` are the exact counts of its text by tokenizer, None
    where there is none to be had."""
    name = candidate_of(state).model
    model = snapshot.models.get(name) or resolve(snapshot, name)
    assert model is not None
    stands_on = lines(snapshot.budgets, state.applied, model.name, at, ledger.grants) if state.applied else ()
    if model.price is None and any(line.terms.limits.nanos is not None and line.terms.breach.kind != "alert" for line in stands_on):
        return NotAdmitted(at, mono, "price", detail=f"The price of {model.name} is unknown, and a money budget applies.")
    ask = state.invocation.ask
    if ask.service_tier not in STANDARD_TIERS and any(
        binds(line, model.price or FREE) and line.limits.nanos is not None for line in stands_on
    ):
        said = f"`service_tier: {ask.service_tier[:40]}` is not billed at the price that the hold is made at, and a money budget applies."
        return NotAdmitted(at, mono, "price", detail=said)
    bound, counted_by = _input_bound(snapshot, model, ask, reports, counts)
    asked = ask.max_output_tokens * ask.choices if ask.max_output_tokens is not None else None
    percent = ask.input_surcharge_percent
    surcharge = -(-bound * percent // 100) if percent and model.provider.kind == "anthropic" else 0
    if state.broken is not None and state.broken.text:
        # What was delivered is input now: its own turn, and the words that ask to go on with it. The caller's limit binds both parts.
        delivered = len(state.broken.text.encode("utf-8", "surrogatepass"))
        bound += delivered + INSTRUCTION_BYTES_MAX + 2 * MESSAGE_TOKENS
        asked = max(1, asked - delivered // BYTES_PER_TOKEN_USUAL) if asked is not None else None
    most = min(model.max_output_tokens or OUTPUT_TOKENS_UNKNOWN, OUTPUT_TOKENS_MOST) * ask.choices
    price = model.price or FREE
    # Anthropic's Messages API requires `max_tokens` (https://docs.anthropic.com/en/api/messages).
    demands = model.provider.wire == "anthropic_messages"
    if asked is None and demands and not any(bounds_output(line, price) for line in stands_on):
        asked = most
    typical, calls = sizes.typical(model.name) * ask.choices, 0 if state.counted else 1
    least = ask.output_tokens_least if demands else 0
    need = Need(bound, asked, most, typical, price, ask.choices, surcharge, calls, least)
    result = size(need, stands_on, ledger)
    count_with = ""
    if not counted_by and (isinstance(result, Short) or result.limited_by):
        tokenizer = tokenizer_of(model.provider.kind, model.upstream_model)
        trusted = tokenizer and tokenizer not in counts and reports.trusts(model.name, snapshot.version)
        if trusted and _a_count_may_help(need, bound - ask.input_text_bytes + input_tokens_least(ask), result, stands_on, ledger):
            count_with = tokenizer
    return Weighed(stands_on, price, result, bound, calls, counted_by, count_with)


def _input_bound(snapshot: Snapshot, model: Model, ask: Ask, reports: InputReports, counts: Mapping[str, int | None]) -> tuple[int, str]:
    """The bound of the input, and the tokenizer that counted it."""
    kind, window, upstream = model.provider.kind, model.context_window, model.upstream_model
    by_bytes = input_tokens_bound(ask, kind, window, upstream) + reports.excess(model.name)
    if counts and reports.trusts(model.name, snapshot.version):
        tokenizer = tokenizer_of(kind, upstream)
        text_tokens = counts.get(tokenizer)
        if text_tokens is not None and (counted := input_tokens_bound(ask, kind, window, upstream, text_tokens)) < by_bytes:
            return counted, tokenizer
    return by_bytes, ""


def _a_count_may_help(need: Need, least: int, result: Fits | Short, stands_on: tuple[Line, ...], ledger: Ledger) -> bool:
    """Whether the fewest tokens that the input plausibly has would fit where its bytes do not, or leave noticeably more for the output."""
    better = size(msgspec.structs.replace(need, input_tokens=least), stands_on, ledger)
    if isinstance(result, Short):
        return not isinstance(better, Short) or (better.waits and not result.waits)
    if isinstance(better, Short) or better.output_tokens is None or result.output_tokens is None:
        return False
    return better.output_tokens * 8 > result.output_tokens * 9
