"""Keys and constraints can be met: what a key requires can be said, and some model may answer what they leave."""

from collections.abc import Mapping, Sequence
from typing import Final

from orchvynt.language.checks.names import Names
from orchvynt.language.document.keys import CLAIMS, TEXT_CLAIMS, ConstraintEntry, KeyEntry
from orchvynt.language.document.section import Section
from orchvynt.language.expressions.compiling import Compiled
from orchvynt.language.reading import Item
from orchvynt.language.report import Report
from orchvynt.language.source import Source
from orchvynt.language.yaml_marks import Sequence as Items

_CONSTRAINTS_MAX: Final = 100
"""So many are held against each key; the others are checked by themselves."""


def check_keys(source: Source, names: Names, report: Report) -> None:
    entry = source.node.entries.get("keys")
    if entry is not None and isinstance(entry.value, Items) and not entry.value.items:
        help = "Name at least one, or remove `keys`: then anybody may call, on this machine only."
        report.error(entry.key, "`keys` is empty, so nobody could call", help, "keys")
    regions = _regions(source)
    for key in source.keys:
        _claims(key, report)
        _allowed(key, source, names, regions, report)
    _constraints(source, regions, report)


def claims_read(compiled: Compiled) -> tuple[str, ...]:
    """What a condition reads, with the keys of the context one by one where it names them."""
    names = compiled.expression.names
    return tuple(sorted((names - {"context"}) | (compiled.keys or (names & {"context"}))))


def fixes(key: KeyEntry, claim: str) -> bool:
    """Whether the key says this claim, or `context.x`, itself."""
    whole, _, name = claim.partition(".")
    value: object = getattr(key.fixed, whole, None)
    if name:
        return isinstance(value, dict) and value.get(name.partition(".")[0]) is not None
    return value is not None and value not in ("", [], {})


def requires(key: KeyEntry, claim: str) -> bool:
    """Whether a call without it is refused; of `context.x.y` as much as is there."""
    return claim in key.require or (claim.startswith("context.") and ".".join(claim.split(".")[:2]) in key.require)


def may_say(key: KeyEntry, claim: str) -> bool:
    """Whether callers with this key may say this claim, or `context.x`."""
    if key.may_set is None or claim in key.may_set:
        return True
    if claim == "context":
        return any(one.startswith("context.") for one in key.may_set)
    return claim.startswith("context.") and ("context" in key.may_set or ".".join(claim.split(".")[:2]) in key.may_set)


def may_be_said(source: Source, claim: str) -> bool:
    """Whether a variable can be anything but empty for some caller."""
    if claim in ("key.name", "key.owner"):
        return source.is_broken("keys") or any(claim == "key.name" or key.section.owner is not None for key in source.keys)
    if claim.partition(".")[0] not in CLAIMS or not source.keys or source.is_broken("keys"):
        return True
    return any(may_say(key.section, claim) or fixes(key.section, claim) for key in source.keys)


def _claims(key: Item[KeyEntry], report: Report) -> None:
    section = key.section
    for field, claims in (("may_set", section.may_set or []), ("require", section.require), ("allow_models", section.allow_models or [])):
        _once(key, field, claims, report)
    for number, claim in enumerate(section.require):
        if not may_say(section, claim) and not fixes(section, claim):
            said = f"the key `{section.name}` requires `{claim}`, and its callers may not set it"
            help = f"Add `{claim}` to `may_set`, or fix it; every call would be refused."
            report.error(key.at("require", number), said, help, f"{key.path}.require[{number}]")
    for number, claim in enumerate(section.may_set or []):
        if (claim in TEXT_CLAIMS or claim.startswith("context.")) and fixes(section, claim):
            said = f"`{claim}` is fixed by the key `{section.name}`, so what its callers say is overruled"
            report.warning(key.at("may_set", number), said, "Remove it from `may_set` or from `fixed`.", f"{key.path}.may_set[{number}]")


def _once(item: Item[Section], field: str, words: Sequence[str], report: Report) -> None:
    seen: set[str] = set()
    for number, word in enumerate(words):
        if word in seen:
            report.error(item.at(field, number), f"`{word}` stands twice", "Remove it.", f"{item.path}.{field}[{number}]")
        seen.add(word)


def _regions(source: Source) -> dict[str, str]:
    """By model and pattern."""
    return {name: model.section.region for name, model in source.models.items()}


def _allowed(key: Item[KeyEntry], source: Source, names: Names, regions: Mapping[str, str], report: Report) -> None:
    allowed = key.section.allow_models
    path = f"{key.path}.allow_models"
    if allowed is None:
        return
    if not allowed:
        report.error(key.at("allow_models"), "`allow_models` is empty, so no model may answer", "Name at least one, or remove it.", path)
        return
    models = [names.model(name) for name in allowed]
    where = {regions.get(model) or regions.get(names.patterns.first(model), "") for model in models if model is not None}
    if None in models or source.is_broken("models"):
        return
    for constraint in source.constraints[:_CONSTRAINTS_MAX]:
        if constraint.section.when is None and not where & set(constraint.section.regions):
            said = f"no model that the key `{key.section.name}` allows is served in {', '.join(constraint.section.regions)}"
            report.error(key.at("allow_models"), said, f"`constraints` on line {constraint.key.line} binds every call.", path)
            return


def _constraints(source: Source, regions: Mapping[str, str], report: Report) -> None:
    served = sorted({region for region in regions.values() if region})
    if source.is_broken("models"):
        return
    bound: Item[ConstraintEntry] | None = None
    for item in source.constraints:
        known = f"The models are served in {', '.join(served)}." if served else "No model has a `region`."
        _once(item, "regions", item.section.regions, report)
        missing = [number for number, region in enumerate(item.section.regions) if region not in served]
        for number in missing:
            said = f"no model is served in the region `{item.section.regions[number]}`"
            all_missing = len(missing) == len(item.section.regions)
            (report.error if all_missing else report.warning)(item.at("regions", number), said, known, f"{item.path}.regions[{number}]")
        if item.section.when is None and not missing:
            if bound is not None and not set(bound.section.regions) & set(item.section.regions):
                said = f"no model can meet both this constraint and the one on line {bound.key.line}"
                report.error(item.at("regions"), said, "Give one of them a `when`, or join them.", f"{item.path}.regions")
            bound = item
