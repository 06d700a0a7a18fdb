"""Small policies as values, for tests that need no YAML."""

from orchvynt.language.snapshot import Budget, Chain, Gate, Group, Model, Provider, Retry, Snapshot, Timeouts
from orchvynt.model.invocation import Ask, Claims, Invocation
from orchvynt.model.money import FREE

SECOND = 1_000_000_000
OPENAI = Provider("openai", "openai", "openai_chat", "127.0.0.1", 1, False, "/v1", None)
ANTHROPIC = Provider("anthropic", "anthropic", "anthropic_messages", "127.0.0.1", 2, False, "", None)
EVERY_TRIGGER = frozenset(
    ["rate_limit", "quota", "overloaded", "server_error", "auth", "timeout", "connection", "malformed", "stall", "cut", "context_length"]
)


def snapshot(
    tiers: tuple[str, ...] = ("gpt", "claude"),
    budgets: tuple[Budget, ...] = (),
    gates: tuple[Gate, ...] = (),
    max_retries: int = 1,
) -> Snapshot:
    """Two models, `gpt` at OpenAI and `claude` at Anthropic; `gpt` is the default."""
    models = {
        "gpt": Model("gpt", OPENAI, "gpt-4o", FREE),
        "claude": Model("claude", ANTHROPIC, "claude-sonnet", FREE),
    }
    return Snapshot(
        version=1,
        digest="d" * 64,
        source="",
        providers={"openai": OPENAI, "anthropic": ANTHROPIC},
        models=models,
        aliases={"small": "gpt"},
        patterns=(),
        rules=(),
        default="gpt",
        unknown_model="refuse",
        retry=Retry(max_retries, SECOND // 4, 8 * SECOND, 20 * SECOND),
        timeouts=Timeouts(2 * SECOND, 15 * SECOND, 20 * SECOND, 60 * SECOND, 300 * SECOND),
        chains={"default": Chain("default", tiers, EVERY_TRIGGER)} if tiers else {},
        budgets=budgets,
        gates=gates,
        groups={"people": Group("people", ("ana@example.com",))},
    )


def invocation(model: str = "gpt", stream: bool = False, claims: Claims | None = None) -> Invocation:
    body = b'{"model":"%b","messages":[{"role":"user","content":"hello"}],"stream":%b}' % (model.encode(), b"true" if stream else b"false")
    ask = Ask(model, body, stream=stream, message_count=1, input_text_bytes=9)
    return Invocation(
        id="inv_1",
        at=1_000,
        endpoint="/v1/chat/completions",
        dialect="openai_chat",
        key_id="k",
        claims=claims or Claims(),
        ask=ask,
    )
