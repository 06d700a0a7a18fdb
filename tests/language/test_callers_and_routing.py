"""What the sections about routing, callers, constraints and tests become; and what they are warned of."""

import pytest
from tests.language.policies import LATER, RICH, SMALL, changed

from orchvynt.language.compile import load
from orchvynt.language.diff import diff
from orchvynt.language.document.scripted import ScriptedEntry
from orchvynt.language.document.section import fields_of
from orchvynt.language.document.tests import ExpectedEntry
from orchvynt.language.snapshot import Capabilities, Expect, Fixed, Key, Snapshot
from orchvynt.rehearsal.judging import MEASURES
from orchvynt.scripted.faults import Fault
from orchvynt.scripted.script import Answer


def _compiled(text: str) -> Snapshot:
    loaded = load(text, "p.yaml")
    assert loaded.snapshot is not None, [problem.text for problem in loaded.problems]
    return loaded.snapshot


def _warnings(text: str) -> list[str]:
    loaded = load(text, "p.yaml")
    assert loaded.snapshot is not None, [problem.text for problem in loaded.problems]
    return [f"{problem.line}:{problem.column} {problem.message}" for problem in loaded.problems]


def _errors(text: str) -> list[str]:
    return [f"{one.line}:{one.column} {one.message}" for one in load(text, "p.yaml").problems if one.severity == "error"]


def test_rules_as_values() -> None:
    cheap, floor, split = _compiled(RICH).rules
    assert (cheap.use, cheap.choose, cheap.split, cheap.equalities) == ("gpt-4o-mini", None, None, (("workload", "classification"),))
    assert floor.choose is not None
    assert floor.choose.models == ("gpt-4o", "claude", "gpt-4o-mini")
    assert floor.choose.where is not None
    assert floor.choose.where.stage == "candidate"
    assert floor.choose.prefer == "cost"
    assert floor.equalities == (("workload", "synthesis"), ("context.user_tier", "premium"))
    assert split.split is not None
    assert split.split.shares == (("gpt-4o", 7_000), ("claude", 3_000))
    assert split.split.sticky is not None
    assert split.split.sticky.names == {"run"}
    assert split.use == ""


def test_aliases_lead_to_their_models_everywhere() -> None:
    snapshot = _compiled(changed("from: [gpt-4o, claude, gpt-4o-mini]", "from: [small]", RICH))
    assert snapshot.rules[1].choose is not None
    assert snapshot.rules[1].choose.models == ("gpt-4o-mini",)
    snapshot = _compiled(changed("split: {gpt-4o: 70%, claude: 30%}", "split: {small: 12.5%, claude: 87.50%}", RICH))
    assert snapshot.rules[2].split is not None
    assert snapshot.rules[2].split.shares == (("gpt-4o-mini", 1_250), ("claude", 8_750))
    assert _compiled(changed('[gpt-4o, claude, "claude-*"]', "[small]", RICH)).keys["doc-team"].allow_models == frozenset({"gpt-4o-mini"})


def test_a_preference_may_be_an_expression() -> None:
    snapshot = _compiled(changed("prefer: cost", "prefer: 'cost + p95_ms / 1000'", RICH))
    choose = snapshot.rules[1].choose
    assert choose is not None
    assert not isinstance(choose.prefer, str)
    assert choose.prefer.names == {"cost", "p95_ms"}
    assert choose.prefer.wants == "number"


def test_what_is_declared_of_models() -> None:
    models = _compiled(RICH).models
    assert models["gpt-4o"].expect == Expect(1_000.0, 4_000.0, None)
    assert (models["claude"].region, models["claude"].expect) == ("eu", Expect())
    assert models["mistral"].capabilities.tools is False
    assert models["mistral"].capabilities.images is False
    known = _compiled(changed(", capabilities: {tools: false, images: false}", "", RICH)).models
    assert known["gpt-4o"].capabilities.tools is True
    assert known["mistral"].capabilities != Capabilities(False, False, None)


