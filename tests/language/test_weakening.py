"""What takes away from what is protected is told; what is as strict as before is not."""

import pytest

from orchvynt.language.compile import load
from orchvynt.language.snapshot import Snapshot
from orchvynt.language.weakening import weakened

POLICY = """
version: 1
providers: {openai: {kind: openai, api_key: "${env:OPENAI_API_KEY}"}, lab: {kind: ollama, base_url: "http://gpu:11434"}}
models: {gpt-4o: {provider: openai, price: {input: 2.5, output: 10}}, small: {provider: lab, price: free}}
gates:
  - {name: financial-one, stage: output, when: '"financial-action" in flags',
     reviewers: finance, require_reason: true, escalation: [{after: 2h, do: reject}]}
  - {name: financial-two, stage: output, when: 'workflow == "z"', reviewers: finance}
  - {name: other, stage: output, when: 'workflow == "x"', reviewers: ops}
budgets:
  - {name: company, scope: global, limit: {usd: 5000}, window: month, on_breach: reject}
  - {name: team, scope: workflow, limit: {usd: 5}, window: day}
groups:
  finance: {members: [ana@example.com, ben@example.com]}
  ops: {members: [ops@example.com]}
  risk: {members: [cfo@example.com, cro@example.com]}
keys: [{name: docs, owner: ana@example.com, fixed: {flags: [financial-action]}, may_set: [run]}]
protected: {gates: ["financial-*"], budgets: [company], approvers: {group: risk, quorum: 2}}
"""


def compiled(text: str) -> Snapshot:
    loaded = load(text, "p.yaml")
    assert loaded.snapshot is not None, [one.text for one in loaded.problems]
    return loaded.snapshot


def found(old: str, new: str) -> tuple[str, ...]:
    assert old in POLICY
    return weakened(compiled(POLICY), compiled(POLICY.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("name: financial-one", "name: renamed", "gate financial-one is removed"),
        ("stage: output, when: '\"financial-action\" in flags'", "stage: output, when: '\"later\" in flags'", "gate financial-one: when"),
        ("require_reason: true", "require_reason: false", "gate financial-one: require_reason true → false"),
        ("reviewers: finance", "reviewers: ops", "gate financial-one: reviewers finance → ops"),
        ("escalation: [{after: 2h, do: reject}]", "escalation: [{after: 2h, to: ops}]", "gate financial-one: escalation"),
        ("usd: 5000", "usd: 5001", "budget company: limit 5000 USD → 5001 USD"),
        ("limit: {usd: 5000}", "limit: {tokens: 5}", "budget company: limit"),
        ("on_breach: reject", "on_breach: alert", "budget company: on_breach reject → alert"),
        ("on_breach: reject", "on_breach: {downgrade: small}", "budget company: on_breach"),
        ("on_breach: reject", "on_breach: {review: {reviewers: ops, grant: [1]}}", "budget company: on_breach"),
        ("window: month", "window: week", "budget company: window month → week"),
        ("name: company, scope: global", "name: company, scope: workflow", "budget company: scope global → workflow"),
        (
            "members: [ana@example.com, ben@example.com]",
            "members: [ana@example.com, me@example.com]",
            "group finance: me@example.com joins",
        ),
        ("members: [cfo@example.com, cro@example.com]", "members: [cfo@example.com, cro@example.com, x@example.com]", "group risk: x@"),
        ("finance: {members", "finance: {oidc: everybody, members", "group finance: whoever the identity provider has in everybody"),
        ("input: 2.5, output: 10", "input: 2.5, output: 1", "model gpt-4o: price"),
        ("fixed: {flags: [financial-action]}", "fixed: {flags: []}", "key docs: what it says of flags changes"),
        ("may_set: [run]", "may_set: [run, flags]", "key docs: what it says of flags changes"),
        (", quorum: 2", "", "protected.approvers: quorum 1 in place of 2"),
        ("group: risk, quorum: 2", "group: risk, quorum: 2, not_author: false", "protected.approvers: the author may approve"),
        ("group: risk", "group: finance", "protected.approvers: the group finance in place of risk"),
        ("budgets: [company]", "budgets: [team]", "protected.budgets: company is no longer named"),
        ('protected: {gates: ["financial-*"], budgets: [company], approvers: {group: risk, quorum: 2}}', "", "`protected` is removed"),
    ],
)
def test_what_weakens_is_told(old: str, new: str, told: str) -> None:
    lines = found(old, new)
    assert any(line.startswith(told) for line in lines), lines


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("usd: 5000", "usd: 4000"),
        ("limit: {usd: 5000}", "limit: {usd: 5000, invocations: 9}"),
        ("usd: 5}", "usd: 50000}"),
        ("when: 'workflow == \"x\"'", "when: 'workflow == \"y\"'"),
        ("stage: output, when: '\"financial-action\" in flags'", "stage: output"),
        ("members: [ana@example.com, ben@example.com]", "members: [ana@example.com]"),
        ("input: 2.5, output: 10", "input: 3, output: 11"),
        ("on_breach: reject", "on_breach: clamp"),
        ("flags: [financial-action]", "flags: [financial-action, more]"),
        ("may_set: [run]", "may_set: []"),
        ('gates: ["financial-*"]', 'gates: ["financial-*", other]'),
        ("quorum: 2", "quorum: 2, not_author: true"),
    ],
)
def test_what_is_as_strict_needs_no_approval(old: str, new: str) -> None:
    assert found(old, new) == ()


