"""What several processes do not keep right together is refused in words that help; beside nobody everything is served."""

import pytest

from orchvynt.assembly.sharing import not_yet
from orchvynt.language.compile import load
from orchvynt.language.snapshot import Snapshot
from orchvynt.ports.processes import SILENT_NS, ProcessRow

PLAIN = "version: 1\nproviders: {o: {kind: openai}}\nmodels: {gpt-4o: {provider: o}}\n"
ASKED = {
    "its rate limit each": "rate_limits: [{name: each, scope: key, limit: {invocations: 5}, window: minute}]",
}


def policy(more: str = "") -> Snapshot:
    loaded = load(PLAIN + more, "policy.yaml")
    assert loaded.snapshot is not None, loaded.problems
    return loaded.snapshot


def row(silent_ns: int = 0) -> ProcessRow:
    return ProcessRow("prc_1", "/var/journal", "elsewhere", 77, "0.1", 0, 0, "serving", silent_ns)


@pytest.mark.parametrize("named", ASKED)
def test_each_is_named_with_what_helps(named: str) -> None:
    asked = policy(ASKED[named])
    assert not_yet(asked, 1, []) == ""
    assert not_yet(asked, 2, []).startswith(f"{named} several processes")
    assert "elsewhere:77 serves" in not_yet(asked, 1, [row()])
    gone = not_yet(asked, 1, [row(SILENT_NS)])
    assert "elsewhere:/var/journal, whose process did not come to its end" in gone
    assert gone.endswith("WHERE process = 'prc_1'")


def test_what_each_does_for_itself_is_served() -> None:
    assert not_yet(policy("keys: [{name: agents}]\n"), 4, [row()]) == ""


def test_what_they_share_is_served() -> None:
    assert not_yet(policy("budgets: [{name: all, scope: global, limit: {usd: 1}}]\n"), 4, [row(SILENT_NS)]) == ""
