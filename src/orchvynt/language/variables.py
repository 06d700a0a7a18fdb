"""The variables of each stage: their names, types and meaning. What a later build will provide is named, and refused until then."""

from types import MappingProxyType
from typing import Final, Literal

import msgspec

from orchvynt.language.kinds import Type

Stage = Literal["request", "output"]


class Variable(msgspec.Struct, frozen=True):
    """`omittable` says that the caller alone decides about its value, and may leave it out."""

    name: str
    type: Type
    description: str
    omittable: bool = False


_ALL: Final = (
    Variable("workflow", Type.STRING, 'The workflow that the caller names; `""` if absent.', True),
    Variable("agent", Type.STRING, 'The agent that the caller names; `""` if absent.', True),
    Variable("run", Type.STRING, 'The run; `""` if absent.', True),
    Variable("session", Type.STRING, 'The session; `""` if absent.', True),
    Variable("workload", Type.STRING, 'The kind of task; `""` if absent.', True),
    Variable("requested_model", Type.STRING, "The model that the caller named, before any rule."),
    Variable("endpoint", Type.STRING, "The path that was called, such as `/v1/chat/completions`."),
    Variable("user", Type.STRING, 'The end user that the caller names; `""` if absent.', True),
    Variable("key.name", Type.STRING, 'The name of the caller\'s key; `""` while the policy has no `keys`.'),
    Variable("key.owner", Type.STRING, 'The owner of the caller\'s key; `""` while the policy has no `keys`.'),
    Variable("flags", Type.STRINGS, "The flags that the caller raises.", True),
    Variable("context", Type.MAP, "What the caller says about the invocation, a map. An absent `context.x` is null.", True),
    Variable("stream", Type.BOOL, "Whether the caller asked for a stream."),
    Variable("min_quality", Type.OPTIONAL_NUMBER, "The quality that the caller asks for; null if absent.", True),
    Variable("now.hour", Type.NUMBER, "The hour of the day, 0 to 23, in the policy's timezone."),
    Variable("now.weekday", Type.NUMBER, "The day of the week, 1 (Monday) to 7 (Sunday), in the policy's timezone."),
    Variable("caller_retry", Type.NUMBER, "How often the caller's client has sent this request before, as it says itself.", True),
)

_CONTENT: Final = (
    Variable("input.tokens_bound", Type.NUMBER, "An upper bound of the input tokens."),
    Variable("input.messages", Type.NUMBER, "How many messages."),
    Variable("input.bytes", Type.NUMBER, "The size of the request's body."),
    Variable("input.images", Type.NUMBER, "How many images."),
    Variable("input.text", Type.STRING, "All text of the messages. Records keep no text."),
    Variable("tools", Type.STRINGS, "The names of the tools that the model may call."),
    Variable("max_output_tokens", Type.OPTIONAL_NUMBER, "The output limit that the caller gave; null if none."),
    Variable("wants.json_schema", Type.BOOL, "Whether the answer must match a JSON Schema."),
)

_OUTPUT: Final = (
    Variable("output.text", Type.STRING, "The text of the answer. Records keep no text."),
    Variable("output.tokens", Type.OPTIONAL_NUMBER, "The output tokens that the provider reported; null if it did not."),
    Variable("output.finish", Type.STRING, "Why the answer ended: `stop`, `length`, `tool_calls`, `content_filter` or empty."),
    Variable("output.refusal", Type.STRING, "The model's own words when it refused; empty if it did not."),
    Variable("output.valid_json", Type.BOOL, "Whether the text is one JSON value."),
    Variable("model", Type.STRING, "The model that answered, by its name in the policy."),
    Variable("provider", Type.STRING, "The provider that answered, by its name in the policy."),
    Variable("tier", Type.NUMBER, "The position of that model in the plan, from 1."),
    Variable("rescued", Type.BOOL, "Whether a broken stream was continued by another model."),
    Variable("cost", Type.NUMBER, "What the invocation has cost so far, in USD."),
    Variable("latency_ms", Type.NUMBER, "Milliseconds since the invocation arrived."),
)

_REQUEST_TABLE: Final = MappingProxyType({variable.name: variable for variable in (*_ALL, *_CONTENT)})
_OUTPUT_TABLE: Final = MappingProxyType({variable.name: variable for variable in (*_ALL, *_CONTENT, *_OUTPUT)})

TABLES: Final = MappingProxyType({"request": _REQUEST_TABLE, "output": _OUTPUT_TABLE})
"""Every stage's variables by dotted name."""

OUTPUT_NAMES: Final = frozenset(variable.name for variable in _OUTPUT)
TEXT_NAMES: Final = frozenset({"input.text", "output.text", "output.refusal"})
"""Variables of which a record keeps no value."""

LATER_VARIABLES: Final = MappingProxyType(
    {
        **dict.fromkeys(("quality", "p50_ms", "p95_ms", "p99_ms", "error_rate", "samples", "healthy"), "a statistic of `choose.where`"),
        **dict.fromkeys(("region", "context_window"), "a variable of `choose.where`"),
        **dict.fromkeys(("calls", "review_reject_rate", "stable"), "a variable of `canary.abort_if`"),
        **dict.fromkeys(("activation_rate", "chain"), "a variable of `fallback.alerts`"),
        **dict.fromkeys(("rule", "outcome", "budget_events", "gates"), "a variable of `--where`"),
        "confidence": "the confidence of an answer",
        "unusual": "unusual answers",
        "tool": "gates of stage `tool_call`",
    }
)
"""Names of the language that this build does not provide yet, by root, with what they belong to."""

LATER_FUNCTIONS: Final = MappingProxyType(
    {
        "detects": "detectors of personal data and secrets",
        **dict.fromkeys(
            (
                *("int", "uint", "double", "string", "bool", "bytes", "type", "dyn", "duration", "timestamp", "matches"),
                *("getHours", "getDayOfWeek", "getFullYear", "lowerAscii", "upperAscii", "trim", "split", "join", "replace", "indexOf"),
            ),
            "a function of CEL",
        ),
    }
)
