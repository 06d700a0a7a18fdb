"""Which model gets an invocation: the first rule that matches, else the model asked for, then the chain's tiers.

Gives the ordered candidates, each with why, and how every rule that was tried came out. Knows nothing of health or budgets.
"""

import difflib
from collections.abc import Mapping

import msgspec

from orchvynt.language.patterns import matched
from orchvynt.language.snapshot import EvaluationError, Model, Snapshot
from orchvynt.model.facts import CandidateChosen, CandidateRejected
from orchvynt.model.faults import Fault

AUTO = "auto"


class Plan(msgspec.Struct, frozen=True):
    """`rule` is empty where no rule matched. Tier numbers are positions, from 1."""

    rule: str
    candidates: tuple[CandidateChosen, ...]
    rejected: tuple[CandidateRejected, ...]
    chain: str
    rules: tuple[tuple[str, str], ...]


def plan(snapshot: Snapshot, requested: str, values: Mapping[str, object]) -> Plan | Fault:
    """The ordered candidates for a request that named `requested`; a Fault where the policy knows no such model."""
    tried: list[tuple[str, str]] = []
    rule_name, chosen, why = "", "", ""
    for rule in snapshot.rules:
        try:
            matches = rule.when is None or rule.when.evaluate(values) is True
        except EvaluationError as error:
            tried.append((rule.name, f"failed: {error}"))
            continue
        tried.append((rule.name, "matched" if matches else "no match"))
        if matches:
            rule_name, chosen, why = rule.name, rule.use, f"rule {rule.name}"
            break
    if not chosen:
        found = _asked_for(snapshot, requested)
        if isinstance(found, Fault):
            return found
        chosen, why = found
    first = resolve(snapshot, chosen)
    assert first is not None, "a snapshot names no model that it does not have"
    candidates = [CandidateChosen(1, first.name, first.provider.name, why)]
    chain = snapshot.chain
    if chain is not None:
        by_chain = f"chain {chain.name}"
        for name in chain.tiers:
            if name != first.name:
                candidates.append(CandidateChosen(len(candidates) + 1, name, snapshot.models[name].provider.name, by_chain))
    return Plan(rule_name, tuple(candidates), (), chain.name if chain else "", tuple(tried))


def resolve(snapshot: Snapshot, name: str) -> Model | None:
    """The model of a name, an alias, or whatever a pattern matches (then the name itself is asked of the provider)."""
    model = snapshot.models.get(name)
    if model is not None:
        return model
    if target := snapshot.aliases.get(name):
        return snapshot.models[target]
    for pattern, template in snapshot.patterns:
        head, _, tail = pattern.partition("*")
        if len(name) > len(head) + len(tail) and name.startswith(head) and name.endswith(tail):
            return matched(template, name)
    return None


def _asked_for(snapshot: Snapshot, requested: str) -> tuple[str, str] | Fault:
    if requested == AUTO and snapshot.default:
        return snapshot.default, "default"
    model = resolve(snapshot, requested)
    if model is not None:
        return model.name, "asked for" if model.name == requested else f"alias {requested}"
    if snapshot.unknown_model == "default":
        return snapshot.default, f"default, because {requested} is unknown"
    known = sorted([*snapshot.models, *snapshot.aliases])
    near = difflib.get_close_matches(requested, known, n=3, cutoff=0.5)
    what = f"The policy knows no model {requested!r}."
    if requested == AUTO:
        what = "The policy has no `routing.default`, which `auto` stands for."
    return Fault(
        "model_not_found",
        what + (f" Nearest: {', '.join(near)}." if near else ""),
        f"Known models: {', '.join(known[:20])}. Add it to `models` in the policy, or set `unknown_model: default`.",
        param="model",
        detail={"nearest": near},
    )