def test_keys_constraints_and_the_rest_as_values() -> None:
    snapshot = _compiled(RICH)
    team, ops = snapshot.keys["doc-team"], snapshot.keys["ops"]
    assert team.owner == "docs-lead@example.com"
    assert team.fixed == Fixed(workflow="doc-analysis", flags=("audited",), context={"team": "docs", "level": 2}, min_quality=0.5)
    assert team.may_set == frozenset({"agent", "run", "session", "workload", "flags", "context.customer"})
    assert team.require == ("run", "context.customer")
    assert team.allow_models == frozenset({"gpt-4o", "claude", "claude-*"})
    assert ops == Key("ops")
    assert snapshot.constraints[0].regions == {"eu"}
    assert snapshot.constraints[0].when is not None
    assert (snapshot.timezone, snapshot.sync, snapshot.metrics) == ("Europe/Berlin", "power", False)
    assert snapshot.rule_index.rules is snapshot.rules


def test_a_key_has_a_priority() -> None:
    low = _compiled(changed("  - name: ops\n", "  - {name: ops, priority: low}\n", RICH))
    assert low.keys["ops"] == Key("ops", priority="low")
    assert low.keys["doc-team"].priority == "normal"
    said = changed("  - name: ops\n", "  - {name: ops, priority: normal}\n", RICH)
    assert _compiled(said).digest == _compiled(RICH).digest, "what is usual may be said"
    assert _compiled(RICH).digest != low.digest
    assert diff(_compiled(RICH), low) == ["key ops: priority normal → low"]
    problems = load(changed("  - name: ops\n", "  - {name: ops, priority: hihg}\n", RICH), "p.yaml").problems
    assert [(one.message, one.help) for one in problems] == [("`hihg` is none of low, normal, high", "Did you mean `high`?")]


def test_tests_are_as_the_file_writes_them() -> None:
    first, second = _compiled(RICH).tests
    assert (first.name, first.line) == ("classification is cheap", 43)
    assert first.given["messages"] == [{"role": "user", "content": "spam or not?"}]
    assert first.given["at"] == "2026-03-02T14:00"
    assert first.expect == {"model": "small", "rule": "cheap", "gates": [], "budgets": [], "tier": 1}
    assert second.given["messages"][0]["content"] is None
    assert second.providers == {"openai": {"status": 503, "retry_after": "20s"}, "anthropic": {"text": "hello", "latency": "250ms"}}
    assert type(second.given["min_quality"]) is float


def test_the_digest_names_the_meaning_of_every_section() -> None:
    digest = _compiled(RICH).digest
    same = [
        changed("require: [run, context.customer]", "require: [context.customer, run]", RICH),
        changed("sticky: run", "sticky: ' run '", RICH),
        changed("p95: 4s", "p95: 4000ms", RICH),
        changed("70%, claude: 30%", "70.00%, claude: 30.0%", RICH),
        changed("enforce: true\n", "", RICH),
        changed("  - name: ops\n", "  - name: ops\n    require: []\n", RICH),
    ]
    for text in same:
        assert _compiled(text).digest == digest, text
    different = [
        changed("timezone: Europe/Berlin", "timezone: UTC", RICH),
        changed("p95: 4s", "p95: 5s", RICH),
        changed("tools: false", "tools: true", RICH),
        changed("prefer: cost", "prefer: quality", RICH),
        changed("70%, claude: 30%", "60%, claude: 40%", RICH),
        changed("sticky: run", "sticky: session", RICH),
        changed("quality >= 0.85", "quality >= 0.84", RICH),
        changed("team: docs", "team: doc", RICH),
        changed("may_set: [agent, ", "may_set: [", RICH),
        changed("flags: [audited]", "flags: [audit]", RICH),
        changed("- name: ops\n", "- name: op\n", RICH).replace("key: ops", "key: op"),
        changed("regions: [eu]", "regions: [eu, us]", RICH).replace("expect: {p50", "region: us, expect: {p50"),
        changed("metrics: false", "metrics: true", RICH),
        changed("tier: 1}", "tier: 2}", RICH),
        changed("status: 503", "status: 500", RICH),
    ]
    assert len({_compiled(text).digest for text in different} | {digest}) == len(different) + 1


