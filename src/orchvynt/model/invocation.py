"""One request of an agent, as the rooms below the wire see it."""

from typing import Any, Literal

import msgspec

RunSource = Literal["key", "header", "metadata", "session-id", "traceparent", "inferred", ""]
DialectName = Literal["openai_chat", "anthropic_messages", "ollama_chat", "ollama_generate", "route"]


class Claims(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What the caller says about itself; absent text is empty. `context` holds JSON scalars, lists and objects."""

    workflow: str = ""
    agent: str = ""
    run: str = ""
    run_source: RunSource = ""
    session: str = ""
    workload: str = ""
    user: str = ""
    parent: str = ""
    flags: tuple[str, ...] = ()
    context: dict[str, Any] = {}
    min_quality: float | None = None


class Ask(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What is asked of a model: the caller's own bytes and what decisions need of them.

    `body` is the caller's JSON as it came; what it says of itself (`orchvynt_*` metadata) is left out when a request is written.
    `input_text_bytes` is an upper bound of the UTF-8 bytes of everything a model will read as text (messages, tool
    definitions, schemas); `message_count` and `tool_count` price the template around it; `image_count` the images;
    `open_inputs` is how often a provider may read a whole context that no size of the body bounds: once for the pages of documents,
    as often as it samples for tools that it carries out itself.
    `forwarded` are header fields of the caller for providers of its own dialect. `input_surcharge_percent` is how much
    more than its price input may cost, because the caller has it written to a cache. `tool_calls` are those that earlier turns made.
    `output_tokens_least` is the smallest output limit that its own dialect's providers take with the rest of it, 0 where any will do.
    `wants_logprobs`: the caller asks for the log probabilities of the answer's tokens.
    """

    requested_model: str
    body: bytes
    stream: bool = False
    wants_usage: bool = True
    max_output_tokens: int | None = None
    choices: int = 1
    message_count: int = 0
    tool_names: tuple[str, ...] = ()
    image_count: int = 0
    input_text_bytes: int = 0
    wants_json_schema: bool = False
    service_tier: str = ""
    open_inputs: int = 0
    input_surcharge_percent: int = 0
    forwarded: tuple[tuple[str, str], ...] = ()
    tool_calls: int = 0
    output_tokens_least: int = 0
    wants_logprobs: bool = False


def caller_of(key: str, key_id: str) -> str:
    """Who a caller is to itself: its key's name, whichever of its secrets it used; without `keys` its credential's digest.

    No digest holds a colon, so nobody gets at another's records by the name of a key."""
    return f"key:{key}" if key else key_id


class Idempotency(msgspec.Struct, frozen=True, gc=False):
    """What an idempotency key stands for, in digests: `scope` of the caller, its endpoint and the key; `request` of the body's bytes."""

    scope: str
    request: str


class Invocation(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """`at` is the arrival in nanoseconds UTC. `key_id` is a digest of the credential, never the credential; `key` and `key_owner` are
    what the policy's `keys` say of it, empty where there are none. `claims_overruled` names what the key's own claims, or a place that
    comes first, overruled.

    `depth` is 1, and one more than its parent's where the caller names one.
    `caller_timeout_ns` is how long the caller itself waits. `retry_count` is the caller SDK's own count of this request.
    """

    id: str
    at: int
    endpoint: str
    dialect: DialectName
    key_id: str
    claims: Claims
    ask: Ask
    request_id: str = ""
    trace_id: str = ""
    caller_timeout_ns: int = 600_000_000_000
    retry_count: int = 0
    key: str = ""
    key_owner: str = ""
    claims_overruled: tuple[str, ...] = ()
    idempotency: Idempotency | None = None
    depth: int = 1

    @property
    def caller(self) -> str:
        """Whom this invocation belongs to: only the same caller reads its record, joins it, or goes on with its conversation."""
        return caller_of(self.key, self.key_id)