def test_without_protection_nothing_is_protected() -> None:
    free = compiled(POLICY[: POLICY.index("protected:")])
    assert weakened(free, compiled(POLICY.replace("usd: 5000", "usd: 9000"))) == ()


def test_a_policy_does_not_weaken_itself() -> None:
    whole = compiled(POLICY)
    assert weakened(whole, whole) == ()


ROUTED = """
version: 1
providers:
  openai: {kind: openai, api_key: "${env:OPENAI_API_KEY}"}
  lab: {kind: ollama, base_url: "http://gpu:11434"}
  spare: {kind: openai-compatible, base_url: "https://llm.example/v1", api_key: "${env:SPARE_API_KEY}"}
models:
  gpt-4o: {provider: openai}
  sure: {provider: openai, model: gpt-4o-mini}
  small: {provider: lab, price: free}
  custom: {provider: spare, model: x-70b, price: {input: 0.4, output: 0.8}}
  "gpt-*": {provider: openai}
routing: {rules: [{name: one, when: 'workflow == "a"', use: gpt-4o}], default: gpt-4o}
gates:
  - name: judged
    stage: output
    when: '!("trusted" in flags) && (confidence < 0.75 || now.hour > 17)'
    confidence: {from: judge:sure, unknown: review}
    reviewers: finance
    not_requester: true
    escalation: [{after: 1h, to: heads}, {after: 2h, do: reject}]
    stream: refuse
    notify: [queue]
budgets: [{name: company, scope: global, limit: {usd: 5000}, window: month, on_breach: reject}]
groups:
  finance: {members: [ana@example.com, ben@example.com], notify: [queue]}
  heads: {members: [cfo@example.com]}
keys:
  - {name: docs, owner: docs@example.com, fixed: {workflow: a}, may_set: [run], allow_models: [gpt-4o]}
  - {name: free, owner: free@example.com}
notify:
  queue: {webhook: "https://hooks.example/review", secret: "${env:HOOK_SECRET}"}
  mail: {email: {to: [ops@example.com], smtp: "${env:SMTP_URL}"}}
protected: {gates: [judged], budgets: [company], approvers: {group: heads}}
"""
BY_MODEL = ROUTED.replace("confidence < 0.75 ||", 'model == "gpt-4o" && confidence < 0.75 ||')
CUSTOM = "  custom: {provider: spare, model: x-70b, price: {input: 0.4, output: 0.8}}\n"
LAST = "  - {name: free, owner: free@example.com}\n"
ALL_FIXED = ROUTED.replace(LAST, "").replace('!("trusted" in flags)', 'workflow == "a"')


def between(policy: str, old: str, new: str) -> tuple[str, ...]:
    assert old in policy
    return weakened(compiled(policy), compiled(policy.replace(old, new)))


