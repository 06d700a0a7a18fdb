"""A compiled policy that was packed and unpacked is the policy: equal where it can be compared, deciding the same where it decides."""

from collections.abc import Mapping
from typing import cast

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.language.compile import Loaded, load
from orchvynt.language.packing import PIECE_ITEMS, pack, unpack
from orchvynt.language.rule_index import candidates
from orchvynt.language.snapshot import Expression, Snapshot

CONDITIONS = ['workload == "w{0}"', 'workload == "w{0}" && context.tier == "gold"', "input.messages == {0}", '"f{0}" in flags']


def policy(models: int, rules: int, condition: str) -> str:
    lines = ["version: 1", "providers: {p: {kind: openai-compatible, base_url: 'http://127.0.0.1:9/v1'}}", "models:"]
    lines += [f"  m{number}: {{provider: p, price: free}}" for number in range(models)]
    lines += ["routing:", "  default: m0", "  rules:" if rules else "  rules: []"]
    lines += [f"    - {{name: r{n}, when: '{condition.format(n)}', use: m{n % models}}}" for n in range(rules)]
    return "\n".join(lines) + "\n"


WHOLE = """\
version: 1
timezone: Europe/Berlin
providers: {openai: {kind: openai, api_key: "${env:OPENAI_API_KEY}"}, lab: {kind: ollama}}
models:
  gpt-4o: {provider: openai, quality: {default: 0.88, classification: 0.95}, expect: {p95: 4s}, region: eu}
  small: {provider: openai, model: gpt-4o-mini, quality: 0.79, expect: {p95: 2s}, aliases: [mini]}
  local: {provider: lab, model: "mistral:7b", quality: 0.62, price: free, capabilities: {tools: false}}
  "gpt-*": {provider: openai}
routing:
  rules:
    - {name: cheap, when: 'workload == "classification"', use: small}
    - name: best
      when: 'context.user_tier == "premium"'
      choose: {from: [gpt-4o, local, small], where: 'quality >= 0.85 && p95_ms < 8000', prefer: 'cost * 2.0 + p95_ms'}
    - {name: split, when: 'workflow == "doc"', split: {gpt-4o: 70%, local: 30%}, sticky: run}
  default: small
fallback:
  breaker: {min_calls: 3}
  use: [{when: 'workload == "x"', chain: short}]
  chains: {default: {tiers: [gpt-4o, small], latency_p99: 9s, mid_stream: continue}, short: {tiers: [local]}}
  alerts: [{when: 'activation_rate > 0.1 && provider == "openai"', notify: [oncall]}]
notify: {oncall: {webhook: "https://hooks.example/oncall", secret: "${env:HOOK_SECRET}"}}
constraints: [{when: 'context.residency == "eu"', regions: [eu]}]
budgets: [{name: doc, scope: workflow, when: 'workflow == "doc"', limit: {usd: 2.50}, window: day, on_breach: reject}]
gates:
  - {name: money, stage: output, when: '"pay" in flags || output.tokens > 100', reviewers: people, escalation: [{after: 60m, do: reject}]}
groups: {people: {members: [ana@example.com]}}
keys:
  - name: team
    owner: ana@example.com
    fixed: {workflow: doc, context: {team: docs, level: 1.5}}
    may_set: [agent, run]
    require: [run]
    allow_models: [small]
tests: [{name: t, given: {workload: classification, messages: [{role: user, content: hi}]}, expect: {model: small}}]
"""


def through(loaded: Loaded, text: str) -> Loaded:
    steps = unpack(pack(loaded), text)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return cast("Loaded", done.value)


def bare(value: object) -> object:
    """As plain data, with each expression as what it was compiled from."""
    if isinstance(value, Expression):
        return value.text, value.stage, value.wants, value.names
    if isinstance(value, msgspec.Struct):
        return {name: bare(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {name: bare(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return tuple(bare(item) for item in value)
    return value


def both(text: str) -> tuple[Snapshot, Snapshot]:
    loaded = load(text, "p.yaml")
    again = through(loaded, text)
    assert again.problems == loaded.problems
    assert loaded.snapshot is not None, loaded.problems
    assert again.snapshot is not None
    return loaded.snapshot, again.snapshot


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 2 * PIECE_ITEMS + 1), st.integers(0, 3 * PIECE_ITEMS), st.sampled_from(CONDITIONS))
def test_what_was_unpacked_is_what_was_packed(models: int, rules: int, condition: str) -> None:
    loaded, again = both(policy(models, rules, condition))
    assert bare(again) == bare(loaded)
    assert list(again.models) == list(loaded.models), "in the order of the document"


def test_every_section_that_is_executed_comes_through() -> None:
    loaded, again = both(WHOLE)
    assert bare(again) == bare(loaded)
    assert {type(rule.when) for rule in again.rules} == {Expression}
    use = again.chain_uses[0].when
    assert use is not None
    assert use.evaluate({"workload": "x"}) is True
    choice, split = again.rules[1].choose, again.rules[2].split
    assert choice is not None
    assert isinstance(choice.prefer, Expression)
    assert again.alerts[0].when.evaluate({"activation_rate": 0.2, "provider": "openai"}) is True
    assert choice.prefer.evaluate({"cost": 3.0, "p95_ms": 4.0}) == 10.0
    assert split is not None
    assert split.sticky is not None


def test_what_was_unpacked_decides_the_same() -> None:
    loaded, again = both(policy(3, 200, CONDITIONS[0]))
    assert again.rule_index.rules is again.rules, "the index is valid for exactly these rules"
    for number in (0, 7, 199):
        values = {"workload": f"w{number}"}
        assert list(candidates(again.rule_index, values)) == list(candidates(loaded.rule_index, values))
        rule = again.rules[number]
        assert rule.when is not None
        assert rule.when.evaluate(values) is True
        assert rule.when.evaluate({"workload": "other"}) is False


def test_a_policy_with_problems_has_nothing_but_them() -> None:
    text = "version: 1\nmodles: {}\n"
    loaded = load(text, "p.yaml")
    assert through(loaded, text) == loaded


def test_no_step_is_long() -> None:
    """Between two pauses at most one piece is decoded or one item compiled: their number grows with the policy, not their size."""
    text = policy(5, 10 * PIECE_ITEMS, CONDITIONS[1])
    packed = pack(load(text, "p.yaml"))
    assert max(len(piece) for piece in packed[1:]) < 40_000
    steps = sum(1 for _ in unpack(packed, text))
    assert steps > 10 * PIECE_ITEMS
