"""Every name in the policy is well-formed, stands once, and leads to something that exists."""

import difflib
import re
from collections.abc import Iterable, Mapping

import msgspec

from orchvynt.language.document.scalars import NAME_PATTERN
from orchvynt.language.document.section import Section
from orchvynt.language.reading import Item
from orchvynt.language.report import Report, Span
from orchvynt.language.source import Source
from orchvynt.language.yaml_marks import Entry, Scalar, Sequence
from orchvynt.language.yaml_marks import Mapping as Node

RESERVED_MODEL = "auto"
_NAME = re.compile(NAME_PATTERN)
_NAME_HELP = "Names are up to 100 letters, digits and . _ : / @ + - and begin with a letter or a digit."


class Models(msgspec.Struct):
    """Which model a name or alias leads to; one that is wrong in itself counts, so that it is reported once."""

    by_name: Mapping[str, str]

    def resolve(self, name: str) -> str | None:
        """The model's own name, or None."""
        return self.by_name.get(name)


def is_pattern(name: str) -> bool:
    return "*" in name


def check_names(source: Source, report: Report) -> Models:
    """All references and definitions; gives the way from a name or alias to its model."""
    _keys_are_names(source, report)
    models = _aliases(source, report)
    for name, model in source.models.items():
        provider = model.section.provider
        if provider not in source.provider_names:
            _missing(report, model.at("provider"), "provider", provider, source.provider_names, f"models.{name}.provider")
    if source.routing is not None:
        head = source.routing.section
        if head.default is not None:
            _model_exists(models, head.default, source.routing, ("default",), report)
        elif head.unknown_model == "default":
            span = source.routing.at("unknown_model")
            report.error(span, "`unknown_model: default` needs a `default`", "Name one: `default: MODEL`.", "routing.unknown_model")
    for rule in source.rules:
        _model_exists(models, rule.section.use, rule, ("use",), report)
    _chain(source, models, report)
    _gates(source, report)
    for kind, items in (("rule", source.rules), ("budget", source.budgets), ("gate", source.gates)):
        _stand_once(kind, items, report)
    return models


def _keys_are_names(source: Source, report: Report) -> None:
    named: list[tuple[str, Mapping[str, Item[Section]]]] = [
        ("providers", source.providers),
        ("models", source.models),
        ("groups", source.groups),
    ]
    for section, items in named:
        for name, item in items.items():
            plain = name.replace("*", "x") if section == "models" else name
            if not _NAME.fullmatch(plain):
                report.error(item.key, f"`{name[:100]}` is not a name", _NAME_HELP, item.path)
    for name, model in source.models.items():
        if name == RESERVED_MODEL:
            report.error(model.key, "`auto` stands for `routing.default` and cannot name a model", "Choose another name.", model.path)
        if name.count("*") > 1:
            report.error(model.key, "a pattern has one `*`", "Write a pattern for each part.", model.path)
        if is_pattern(name):
            _pattern_fields(model.node, report, model.path)
    _patterns_reachable(source, report)


def _pattern_fields(node: Node, report: Report, path: str) -> None:
    for field, why in (("model", "a pattern asks for the name that the agent names"), ("aliases", "a pattern has no aliases")):
        if field in node.entries:
            report.error(node.entries[field].key, why, f"Remove `{field}`.", f"{path}.{field}")


def _patterns_reachable(source: Source, report: Report) -> None:
    earlier: list[str] = []
    for name, model in source.models.items():
        if not is_pattern(name):
            continue
        head, _, tail = name.partition("*")
        for pattern in earlier:
            before, _, after = pattern.partition("*")
            if head.startswith(before) and tail.endswith(after):
                report.error(
                    model.key, f"the pattern `{name}` is never reached: `{pattern}` before it matches all that it does", "Put it first."
                )
                break
        earlier.append(name)


