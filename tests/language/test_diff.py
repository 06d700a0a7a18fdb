"""The change between two policies in words."""

import pytest
from tests.language.policies import RICH, SMALL, WHOLE, changed

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
        ("limit: {usd: 2.50}", "limit: {tokens: 5}, min_output_tokens: 5", "budget doc-analysis: limit 2.5 USD → 5 tokens"),
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
        ("closed_after: 20s", "closed_after: 0s", "outage: budgets.closed_after 20s → 0s"),
        ("buffer: 5000", "buffer: 5001", "outage: journal.buffer 5000 → 5001"),
        ("aliases: [small]", "aliases: [small, tiny]", "alias tiny added: gpt-4o-mini"),
    ],
)
def test_one_change(old: str, new: str, line: str) -> None:
    lines = diff(_compiled(WHOLE), _compiled(changed(old, new)))
    assert line in lines, lines
    assert len(lines) <= 3


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("timezone: Europe/Berlin", "timezone: UTC", "timezone Europe/Berlin → UTC"),
        ("p50: 1s, p95: 4s", "p95: 5s", "model gpt-4o: expect p50 1s, p95 4s → p95 5s"),
        ("tools: false, images: false", "tools: true", "model mistral: capabilities no tools, no images, json_schema → tools, json_schema"),
        ("region: eu, cap", "region: us, cap", "model mistral: region eu → us"),
        (
            "where: 'quality >= 0.85 && p95_ms < 8000', prefer: cost",
            "prefer: 'cost * 2'",
            "rule quality-floor: choose [gpt-4o, claude, gpt-4o-mini] where `quality >= 0.85 && p95_ms < 8000` by cost → "
            "[gpt-4o, claude, gpt-4o-mini] by `cost * 2`",
        ),
        (
            "{gpt-4o: 70%, claude: 30%}",
            "{gpt-4o: 87.5%, claude: 12.5%}",
            "rule validate-claude: split gpt-4o 70%, claude 30%, sticky by `run` → gpt-4o 87.5%, claude 12.5%, sticky by `run`",
        ),
        (
            "      sticky: run\n",
            "",
            "rule validate-claude: split gpt-4o 70%, claude 30%, sticky by `run` → gpt-4o 70%, claude 30%, each by itself",
        ),
        (
            "      split: {gpt-4o: 70%, claude: 30%}\n      sticky: run\n",
            "      use: claude\n",
            "rule validate-claude: leads to split gpt-4o 70%, claude 30%, sticky by `run` → use claude",
        ),
        ("owner: docs-lead@example.com", "owner: other@example.com", "key doc-team: owner docs-lead@example.com → other@example.com"),
        (
            "level: 2}, flags: [audited]",
            "level: 3}, flags: []",
            "key doc-team: fixed workflow doc-analysis, flags [audited], context {level: 2, team: docs}, min_quality 0.5 → "
            "workflow doc-analysis, context {level: 3, team: docs}, min_quality 0.5",
        ),
        ("    require: [run, context.customer]\n", "", "key doc-team: require [run, context.customer] → []"),
        (
            '    allow_models: [gpt-4o, claude, "claude-*"]\n',
            "",
            "key doc-team: allow_models [claude, claude-*, gpt-4o] → anything",
        ),
        ("  - name: ops\n", "  - name: ops\n    may_set: [run]\n", "key ops: may_set anything → [run]"),
        ("  - name: ops\n", "  - name: ops\n  - {name: new, owner: x@y.z}\n", "key new added: owner x@y.z"),
        (
            "regions: [eu]}\n",
            "regions: [eu]}\n  - {regions: [eu]}\n",
            "constraint always added: [eu]",
        ),
        ('context.residency == "eu"', 'context.residency == "ch"', 'constraint when `context.residency == "eu"` removed'),
        ("metrics: false", "metrics: true", "telemetry.metrics false → true"),
        ("name: an outage of openai", "name: another", "test an outage of openai removed"),
        ("status: 503", "status: 500", "test an outage of openai changed"),
    ],
)
def test_one_change_of_what_is_routed_and_who_calls(old: str, new: str, line: str) -> None:
    lines = diff(_compiled(RICH), _compiled(changed(old, new, RICH)))
    assert line in lines, lines
    assert len(lines) <= 2


def test_the_first_and_the_last_key_are_said_aloud() -> None:
    keyed = SMALL + "keys: [{name: team}]\n"
    assert diff(_compiled(SMALL), _compiled(keyed)) == ["keys: from now on a key is needed", "key team added"]
    assert diff(_compiled(keyed), _compiled(SMALL))[0] == "keys: from now on anybody may call, on this machine only"


def test_where_a_line_moves_a_test_has_not_changed() -> None:
    assert diff(_compiled(RICH), _compiled("# a comment\n" + RICH)) == []


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
