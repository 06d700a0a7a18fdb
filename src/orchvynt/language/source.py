"""The whole document as it was read: every section that is right by itself, with its place, and the broken ones as they stand."""

import re
from typing import Final, TypeVar

import msgspec

from orchvynt.language.document.budgets import BudgetEntry, RateLimitEntry
from orchvynt.language.document.fallback import AlertEntry, ChainEntry, ChainUseEntry, FallbackEntry, FallbackHead
from orchvynt.language.document.gates import GateEntry, GroupEntry
from orchvynt.language.document.keys import ConstraintEntry, KeyEntry
from orchvynt.language.document.models import ModelEntry
from orchvynt.language.document.notify import NotifyEntry
from orchvynt.language.document.operation import PassthroughEntry
from orchvynt.language.document.policy import OperationEntry, PolicyDocument, PolicyHead
from orchvynt.language.document.providers import ProviderEntry
from orchvynt.language.document.routing import RoutingEntry, RoutingHead, RuleEntry
from orchvynt.language.document.section import Section
from orchvynt.language.document.tests import TestEntry
from orchvynt.language.reading import Item, Reader
from orchvynt.language.report import Span
from orchvynt.language.yaml_marks import Entry, Mapping, Node, Scalar, Sequence

_LISTS_THAT_MAY_BE_EMPTY: Final = ("budgets", "rate_limits", "gates", "constraints", "passthrough", "tests")
_MAPS_THAT_MAY_BE_EMPTY: Final = ("groups", "notify", "fallback", "journal", "telemetry", "outage")

HeadSection = TypeVar("HeadSection", bound=Section)


class Source(msgspec.Struct):
    """`node` is the whole document, in which the broken sections can still be looked at; `broken` are those, with their paths."""

    span: Span
    node: Mapping
    head: Item[PolicyHead] | None
    operation: Item[OperationEntry] | None
    providers: dict[str, Item[ProviderEntry]]
    models: dict[str, Item[ModelEntry]]
    routing: Item[RoutingHead] | None
    rules: list[Item[RuleEntry]]
    fallback: Item[FallbackHead] | None
    chains: dict[str, Item[ChainEntry]]
    chain_uses: list[Item[ChainUseEntry]]
    alerts: list[Item[AlertEntry]]
    budgets: list[Item[BudgetEntry]]
    rate_limits: list[Item[RateLimitEntry]]
    gates: list[Item[GateEntry]]
    groups: dict[str, Item[GroupEntry]]
    keys: list[Item[KeyEntry]]
    constraints: list[Item[ConstraintEntry]]
    notify: dict[str, Item[NotifyEntry]]
    passthrough: list[Item[PassthroughEntry]]
    tests: list[Item[TestEntry]]
    broken: list[tuple[str, Mapping]]

    broken_sections: frozenset[str]

    def is_broken(self, section: str) -> bool:
        """Whether something in a section of the document was not read: what it would have said is not known."""
        return section in self.broken_sections


def read(node: Node, reader: Reader) -> Source | None:
    """None where the document is no map; else all that could be read."""
    if not isinstance(node, Mapping):
        reader.report.error(node.span, "a policy is a map of sections", "Begin with `version: 1`.")
        return None
    start = Span(node.span.line, node.span.column, node.span.line, node.span.column + 1)
    node = _without_empty_sections(node)
    given = reader.members(PolicyDocument, node, "")
    for name in ("providers", "models"):
        if name not in given and name not in node.entries:
            reader.report.error(start, f"`{name}` is missing", PolicyDocument.model_fields[name].description or "", name)
    routing = reader.members(RoutingEntry, given["routing"].value, "routing") if "routing" in given else {}
    fallback = reader.members(FallbackEntry, given["fallback"].value, "fallback") if "fallback" in given else {}
    source = Source(
        span=start,
        node=node,
        head=reader.section(PolicyHead, only(node, given, PolicyHead), "", start),
        operation=reader.section(OperationEntry, only(node, given, OperationEntry), "", start),
        providers=reader.named(ProviderEntry, given.get("providers"), "providers"),
        models=reader.named(ModelEntry, given.get("models"), "models"),
        routing=_head(RoutingHead, given.get("routing"), routing, "routing", reader),
        rules=reader.listed(RuleEntry, routing.get("rules"), "routing.rules"),
        fallback=_head(FallbackHead, given.get("fallback"), fallback, "fallback", reader),
        chains=reader.named(ChainEntry, fallback.get("chains"), "fallback.chains"),
        chain_uses=reader.listed(ChainUseEntry, fallback.get("use"), "fallback.use"),
        alerts=reader.listed(AlertEntry, fallback.get("alerts"), "fallback.alerts"),
        budgets=reader.listed(BudgetEntry, given.get("budgets"), "budgets"),
        rate_limits=reader.listed(RateLimitEntry, given.get("rate_limits"), "rate_limits"),
        gates=reader.listed(GateEntry, given.get("gates"), "gates"),
        groups=reader.named(GroupEntry, given.get("groups"), "groups"),
        keys=reader.listed(KeyEntry, given.get("keys"), "keys"),
        constraints=reader.listed(ConstraintEntry, given.get("constraints"), "constraints"),
        notify=reader.named(NotifyEntry, given.get("notify"), "notify"),
        passthrough=reader.listed(PassthroughEntry, given.get("passthrough"), "passthrough"),
        tests=reader.listed(TestEntry, given.get("tests"), "tests"),
        broken=reader.broken,
        broken_sections=frozenset(),
    )
    # What a list or a map holds is known only when all of it was read.
    source.broken_sections = frozenset(re.split(r"[.\[]", path)[0] for path, _ in reader.broken)
    return source


def only(node: Mapping, given: dict[str, Entry], cls: type[Section]) -> Mapping:
    """The part of a map that one class reads."""
    return Mapping({name: entry for name, entry in given.items() if name in cls.model_fields}, node.span)


def _head(cls: type[HeadSection], entry: Entry | None, given: dict[str, Entry], path: str, reader: Reader) -> Item[HeadSection] | None:
    if entry is None or not isinstance(entry.value, Mapping):
        return None
    return reader.section(cls, only(entry.value, given, cls), path, entry.key)


def _without_empty_sections(node: Mapping) -> Mapping:
    """A section that stands there with nothing below it is an empty one; anywhere else a name without a value is an error."""
    entries = dict(node.entries)
    for name, entry in node.entries.items():
        if isinstance(entry.value, Scalar) and entry.value.value is None:
            if name in _LISTS_THAT_MAY_BE_EMPTY:
                entries[name] = Entry(entry.key, Sequence((), entry.value.span))
            elif name in _MAPS_THAT_MAY_BE_EMPTY:
                entries[name] = Entry(entry.key, Mapping({}, entry.value.span))
    return Mapping(entries, node.span)