def _aliases(source: Source, report: Report) -> Models:
    by_name = {name: name for name in source.model_names if not is_pattern(name)}
    for name, model in source.models.items():
        for number, alias in enumerate(model.section.aliases):
            span = model.at("aliases", number)
            if alias == RESERVED_MODEL:
                report.error(span, "`auto` stands for `routing.default` and cannot be an alias", path=f"{model.path}.aliases[{number}]")
            elif alias in by_name:
                other = by_name[alias]
                said = f"`{alias}` is a model already" if alias in source.model_names else f"`{alias}` is an alias of `{other}` already"
                report.error(span, said, "Remove it.", f"{model.path}.aliases[{number}]")
            elif not is_pattern(name):
                by_name[alias] = name
    for path, node in source.broken:
        if path.startswith("models.") and isinstance(aliases := node.entries.get("aliases", Entry(node.span, node)).value, Sequence):
            # Whatever else is wrong with the model, what refers to it by these names is right.
            for item in aliases.items:
                if isinstance(item, Scalar):
                    by_name.setdefault(item.text, path.removeprefix("models."))
    return Models(by_name)


def _model_exists(models: Models, name: str, item: Item[Section], steps: tuple[str | int, ...], report: Report) -> None:
    if models.resolve(name) is None:
        _missing(report, item.at(*steps), "model", name, models.by_name, f"{item.path}.{steps[0]}")


def _missing(report: Report, span: Span, kind: str, name: str, known: Iterable[str], path: str) -> None:
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    help = f"Did you mean `{near[0]}`?" if near else f"The policy has {', '.join(known[:10])}." if known else f"The policy has no {kind}s."
    report.error(span, f"there is no {kind} `{name}`", help, path)


def _chain(source: Source, models: Models, report: Report) -> None:
    chain = source.chain
    if chain is None:
        return
    for field in ("tiers", "triggers"):
        if (field == "tiers" and not chain.section.tiers) or (field == "triggers" and not chain.section.triggers):
            report.error(chain.at(field), f"`{field}` is empty, so the chain does nothing", "Name at least one.", f"{chain.path}.{field}")
    seen: dict[str, str] = {}
    for number, tier in enumerate(chain.section.tiers):
        path = f"{chain.path}.tiers[{number}]"
        model = models.resolve(tier)
        if model is None:
            _missing(report, chain.at("tiers", number), "model", tier, models.by_name, path)
        elif model in seen:
            report.error(chain.at("tiers", number), f"the model `{model}` is a tier already", "Remove it.", path)
        else:
            seen[model] = tier
    words: set[str] = set()
    for number, word in enumerate(chain.section.triggers):
        if word in words:
            report.error(chain.at("triggers", number), f"`{word}` stands twice", "Remove it.", f"{chain.path}.triggers[{number}]")
        words.add(word)


def _gates(source: Source, report: Report) -> None:
    for gate in source.gates:
        if gate.section.reviewers not in source.group_names:
            _missing(report, gate.at("reviewers"), "group", gate.section.reviewers, source.group_names, f"{gate.path}.reviewers")
        for number, step in enumerate(gate.section.escalation):
            path = f"{gate.path}.escalation[{number}].to"
            if step.to is not None and step.to not in source.group_names:
                _missing(report, gate.at("escalation", number, "to"), "group", step.to, source.group_names, path)
            elif step.to == gate.section.reviewers:
                report.error(gate.at("escalation", number, "to"), f"`{step.to}` are the reviewers already", "Name another group.", path)
    for group in source.groups.values():
        if not group.section.members and not group.section.oidc:
            report.error(group.key, "the group has nobody in it", "Name `members`, or an `oidc` group.", group.path)
        seen: set[str] = set()
        for number, member in enumerate(group.section.members):
            if not member.strip() or member in seen:
                report.error(
                    group.at("members", number), f"`{member}` stands twice" if member.strip() else "a member without a name", "Remove it."
                )
            seen.add(member)


def _stand_once(kind: str, items: Iterable[Item[Section]], report: Report) -> None:
    first: dict[str, Span] = {}
    for item in items:
        name: str = getattr(item.section, "name", "")
        if name in first:
            said = f"a {kind} named `{name}` stands on line {first[name].line} already"
            report.error(item.at("name"), said, "Give it another name.", f"{item.path}.name")
        else:
            first[name] = item.at("name")
