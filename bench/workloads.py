"""What the systems are asked to do: the request, the answer that is right, and the policy that OrchVynt does it under."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from building import SOURCES, built
from peers import PEERS
from systems import CALLER_KEY, HERE, Launch, System, Upstream, Way, orchvynt_version, serve

SYSTEM_WORDS: Final = "You are a helpful assistant that answers briefly and cites its sources. " * 4
USER_WORDS: Final = "Explain in two sentences what an LLM gateway is for, and list three things that a platform team gets from it. "
PROVIDER_WORDS: Final = "Large language model gateways"
FRAMES: Final = 100  # as in mock_provider.c
TIERS: Final = 256

Policy = Callable[[Upstream], str]

PURE: Final = "orchvynt"
COMPILED: Final = "compiled"
OWN: Final = (PURE, COMPILED)
"""This checkout twice: as it is installed, and with its hot path compiled ahead of time (`make compiled`)."""


@dataclass(frozen=True)
class Workload:
    """`only` are the systems that can do it beside those that its way leaves out; empty: all. `user_bytes` is about the request's size."""

    name: str
    what: str
    policy: Policy
    way: Way = "openai"
    stream: bool = False
    user_bytes: int = 450
    only: frozenset[str] = frozenset()

    @property
    def words(self) -> tuple[str, int, str]:
        """What a right answer holds, how often, and what ends it."""
        return (' gateway"', FRAMES, "[DONE]") if self.stream else (PROVIDER_WORDS, 1, "")

    def can(self, system: System) -> bool:
        return self.way in system.ways and (not self.only or system.name in self.only)


@dataclass(frozen=True)
class OpenStreams:
    """So many streams at once, each with so many frames a second, for so long; the frames come from `stream_load.c`."""

    name: str
    what: str
    streams: int
    frames_per_second: int
    seconds: int


def standard(upstream: Upstream) -> str:
    return (HERE / "policy.yaml").read_text().replace("http://127.0.0.1:18080", upstream.url)


def _anthropic(upstream: Upstream) -> str:
    kind = f'kind: openai-compatible, base_url: "{upstream.url}/v1"'
    text = standard(upstream).replace(kind, f'kind: anthropic, base_url: "{upstream.url}"')
    return text.replace("{provider: primary, quality: 0.88", "{provider: primary, model: claude-sonnet-4-5, quality: 0.88")


def fallback(upstream: Upstream, count: int = TIERS) -> str:
    """A model that said 429 rests, if only for a moment, and is passed by meanwhile. So that each invocation meets a 429, each of
    `count` models in turn is the first tier."""
    busy = f'  busy: {{kind: openai-compatible, base_url: "{upstream.busy_url}/v1", api_key: "${{env:BENCH_PRIMARY_API_KEY}}"}}'
    tiers = [f"  tier-{number:06}: {{provider: busy, price: {{input: 2.50, output: 10.00}}}}" for number in range(count)]
    text = standard(upstream).replace("providers:\n", f"providers:\n{busy}\n").replace("models:\n", "\n".join(["models:", *tiers, ""]))
    patience = "fallback:\n  retry: {max_retries: 0, backoff: {base: 1ms, max: 1ms}}\n  breaker: {min_calls: 1000000}\n"
    return text.replace("fallback:\n", patience).replace("  default: gpt-4o-mini", "  default: gpt-4o")


def governed(upstream: Upstream, rules: int = 50) -> str:
    """`rules` of which the last matches, five budgets that all hold each invocation, three gates that look at each answer."""
    listed = [f"    - {{name: rule-{number}, when: 'workflow == \"flow-{number}\"', use: gpt-4o-mini}}" for number in range(rules - 1)]
    listed.append("    - {name: the-last, when: 'requested_model == \"gpt-4o\"', use: gpt-4o}")
    scopes = ("global", "workflow", "agent", "session", "key")
    budgets = [
        f"  - {{name: budget-{scope}, scope: {scope}, limit: {{usd: 1000000}}, window: month, on_breach: reject}}" for scope in scopes
    ]
    conditions = (
        '"financial-action" in flags || output.finish == "content_filter"',
        "output.tokens > 100000",
        'output.text.contains("wire")',
    )
    gates = [
        f"  - {{name: gate-{number}, stage: output, when: '{condition}', reviewers: finance}}"
        for number, condition in enumerate(conditions)
    ]
    head, _, rest = standard(upstream).partition("  rules:\n")
    default = rest[rest.index("  default:") : rest.index("budgets:")]
    parts = [head + "  rules:", *listed, default.rstrip(), "budgets:", *budgets, "gates:", *gates]
    return "\n".join([*parts, "groups: {finance: {members: [ana@example.com, ben@example.com]}}", ""])


