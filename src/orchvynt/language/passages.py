"""What a policy's text says of one gate, or one budget, and of the groups that decide there: for those who look back years later."""

from collections.abc import Sequence as Names
from typing import Any, Final

import yaml

from orchvynt.language.report import Report
from orchvynt.language.yaml_marks import YamlFloat, parse, plain

BUDGET: Final = "budget "


class _Dumper(yaml.SafeDumper):
    """Of our own, for it knows how numbers were written."""


_Dumper.add_representer(YamlFloat, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:float", value.text))


def passages(text: str, gate: str, groups: Names[str]) -> str:
    """As YAML with aliases written out. `gate` is a gate's name, or `budget NAME`. Empty where the policy has none of that name."""
    node = parse(text, Report("", text))
    policy = plain(node) if node is not None else None
    if not isinstance(policy, dict):
        return ""
    section, name = ("budgets", gate.removeprefix(BUDGET)) if gate.startswith(BUDGET) else ("gates", gate)
    found = [one for one in _listed(policy.get(section)) if one.get("name") == name]
    if not found:
        return ""
    named = policy.get("groups")
    deciding = {group: named[group] for group in groups if group in named} if isinstance(named, dict) else {}
    return yaml.dump({section: found, "groups": deciding}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _listed(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