def test_warnings_name_the_keys_that_let_callers_omit() -> None:
    found = _warnings(RICH)
    assert "25:42 budget `daily` depends only on what callers may omit: workflow (with the key ops)" in found
    assert "27:40 gate `money` depends only on what callers may omit: flags (with the keys doc-team, ops)" in found
    fixed = changed("- name: ops\n", "- {name: ops, require: [workflow], fixed: {flags: [financial-action]}}\n", RICH)
    assert not any("budget `daily`" in one for one in _warnings(fixed)), "each key fixes or requires the workflow"
    assert "27:40 gate `money` depends only on what callers may omit: flags (with the key doc-team)" in _warnings(fixed)
    nobody = changed("may_set: [agent, run, session, workload, flags, context.customer]", "may_set: [run, context.customer]", fixed)
    assert not any("gate `money`" in one for one in _warnings(nobody)), "a claim that no caller may set is not left out by any"


@pytest.mark.parametrize(
    ("when", "warned"),
    [
        ("context.team == \"docs\"", "context.team (with the key ops)"),
        ("context.customer == \"x\"", "context.customer (with the key ops)"),
        ("context.other == \"x\"", "context.other (with the key ops)"),
        ("context.other == \"x\" || endpoint == \"/v1/route\"", ""),
        ("size(flags) > 1", "flags (with the key ops)"),
        ("user == \"x\" && session == \"y\"", "session, user (with the key ops)"),
        ("key.name == \"ops\" && workflow == \"x\"", ""),
    ],
)  # fmt: skip
def test_which_claims_a_key_lets_omit(when: str, warned: str) -> None:
    found = [
        one for one in _warnings(changed("""'workflow == "doc-analysis"', limit""", f"'{when}', limit", RICH)) if "budget `daily`" in one
    ]
    assert [one.partition("may omit: ")[2] for one in found] == ([warned] if warned else [])


def test_a_sticky_value_that_no_caller_has() -> None:
    text = changed("may_set: [agent, run, session, workload, flags, context.customer]", "may_set: [run, context.customer]", RICH)
    text = changed("- name: ops\n", "- {name: ops, may_set: [run]}\n", text)
    for sticky, why in (
        ("user", "no key fixes `user` or lets callers set it"),
        ("context.region", "no key fixes `context.region` or lets callers set it"),
    ):
        assert _errors(changed("sticky: run", f"sticky: {sticky}", text)) == [f"22:15 `sticky` is always empty: {why}"]
    for sticky in ("run", "context.customer", "context.team", "key.name", "key.owner", "workflow"):
        assert _errors(changed("sticky: run", f"sticky: {sticky}", text)) == []
    alone = SMALL + "  rules: [{name: a, split: {mistral: 100%}, sticky: key.name}]\n"
    assert _errors(alone) == ["8:53 `sticky` is always empty: the policy has no `keys`"]


def test_where_by_declared_facts() -> None:
    """A statistic may be measured otherwise, so that only facts that the policy alone changes make an error."""
    low = changed("'quality >= 0.85 && p95_ms < 8000'", "'quality > 0.96'", RICH)
    assert "18:60 no candidate meets `where` by what is declared of it" in _warnings(low)
    assert not any("`where`" in one for one in _warnings(changed("quality >= 0.85", "quality > 0.94", RICH))), "0.95 for classification"
    slow = changed(
        "from: [gpt-4o, claude, gpt-4o-mini], where: 'quality >= 0.85 && p95_ms < 8000'", "from: [gpt-4o], where: 'p95_ms < 100'", RICH
    )
    assert any("by what is declared" in one for one in _warnings(slow))
    unknown = changed(
        "from: [gpt-4o, claude, gpt-4o-mini], where: 'quality >= 0.85 && p95_ms < 8000'", "from: [claude], where: 'p95_ms < 1'", RICH
    )
    assert not any("`where`" in one for one in _warnings(unknown)), "what is not declared passes"
    small = changed("'quality >= 0.85 && p95_ms < 8000'", "'context_window > 90000000'", RICH)
    assert _errors(small) == ["18:60 no candidate can ever meet `where`"]