WORKLOADS: Final[Mapping[str, Workload]] = {
    each.name: each
    for each in (
        Workload("chat-1k", "a chat, request of 1 KB", standard),
        Workload("chat-100k", "a chat, request of 100 KB", standard, user_bytes=100_000),
        Workload("stream-100", f"a stream of {FRAMES} frames, each a write of its own", standard, stream=True),
        Workload("governed", "50 rules, 5 nested budgets, 3 gates; nginx passes it on", governed, only=frozenset({"nginx", *OWN})),
        Workload("translated", "an OpenAI caller, an Anthropic provider", _anthropic, way="anthropic"),
        Workload("tls", "TLS to the provider", standard, way="tls"),
        Workload("fallback", "the first tier says 429, the next one answers", fallback, way="fallback"),
    )
}
OPEN_STREAMS: Final[Mapping[str, OpenStreams]] = {
    each.name: each
    for each in (
        OpenStreams("streams-512", "512 open streams, 5 frames a second each", 512, 5, 8),
        OpenStreams("streams-5000", "5,000 open streams, a frame a second each", 5_000, 1, 20),
    )
}


def orchvynt(policy: Policy, name: str = PURE) -> System:
    """`name` is one of OWN."""
    of_build = {"PYTHONPATH": str(SOURCES)} if name == COMPILED else {}

    def launch(folder: Path, upstream: Upstream) -> Launch:
        trust = {"SSL_CERT_FILE": str(upstream.authority)} if upstream.way == "tls" else {}
        launched = serve(folder, policy(upstream), {**of_build, **trust})
        return replace(launched, model="tier-######") if upstream.way == "fallback" else launched

    return System(name, _VERSIONS[name], launch, frozenset({"openai", "anthropic", "tls", "fallback"}), passes=True)


def compiled_version() -> str:
    """Builds it, if it is not there."""
    wheel = built()
    return f"{orchvynt_version()}, {wheel.name}"


_VERSIONS: Final = {PURE: orchvynt_version, COMPILED: compiled_version}

SYSTEMS: Final = (*PEERS, *OWN)


def system_for(name: str, policy: Policy) -> System:
    return orchvynt(policy, name) if name in OWN else PEERS[name]


def body(workload: Workload, model: str) -> bytes:
    user = (USER_WORDS * (workload.user_bytes // len(USER_WORDS) + 1))[: workload.user_bytes]
    messages = [{"role": "system", "content": SYSTEM_WORDS}, {"role": "user", "content": user}]
    asked = {"model": model, "messages": messages, "temperature": 0.2, "max_tokens": 256, "stream": workload.stream}
    return json.dumps({**asked, "user": "team-42/user-1234"}).encode()


def request(launch: Launch, content: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """One whole request, as an OpenAI client sends it to this system."""
    named = {
        "Host": "127.0.0.1",
        "Content-Type": "application/json",
        "Authorization": f"Bearer {CALLER_KEY}",
        **launch.headers,
        **(headers or {}),
        "Content-Length": str(len(content)),
    }
    lines = "\r\n".join(f"{name}: {value}" for name, value in named.items())
    return f"POST {launch.path} HTTP/1.1\r\n{lines}\r\n\r\n".encode() + content


def chosen(names: Sequence[str]) -> tuple[list[Workload], list[OpenStreams]]:
    return [WORKLOADS[name] for name in names if name in WORKLOADS], [OPEN_STREAMS[name] for name in names if name in OPEN_STREAMS]


def towards(upstream: Upstream, way: Way) -> Upstream:
    return replace(upstream, way=way)
