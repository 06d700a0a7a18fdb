"""Which model a name means: the policy's own names, aliases, patterns, `auto`, and what is unknown."""

import difflib
from typing import Final

from orchvynt.language.patterns import matched
from orchvynt.language.snapshot import Model, Snapshot
from orchvynt.model.faults import Fault

AUTO: Final = "auto"


def resolve(snapshot: Snapshot, name: str) -> Model | None:
    """The model of a name, an alias, or whatever a pattern matches (then the name itself is asked of the provider)."""
    model = snapshot.models.get(name)
    if model is not None:
        return model
    if target := snapshot.aliases.get(name):
        return snapshot.models[target]
    for pattern, template in snapshot.patterns:
        if fits(pattern, name):
            return matched(template, name)
    return None


def fits(pattern: str, name: str) -> bool:
    """Whether a name is of a pattern with one star, which stands for at least one character."""
    head, star, tail = pattern.partition("*")
    return bool(star) and len(name) > len(head) + len(tail) and name.startswith(head) and name.endswith(tail)


def asked_for(snapshot: Snapshot, requested: str) -> tuple[str, str] | Fault:
    """The model that a caller gets where no rule says otherwise, and why."""
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
