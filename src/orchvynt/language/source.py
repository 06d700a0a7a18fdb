"""The whole document as it was read: every section that is right by itself, with its place, and the names of the others."""

import msgspec

from orchvynt.language.document.limits import BudgetEntry, GateEntry, GroupEntry
from orchvynt.language.document.policy import JournalEntry, PolicyDocument, PolicyHead
from orchvynt.language.document.providers import ModelEntry, ProviderEntry
from orchvynt.language.document.routing import ChainEntry, FallbackEntry, RetryEntry, RoutingEntry, RoutingHead, RuleEntry, TimeoutsEntry
from orchvynt.language.document.section import Section
from orchvynt.language.reading import Item, Reader
from orchvynt.language.report import Span
from orchvynt.language.yaml_marks import Entry, Mapping, Node, Scalar, Sequence


class Source(msgspec.Struct):
    """`*_names` are all names that the file has, the broken ones too: a reference to one of those is not a second error."""

    span: Span
    providers: dict[str, Item[ProviderEntry]]
    provider_names: list[str]
    models: dict[str, Item[ModelEntry]]
    model_names: list[str]
    rules: list[Item[RuleEntry]]
    rule_count: int
    routing: Item[RoutingHead] | None
    retry: RetryEntry
    timeouts: TimeoutsEntry
    chain: Item[ChainEntry] | None
    budgets: list[Item[BudgetEntry]]
    gates: list[Item[GateEntry]]
    groups: dict[str, Item[GroupEntry]]
    group_names: list[str]
    journal: JournalEntry
    broken: list[tuple[str, Mapping]]


def read(node: Node, reader: Reader) -> Source | None:
    """None where the document is no map; else all that could be read."""
    if not isinstance(node, Mapping):
        reader.report.error(node.span, "a policy is a map of sections", "Begin with `version: 1`.")
        return None
    start = Span(node.span.line, node.span.column, node.span.line, node.span.column + 1)
    given = reader.members(PolicyDocument, _without_empty_sections(node), "")
    for name in ("providers", "models"):
        if name not in given:
            reader.report.error(start, f"`{name}` is missing", PolicyDocument.model_fields[name].description or "", name)
    reader.section(PolicyHead, only(node, given, PolicyHead), "", start)
    rules, rule_count, routing = _read_routing(given.get("routing"), reader)
    retry, timeouts, chain = _read_fallback(given.get("fallback"), reader)
    journal = reader.section(JournalEntry, given["journal"].value, "journal", given["journal"].key) if "journal" in given else None
    return Source(
        start,
        reader.named(ProviderEntry, given["providers"].value, "providers") if "providers" in given else {},
        _names(given.get("providers")),
        reader.named(ModelEntry, given["models"].value, "models") if "models" in given else {},
        _names(given.get("models")),
        rules,
        rule_count,
        routing,
        retry,
        timeouts,
        chain,
        reader.listed(BudgetEntry, given["budgets"].value, "budgets") if "budgets" in given else [],
        reader.listed(GateEntry, given["gates"].value, "gates") if "gates" in given else [],
        reader.named(GroupEntry, given["groups"].value, "groups") if "groups" in given else {},
        _names(given.get("groups")),
        journal.section if journal is not None else JournalEntry(),
        reader.broken,
    )


def only(node: Mapping, given: dict[str, Entry], cls: type[Section]) -> Mapping:
    """The part of a map that one class reads."""
    return Mapping({name: entry for name, entry in given.items() if name in cls.model_fields}, node.span)


def _without_empty_sections(node: Mapping) -> Mapping:
    """A section that stands there with nothing below it is an empty one; anywhere else a name without a value is an error."""
    entries = dict(node.entries)
    for name, entry in node.entries.items():
        if isinstance(entry.value, Scalar) and entry.value.value is None and name in ("budgets", "gates", "groups", "fallback", "journal"):
            nothing = Sequence((), entry.value.span) if name in ("budgets", "gates") else Mapping({}, entry.value.span)
            entries[name] = Entry(entry.key, nothing)
    return Mapping(entries, node.span)


def _names(entry: Entry | None) -> list[str]:
    return list(entry.value.entries) if entry is not None and isinstance(entry.value, Mapping) else []


def _read_routing(entry: Entry | None, reader: Reader) -> tuple[list[Item[RuleEntry]], int, Item[RoutingHead] | None]:
    if entry is None:
        return [], 0, None
    given = reader.members(RoutingEntry, entry.value, "routing")
    if not isinstance(entry.value, Mapping):
        return [], 0, None
    head = reader.section(RoutingHead, only(entry.value, given, RoutingHead), "routing", entry.key)
    if "rules" not in given:
        return [], 0, head
    rules = given["rules"].value
    return reader.listed(RuleEntry, rules, "routing.rules"), len(rules.items) if isinstance(rules, Sequence) else 0, head


def _read_fallback(entry: Entry | None, reader: Reader) -> tuple[RetryEntry, TimeoutsEntry, Item[ChainEntry] | None]:
    given = reader.members(FallbackEntry, entry.value, "fallback") if entry is not None else {}
    retry = reader.section(RetryEntry, given["retry"].value, "fallback.retry", given["retry"].key) if "retry" in given else None
    timeouts = (
        reader.section(TimeoutsEntry, given["timeouts"].value, "fallback.timeouts", given["timeouts"].key) if "timeouts" in given else None
    )
    chain = _read_chain(given["chains"].value, reader) if "chains" in given else None
    return retry.section if retry else RetryEntry(), timeouts.section if timeouts else TimeoutsEntry(), chain


def _read_chain(node: Node, reader: Reader) -> Item[ChainEntry] | None:
    if isinstance(node, Mapping):
        for name, entry in node.entries.items():
            if name != "default":
                path = f"fallback.chains.{name}"
                said = f"not supported yet: the chain `{name[:60]}`"
                reader.report.error(entry.key, said, "This build has one chain, named `default`.", path)
        node = Mapping({name: entry for name, entry in node.entries.items() if name == "default"}, node.span)
    return reader.named(ChainEntry, node, "fallback.chains").get("default")