@pytest.mark.parametrize(
    ("policy", "old", "new", "told"),
    [
        (ROUTED, "    stream: refuse\n", "", "gate judged: stream refuse → hold"),
        (ROUTED, "model: gpt-4o-mini}", "model: gpt-4.1-nano}", "gate judged: its judge sure is another model: gpt-4o-mini at"),
        (ROUTED, "version: 1\n", "version: 1\ntimezone: Asia/Tokyo\n", "timezone UTC → Asia/Tokyo"),
        (ROUTED, "fixed: {workflow: a}", "fixed: {workflow: a, flags: [trusted]}", "key docs: what it says of flags changes"),
        (ROUTED, "owner: docs@example.com", "owner: nobody@example.com", "key docs: what it says of key.owner changes"),
        (ROUTED, "hooks.example/review", "hooks.example/away", "destination queue: webhook https://hooks"),
        (ROUTED, "ben@example.com], notify: [queue]", "ben@example.com]", "group finance: notify [queue] → []"),
        (ROUTED, "    notify: [queue]\n", "    notify: [mail]\n", "gate judged: notify"),
        (ROUTED, "{after: 2h, do: reject}", "{after: 3h, do: reject}", "gate judged: escalation"),
        (ROUTED, "{after: 1h, to: heads}", "{after: 30m, to: heads}", "gate judged: escalation"),
        (BY_MODEL, "default: gpt-4o", "default: small", "gate judged reads `model`: routing.default gpt-4o → small"),
        (BY_MODEL, CUSTOM, CUSTOM + "  other: {provider: openai, model: gpt-4o}\n", "gate judged reads `model`: model other added"),
        (BY_MODEL, "allow_models: [gpt-4o]", "allow_models: [gpt-4o, small]", "key docs: what it says of model changes"),
        (ALL_FIXED, "notify:\n  q", "  - {name: new, owner: new@example.com}\nnotify:\n  q", "key new is new, and no key before"),
        (ALL_FIXED, "name: docs", "name: renamed", ""),
        (ALL_FIXED.replace('workflow == "a"', 'key.name == "docs"'), "name: docs", "name: renamed", "key renamed is new, and"),
    ],
)  # fmt: skip
def test_what_leads_around_it_is_told(policy: str, old: str, new: str, told: str) -> None:
    lines = between(policy, old, new)
    assert any(line.startswith(told) for line in lines) if told else not lines, lines


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  gpt-4o: {provider: openai}", "  gpt-4o: {provider: openai, price: free}", "model gpt-4o: price input 2.5"),
        ("small: {provider: lab, price: free}", "small: {provider: openai, model: gpt-4o, price: free}", "model small: price input 2.5"),
        ("  gpt-4o: {provider: openai}", "  gpt-4o: {provider: lab, model: x, price: free}", "model gpt-4o: price input 2.5"),
        (CUSTOM, CUSTOM + "  cheat: {provider: openai, model: gpt-4.1, price: free}\n", "model cheat: price"),
        (CUSTOM, CUSTOM + "  cheat: {provider: spare, model: x-70b, price: free}\n", "model cheat: price input 0.4"),
        (CUSTOM, CUSTOM + '  "x-*": {provider: spare, price: free}\n', "pattern x-*: price free, and x-70b cost input 0.4"),
        ('"gpt-*": {provider: openai}', '"gpt-*": {provider: openai, price: free}', "pattern gpt-*: price free in place of the catalog's"),
        (CUSTOM, CUSTOM + '  "o*": {provider: openai, price: free}\n', "pattern o*: price free in place of the catalog's"),
        (CUSTOM, CUSTOM + "  more: {provider: openai, model: gpt-4.1}\n", ""),
        (CUSTOM, CUSTOM + "  more: {provider: lab, model: llama3, price: free}\n", ""),
        (CUSTOM, CUSTOM + '  "l*": {provider: lab, price: free}\n', ""),
        (CUSTOM, CUSTOM + "  again: {provider: spare, model: x-70b, price: {input: 0.4, output: 0.8}}\n", ""),
        ("sure: {provider: openai, model: gpt-4o-mini}", "sure: {provider: openai, model: gpt-4o-mini, quality: 0.5}", ""),
        ("limit: {usd: 5000}", "limit: {usd: 5000}, grant_max: {usd: 10}", ""),
        ("limit: {usd: 5000}", "limit: {usd: 5000}, grant_max: {usd: 6000}", "budget company: grant_max none → 6000 USD"),
        ("budgets: [company]", 'budgets: ["*"]', ""),
        ("{after: 2h, do: reject}", "{after: 90m, do: reject}", ""),
        ("fixed: {workflow: a}", "fixed: {workflow: a, user: u}", ""),
        (LAST, LAST + "  - {name: new, owner: new@example.com}\n", ""),
        ("default: gpt-4o", "default: small", ""),
        ('hooks.example/review", secret: "${env:HOOK_SECRET}', 'hooks.example/review", secret: "${env:OTHER_SECRET}', ""),
    ],
)
def test_prices_and_what_is_as_strict(old: str, new: str, told: str) -> None:
    lines = between(ROUTED, old, new)
    assert any(line.startswith(told) for line in lines) if told else not lines, lines


def test_a_price_that_a_pattern_declared_is_not_taken_away() -> None:
    declared = ROUTED.replace('"gpt-*": {provider: openai}', '"gpt-*": {provider: openai, price: {input: 90, output: 90}}')
    assert between(declared, "input: 90, output: 90", "input: 91, output: 91") == ()
    assert between(declared, "input: 90, output: 90", "input: 9, output: 91")[0].startswith("pattern gpt-*: price input 90")
    assert between(declared, ", price: {input: 90, output: 90}", "")[0].endswith("→ none")


def test_what_a_pattern_made_of_a_name_is_what_the_name_cost() -> None:
    declared = ROUTED.replace('"gpt-*": {provider: openai}', '"gpt-*": {provider: openai, price: {input: 90, output: 90}}')
    model = CUSTOM + "  gpt-4.1: {provider: openai}\n"
    assert between(declared, CUSTOM, model)[0].startswith("model gpt-4.1: price input 90")


def test_flags_that_a_key_adds_are_weighed_by_the_condition() -> None:
    asked = ROUTED.replace('!("trusted" in flags)', '("a" in flags || flags.exists(f, f == "b"))')
    assert between(asked, "fixed: {workflow: a}", "fixed: {workflow: a, flags: [b]}") == ()
    for condition in ("flags.size() == 0", 'flags.all(f, f != "b")', '(stream ? "a" in flags : true)', "flags.exists(f, !(f in flags))"):
        asked = ROUTED.replace('!("trusted" in flags)', condition)
        assert between(asked, "fixed: {workflow: a}", "fixed: {workflow: a, flags: [b]}"), condition
