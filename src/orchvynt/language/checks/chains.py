"""Chains lead somewhere: no tier and no trigger stands twice, neither list is empty, and every use of a chain can be reached."""

from orchvynt.language.checks.names import Names
from orchvynt.language.document.fallback import ChainEntry, ChainUseEntry
from orchvynt.language.reading import Item
from orchvynt.language.report import Report
from orchvynt.language.source import Source


def check_chains(source: Source, names: Names, report: Report) -> None:
    for chain in source.chains.values():
        _tiers(chain, names, report)
        _triggers(chain, report)
    _uses(source, report)


def _uses(source: Source, report: Report) -> None:
    """An entry behind one that serves everything, or behind the same condition, is never reached."""
    seen: set[str] = set()
    everything: Item[ChainUseEntry] | None = None
    for use in source.chain_uses:
        when = " ".join(use.section.when.split()) if use.section.when is not None else None
        if everything is not None:
            said = f"this is never reached: the chain `{everything.section.chain}` before it serves everything"
            report.error(use.at("chain"), said, "Put it before that one, or remove it.", f"{use.path}.chain")
        elif when is not None and when in seen:
            said = "this is never reached: an entry before it has the same condition"
            report.error(use.at("when"), said, "Remove one of them.", f"{use.path}.when")
        elif when is None:
            everything = use
        else:
            seen.add(when)


def _tiers(chain: Item[ChainEntry], names: Names, report: Report) -> None:
    seen: dict[str, int] = {}
    for field, given in (("tiers", chain.section.tiers), ("triggers", chain.section.triggers)):
        if not given:
            report.error(chain.at(field), f"`{field}` is empty, so the chain does nothing", "Name at least one.", f"{chain.path}.{field}")
    for number, tier in enumerate(chain.section.tiers):
        model = names.models.get(tier)
        if model in seen:
            as_alias = f" (`{tier}` is an alias)" if tier != model else ""
            help = f"Remove it: it would be asked again after tier {seen[model]}, and a chain runs through its tiers once."
            report.error(
                chain.at("tiers", number), f"the model `{model}` is a tier already{as_alias}", help, f"{chain.path}.tiers[{number}]"
            )
        elif model is not None:
            seen[model] = number + 1


def _triggers(chain: Item[ChainEntry], report: Report) -> None:
    for number, word in enumerate(chain.section.triggers):
        if word == "latency" and chain.section.latency_p99 is None:
            path = f"{chain.path}.triggers[{number}]"
            help = "Add `latency_p99: 9s`, which implies the trigger, or remove `latency`."
            report.error(chain.at("triggers", number), "`latency` has no bound: the chain has no `latency_p99`", help, path)
        if word in chain.section.triggers[:number]:
            path = f"{chain.path}.triggers[{number}]"
            report.error(chain.at("triggers", number), f"`{word}` stands twice", "Remove it.", path)
