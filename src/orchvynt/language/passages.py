"""What a policy's text says of one gate, or one budget, and of the groups that decide there: for those who look back years later."""

import json
from collections.abc import Sequence as Names
from typing import Any, Final

from orchvynt.language.report import Report
from orchvynt.language.yaml_marks import parse, plain

BUDGET: Final = "budget "


def passages(yaml: str, gate: str, groups: Names[str]) -> str:
    """As JSON, which is YAML as well; aliases are written out. `gate` is a gate's name, or `budget NAME`. Empty where the policy has none
    of that name."""
    node = parse(yaml, Report("", yaml))
    policy = plain(node) if node is not None else None
    if not isinstance(policy, dict):
        return ""
    section, name = ("budgets", gate.removeprefix(BUDGET)) if gate.startswith(BUDGET) else ("gates", gate)
    found = [one for one in _listed(policy.get(section)) if one.get("name") == name]
    if not found:
        return ""
    named = policy.get("groups")
    deciding = {group: named[group] for group in groups if group in named} if isinstance(named, dict) else {}
    return json.dumps({section: found, "groups": deciding}, ensure_ascii=False, indent=2)


def _listed(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
