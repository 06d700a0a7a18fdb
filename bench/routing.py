"""How long a decision takes: the plan of one invocation under 50 and 10,000 rules, with and without an equality to find them by.

`python bench/routing.py` prints microseconds of one core; it needs no network and no other program. The floor to compare with is a
policy without rules: names, filters and the plan's own values.
"""

import gc
import time
from collections.abc import Callable

from orchvynt.decisions.routing.figures import nothing_observed
from orchvynt.decisions.routing.plan import plan
from orchvynt.decisions.routing.rules import first_match
from orchvynt.language.compile import load
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import Snapshot
from orchvynt.model.invocation import Ask, Claims, Invocation

HEAD = """version: 1
providers: {lab: {kind: openai-compatible, base_url: "http://127.0.0.1:1/v1"}}
models:
  a: {provider: lab, price: {input: 1, output: 2}, quality: 0.9, context_window: 128000, expect: {p95: 4s}}
  b: {provider: lab, price: {input: 2, output: 3}, quality: 0.8, context_window: 128000}
  c: {provider: lab, price: {input: 3, output: 4}, context_window: 128000}
routing:
  default: a
"""
TAIL = "fallback: {chains: {default: {tiers: [a, b, c], triggers: [server_error]}}}\n"
SECONDS = 0.5


def policy(rules: list[str]) -> Snapshot:
    listed = "  rules:\n" + "".join(f"    - {rule}\n" for rule in rules) if rules else ""
    loaded = load(HEAD + listed + TAIL, "bench.yaml")
    assert loaded.snapshot is not None, [problem.text for problem in loaded.problems][:3]
    return loaded.snapshot


def rule(number: int, when: str, what: str = "use: b") -> str:
    return f"{{name: r{number}, when: '{when}', {what}}}"


def invocation(workflow: str) -> Invocation:
    ask = Ask("a", b"{}", message_count=1, input_text_bytes=1_000)
    claims = Claims(workflow=workflow, workload="synthesis", context={"tier": "premium"})
    return Invocation("inv_1", 1_000, "/v1/chat/completions", "openai_chat", "k", claims, ask)


def measured(work: Callable[[], object]) -> float:
    """The CPU time of the quickest round, in microseconds: what a neighbour on the machine adds is no part of it."""
    work()
    best = float("inf")
    until = time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        began = time.process_time_ns()
        for _ in range(100):
            work()
        best = min(best, (time.process_time_ns() - began) / 100_000)
    return best


def main() -> None:
    gc.set_threshold(50_000, 20, 50)  # as `orchvynt serve` does
    observed = nothing_observed()
    equal = [rule(n, f'workflow == "w{n}"') for n in range(10_000)]
    mixed = [rule(n, f'workflow == "w{n}" && context.tier == "premium"') for n in range(10_000)]
    plain = [rule(n, f"input.tokens_bound == {100_000 + n}") for n in range(10_000)]
    cases: list[tuple[str, list[str], str]] = [
        ("no rule", [], "w1"),
        ("50 rules, an equality each, the last matches", equal[:50], "w49"),
        ("50 rules, an equality each, none matches", equal[:50], "none"),
        ("50 rules, nothing to find them by, none matches", plain[:50], "none"),
        ("10,000 rules, an equality each, the last matches", equal, "w9999"),
        ("10,000 rules, two conditions each, the last matches", mixed, "w9999"),
        ("10,000 rules, none matches", mixed, "none"),
        ("10,000 rules, nothing to find them by", plain, "none"),
        (
            "choose of 3",
            [rule(0, 'workload == "synthesis"', 'choose: {from: [a, b, c], where: "quality >= 0.7 && p95_ms < 8000", prefer: cost}')],
            "w1",
        ),
        ("split of 2", [rule(0, 'workload == "synthesis"', "split: {a: 70%, b: 30%}, sticky: workflow")], "w1"),
    ]
    print(f"{'':54}{'rules':>10}{'plan':>10}   µs")
    for name, rules, workflow in cases:
        made, asked = policy(rules), invocation(workflow)
        finding = measured(lambda made=made, asked=asked: first_match(made, RequestValues(asked, asked.at, lambda: "")))  # type: ignore[misc]
        whole = measured(lambda made=made, asked=asked: plan(made, asked, RequestValues(asked, asked.at, lambda: ""), observed, 0))  # type: ignore[misc]
        print(f"{name:54}{finding:10.2f}{whole:10.2f}")


if __name__ == "__main__":
    main()
