"""The plan of one invocation: the routed model first, then the chain's tiers without it, as far as they may be asked.

Gives the ordered candidates, each with why, and the rejected ones with why not. Knows no budget, and of health only who rests.
"""

from typing import Final

from orchvynt.decisions.routing.choosing import choose
from orchvynt.decisions.routing.figures import Observed
from orchvynt.decisions.routing.filters import Filters
from orchvynt.decisions.routing.names import AUTO, asked_for, resolve
from orchvynt.decisions.routing.planned import Plan, Routed, Tried
from orchvynt.decisions.routing.refusals import key_may_not, no_candidate
from orchvynt.decisions.routing.rules import first_match
from orchvynt.decisions.routing.splitting import side_of
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import Chain, Model, Rule, Snapshot
from orchvynt.model.candidates import CandidateChosen, CandidateRejected
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Invocation

WHATEVER: Final = 1 << 62
"""No window of the plan is known: nothing is too long for it."""


def plan(
    snapshot: Snapshot, invocation: Invocation, values: RequestValues, observed: Observed, mono: int, chain: Chain | None = None
) -> Plan:
    """Decides once, under the snapshot that the invocation is pinned to; `mono` is the monotonic instant, `chain` the one that serves."""
    tried = first_match(snapshot, values)
    filters = Filters(snapshot, invocation, values, observed.scores)
    if not filters.only_length or tried.failures:
        return _plan(snapshot, invocation, values, observed, mono, chain, tried, filters)
    requested = invocation.ask.requested_model if tried.rule is None else ""
    reason = (tried.passed_over, requested, chain.name if chain is not None else "")
    found = observed.plans.find(snapshot, reason, filters.ceiling)
    if found is None:
        found = _plan(snapshot, invocation, values, observed, mono, chain, tried, filters)
        if _always_so(snapshot, tried.rule, requested, found):
            windows = [snapshot.models[one.model].context_window for one in found.candidates]
            observed.plans.keep(snapshot, reason, min([window for window in windows if window], default=WHATEVER), found)
    return found


def _always_so(snapshot: Snapshot, rule: Rule | None, requested: str, found: Plan) -> bool:
    """Whether the same comes of every request for which the same rule matches, or that names the same model, as long as it fits. Only
    names of the policy are kept: callers may invent others."""
    if rule is not None and (rule.choose is not None or rule.split is not None):
        return False
    if rule is None and requested != AUTO and requested not in snapshot.models and requested not in snapshot.aliases:
        return False
    known = all(candidate.model in snapshot.models for candidate in found.candidates)
    return known and found.refusal is None and not found.rejected


def _plan(
    snapshot: Snapshot,
    invocation: Invocation,
    values: RequestValues,
    observed: Observed,
    mono: int,
    chain: Chain | None,
    tried: Tried,
    filters: Filters,
) -> Plan:
    if tried.rule is not None:
        routed: Routed | Fault = _by_rule(snapshot, tried.rule, filters, values, observed, mono)
    else:
        routed = _by_name(snapshot, invocation.ask.requested_model)
    if isinstance(routed, Fault):
        return _made(chain, tried, [], [], {}, routed)
    candidates: list[CandidateChosen] = []
    rejected = list(routed.rejected)
    left = ""
    if routed.model is not None:
        verdict = routed.unmeasured if routed.checked else filters.check(routed.model)
        if isinstance(verdict, CandidateRejected):
            rejected.append(verdict)
            if routed.named and verdict.by == "allow_models":
                return _made(chain, tried, [], rejected, routed.figures, key_may_not(snapshot, invocation, verdict.model))
            left = verdict.model
        else:
            candidates.append(CandidateChosen(1, routed.model.name, routed.model.provider.name, routed.why, verdict))
    if chain is not None:
        _add_tiers(snapshot, chain, routed.model, filters, candidates, rejected)
    refusal = None if candidates else no_candidate(invocation, tried.rule.name if tried.rule else "", rejected)
    return _made(chain, tried, candidates, rejected, routed.figures, refusal, left)


def _by_name(snapshot: Snapshot, requested: str) -> Routed | Fault:
    found = asked_for(snapshot, requested)
    if isinstance(found, Fault):
        return found
    name, why = found
    return Routed(resolve(snapshot, name), why, named=requested != AUTO and not why.startswith("default"))


def _by_rule(snapshot: Snapshot, rule: Rule, filters: Filters, values: RequestValues, observed: Observed, mono: int) -> Routed:
    if rule.choose is not None:
        chosen = choose(snapshot, rule, rule.choose, filters, values, observed, mono)
        return Routed(chosen.model, chosen.why, chosen.unmeasured, chosen.rejected, chosen.read, checked=True)
    if rule.split is not None:
        name, why = side_of(rule, rule.split, values, values.invocation.id)
        return Routed(resolve(snapshot, name), why)
    return Routed(resolve(snapshot, rule.use), f"rule {rule.name}")


def _add_tiers(
    snapshot: Snapshot,
    chain: Chain,
    first: Model | None,
    filters: Filters,
    candidates: list[CandidateChosen],
    rejected: list[CandidateRejected],
) -> None:
    """The chain's tiers without the routed model; what was rejected by a filter is not said twice."""
    why = f"chain {chain.name}"
    known = {one.model for one in rejected if one.by not in ("where", "prefer")} if rejected else ()
    for name in chain.tiers:
        if (first is not None and name == first.name) or name in known:
            continue
        model = snapshot.models[name]
        verdict = filters.check(model)
        if isinstance(verdict, CandidateRejected):
            rejected.append(verdict)
        else:
            candidates.append(CandidateChosen(len(candidates) + 1, name, model.provider.name, why, verdict))


def _made(
    chain: Chain | None,
    tried: Tried,
    candidates: list[CandidateChosen],
    rejected: list[CandidateRejected],
    figures: dict[str, object],
    refusal: Fault | None,
    left: str = "",
) -> Plan:
    rules = [(name, f"failed: {why}") for name, why in tried.failures]
    if tried.rule is not None:
        rules.append((tried.rule.name, "matched"))
    return Plan(
        tried.rule.name if tried.rule is not None else "",
        tuple(candidates),
        tuple(rejected),
        chain.name if chain is not None else "",
        tuple(rules),
        tried.passed_over,
        figures,
        refusal,
        left,
    )
