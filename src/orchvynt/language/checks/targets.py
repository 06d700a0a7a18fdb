"""Where rules lead: `choose`, `split` with `sticky`, `canary` and `shadow` name different models, and one of them can be chosen."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

from orchvynt.language.checks.candidates import Candidates, declared_names
from orchvynt.language.checks.conditions import Conditions
from orchvynt.language.checks.keys import claims_read, may_be_said
from orchvynt.language.checks.names import Names
from orchvynt.language.document.routing import ChooseEntry, RuleEntry
from orchvynt.language.reading import Item
from orchvynt.language.report import Report
from orchvynt.language.snapshot import Model
from orchvynt.language.source import Source


def check_routing(source: Source, report: Report) -> None:
    """What `routing` says beside its rules."""
    if source.routing is not None and source.routing.section.unknown_model == "default" and source.routing.section.default is None:
        span = source.routing.at("unknown_model")
        report.error(span, "`unknown_model: default` needs a `default`", "Name one: `default: MODEL`.", "routing.unknown_model")


def check_targets(source: Source, names: Names, models: Mapping[str, Model], conditions: Conditions, report: Report) -> None:
    said = cache(partial(may_be_said, source))
    candidates = Candidates(models)
    for rule in source.rules:
        section = rule.section
        if section.choose is not None:
            _distinct(rule, ("choose", "from"), section.choose.from_, names, report)
            _choosable(rule, section.choose, names, candidates, conditions, report)
        if section.split is not None:
            _distinct_shares(rule, section.split, names, report)
        if section.sticky is not None:
            _sticky(rule, source, said, conditions, report)
        if section.canary is not None and names.model(section.canary.stable) == names.model(section.canary.candidate):
            itself = "`candidate` is the stable model itself"
            report.error(rule.at("canary", "candidate"), itself, "Name the model that may take over.", f"{rule.path}.canary.candidate")
        if section.shadow is not None and section.use is not None and names.model(section.shadow.model) == names.model(section.use):
            itself = "the shadow is the model that answers anyway"
            report.error(rule.at("shadow", "model"), itself, "Name another model.", f"{rule.path}.shadow.model")


def _distinct(rule: Item[RuleEntry], steps: tuple[str, ...], given: Sequence[str], names: Names, report: Report) -> None:
    seen: dict[str, str] = {}
    for number, name in enumerate(given):
        model = names.model(name)
        if model in seen:
            said = f"the model `{model}` is a candidate already" + (f", as `{seen[model]}`" if seen[model] != name else "")
            report.error(rule.at(*steps, number), said, "Remove it.", f"{rule.path}.{'.'.join(steps)}[{number}]")
        elif model is not None:
            seen[model] = name


def _distinct_shares(rule: Item[RuleEntry], shares: Mapping[str, int], names: Names, report: Report) -> None:
    seen: dict[str, str] = {}
    for name in shares:
        model = names.model(name)
        if model in seen:
            said = f"`{name}` is the model `{model}`, which has a share already"
            report.error(rule.name_at("split", name), said, f"Add its share to that of `{seen[model]}`.", f"{rule.path}.split.{name}")
        elif model is not None:
            seen[model] = name


def _sticky(rule: Item[RuleEntry], source: Source, said: Callable[[str], bool], conditions: Conditions, report: Report) -> None:
    compiled = conditions.get(f"{rule.path}.sticky")
    if compiled is None:
        return
    read, span, path = claims_read(compiled), rule.at("sticky"), f"{rule.path}.sticky"
    if not read:
        same = "`sticky` is the same for every invocation, so one model would get them all"
        report.error(span, same, "Name what tells them apart, such as `run` or `context.customer`.", path)
        return
    if any(said(claim) for claim in read):
        return
    empty = f"`sticky` is always empty: {_never(source, read)}"
    report.error(span, empty, "Name something that callers say, or leave `sticky` out.", path)


def _never(source: Source, read: Sequence[str]) -> str:
    if read[0].startswith("key.") and not source.keys:
        return "the policy has no `keys`"
    return "no key has an `owner`" if read == ("key.owner",) else f"no key fixes `{read[0]}` or lets callers set it"


def _choosable(
    rule: Item[RuleEntry], choose: ChooseEntry, names: Names, candidates: Candidates, conditions: Conditions, report: Report
) -> None:
    """Facts that only the policy changes make an error; a declared statistic may be measured otherwise, so that is a warning."""
    path = f"{rule.path}.choose.where"
    compiled = conditions.get(path)
    models = [names.models.get(name, "") for name in choose.from_]
    if choose.where is None or compiled is None or compiled.constant is not None or not models:
        return
    for statistics in (False, True):
        if all(candidates.never_meets(name, choose.where, statistics) for name in models):
            said = "no candidate can ever meet `where`" if not statistics else "no candidate meets `where` by what is declared of it"
            read = sorted(compiled.expression.names & declared_names(statistics))
            help = f"It depends on {', '.join(f'`{name}`' for name in read)}: see what the models {', '.join(choose.from_)} declare."
            (report.warning if statistics else report.error)(rule.at("choose", "where"), said, help, path)
            return
