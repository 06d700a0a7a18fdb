"""The change between two policies in words."""

import pytest
from tests.language.policies import SMALL, WHOLE, changed

from orchvynt.language.compile import load
from orchvynt.language.diff import diff
from orchvynt.language.snapshot import Snapshot


def _compiled(text: str) -> Snapshot:
    loaded = load(text, "p.yaml")
    assert loaded.snapshot is not None, [problem.text for problem in loaded.problems]
    return loaded.snapshot


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("use: small", "use: gpt-4o", "rule cheap: use gpt-4o-mini → gpt-4o"),
        ('workload == "classification"', 'workload == "x"', 'rule cheap: when `workload == "classification"` → `workload == "x"`'),
        ("usd: 2.50", "usd: 3", "budget doc-analysis: limit 2.5 USD → 3 USD"),
        ("limit: {usd: 2.50}", "limit: {tokens: 5}, min_output_tokens: 5", "budget doc-analysis: limit no tokens → 5 tokens"),
        ("window: day", "window: week", "budget doc-analysis: window day → week"),
        ("gpu-1:11434", "gpu-2:11434", "provider lab: base_url http://gpu-1:11434 → http://gpu-2:11434"),
        ("OPENAI_API_KEY", "OPENAI_TOKEN", "provider openai: api_key ${env:OPENAI_API_KEY} → ${env:OPENAI_TOKEN}"),
        ("quality: 0.79", "quality: 0.8", "model gpt-4o-mini: quality 0.79 → 0.8"),
        ("provider: lab, model", "provider: spare, model", "model mistral: provider lab → spare"),
        ("default: gpt-4o-mini", "default: gpt-4o", "routing.default gpt-4o-mini → gpt-4o"),
        ("stall: 20s", "stall: 90s", "fallback.timeouts: stall 20s → 90s"),
        ("base: 250ms", "base: 1500ms", "fallback.retry: backoff.base 250ms → 1500ms"),
        ("[gpt-4o, claude, mistral]", "[claude, mistral]", "chain default: tiers [gpt-4o, claude, mistral] → [claude, mistral]"),
        ("up_to: auto", "up_to: 30s", "gate financial-decision: wait.up_to auto → 30s"),
        ("after: 60m", "after: 2h", "gate financial-decision: escalation after 1h reject → after 2h reject"),
        ("stream: hold", "stream: refuse", "gate financial-decision: stream hold → refuse"),
        (
            "ben@example.com",
            "cy@example.com",
            "group finance: members [ana@example.com, ben@example.com] → [ana@example.com, cy@example.com]",
        ),
        ("sync: process", "sync: power", "journal.sync process → power"),
        ("aliases: [small]", "aliases: [small, tiny]", "alias tiny added: gpt-4o-mini"),
    ],
)
def test_one_change(old: str, new: str, line: str) -> None:
    lines = diff(_compiled(WHOLE), _compiled(changed(old, new)))
    assert line in lines, lines
    assert len(lines) <= 3


def test_no_change_has_no_lines() -> None:
    assert diff(_compiled(WHOLE), _compiled("# other\n" + WHOLE)) == []


def test_what_was_added_and_removed() -> None:
    small, whole = _compiled(SMALL), _compiled(WHOLE)
    added, removed = diff(small, whole), diff(whole, small)
    assert "provider openai added: openai at https://api.openai.com/v1" in added
    assert 'budget doc-analysis added: 2.5 USD per workflow, day when `workflow == "doc-analysis"`' in added
    assert any(line.startswith("chain default added: tiers [gpt-4o, claude, mistral]") for line in added)
    assert any(line.startswith("gate financial-decision added: stage output, reviewers finance") for line in added)
    assert any(line.startswith("pattern claude-* added") for line in added)
    assert "provider openai removed" in removed
    assert "chain default removed" in removed
    assert "group finance removed" in removed


def test_order_of_rules_is_a_change() -> None:
    rules = WHOLE.split("\n")
    rules[16], rules[17] = rules[17], rules[16]
    assert diff(_compiled(WHOLE), _compiled("\n".join(rules))) == ["order of rules: cheap, careful → careful, cheap"]