def test_words_that_others_take_for_booleans() -> None:
    found = _warnings(changed("region: eu}", "region: no}", RICH).replace("regions: [eu]", "regions: [eu, 'no']"))
    assert "10:87 `no` is read as text here; other readers of YAML take it for false" in found
    assert not any(
        "is read as text" in one for one in _warnings(changed("region: eu}", "region: 'no'}", RICH).replace("[eu]", "[eu, 'no']"))
    )


def test_groups_of_unknown_size() -> None:
    text = SMALL + "groups: {g: {oidc: g}}\ngates: [{name: a, stage: output, reviewers: g, quorum: 2}]\n"
    found = [one for one in load(text, "p.yaml").problems if one.severity == "warning"]
    assert [one.message for one in found] == ["whether the group `g` has 2 people is not known: the identity provider says who is in `g`"]


def test_a_constraint_that_contradicts_another() -> None:
    text = changed("expect: {p50", "region: us, expect: {p50", RICH)
    text = changed("{when: 'context.residency == \"eu\"', regions: [eu]}\n", "{regions: [eu]}\n  - {regions: [us]}\n", text)
    assert "39:15 no model can meet both this constraint and the one on line 38" in _errors(text)


SECRET = "hunter2-Zq81kfLw93mmX"


@pytest.mark.parametrize(
    "text",
    [
        changed('secret: "${env:HOOK_SECRET}"', f"secret: {SECRET}", LATER),
        changed('"${env:SLACK_TOKEN}"', f'"{SECRET}"', LATER),
        changed('signing_secret: "${env:SLACK_SIGNING_SECRET}"', f"signing_secret: {SECRET}", LATER),
        changed('smtp: "${env:SMTP_URL}"', f'smtp: "{SECRET}"', LATER),
        changed('smtp: "${env:SMTP_URL}"', f'smtp: "smtp://me:{SECRET}@mail.example"', LATER),
        changed('smtp: "${env:SMTP_URL}"}}', f'smtp: "{SECRET}"}}}}}}', LATER),
        changed('webhook: "https://hooks.example/oncall"', f'webhook: "https://me:{SECRET}@hooks.example"', LATER),
        changed('otlp: "${env:OTEL_EXPORTER_OTLP_ENDPOINT}"', f'otlp: "https://me:{SECRET}@otel.example"', LATER),
        changed("- name: ops\n", f"- name: ops\n    secret: {SECRET}\n", RICH),
        changed("- name: ops\n", f"- name: ops\n    key: {SECRET}\n", RICH),
        changed("fixed: {workflow", f"fixed: {{api_key: {SECRET}, workflow", RICH),
        changed("key: ops", f"key: {SECRET}", RICH),
        changed("key: ops", f"key: [{SECRET}]", RICH),
        changed("given: {workload: classification,", f"given: {{token: {SECRET},", RICH),
        changed("key: ops", f"key: {SECRET}}}}}", RICH),
    ],
)
def test_a_literal_secret_is_refused_and_never_shown(text: str) -> None:
    loaded = load(text, "p.yaml")
    assert loaded.snapshot is None
    for problem in loaded.problems:
        assert SECRET not in problem.text, problem.text


def test_the_name_of_a_key_is_no_secret() -> None:
    problem = next(one for one in load(changed("key: ops", "key: doc-taem", RICH), "p.yaml").problems if one.severity == "error")
    assert problem.message == "there is no key `doc-taem`"
    assert "key: doc-taem" in problem.excerpt


def test_providers_behave_in_the_words_of_the_scripted_provider() -> None:
    assert set(fields_of(ScriptedEntry)) == {*Answer.__struct_fields__, *Fault.__struct_fields__}


def test_what_a_test_expects_is_what_its_runner_measures() -> None:
    assert set(fields_of(ExpectedEntry)) == set(MEASURES)
