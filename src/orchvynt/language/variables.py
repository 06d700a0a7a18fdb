"""The variables of each stage: their names, types and meaning. What this build does not compute yet has its place and type here too."""

import math
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from orchvynt.language.kinds import Type

Stage = Literal["request", "input", "candidate", "output", "tool_call", "canary", "alert", "record", "sticky"]


class Variable(msgspec.Struct, frozen=True):
    """`omittable` says that the caller alone decides about its value, and may leave it out. A number is never below `low` or above
    `high`."""

    name: str
    type: Type
    description: str
    omittable: bool = False
    low: float = -math.inf
    high: float = math.inf


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
    Variable("key.owner", Type.STRING, 'The owner of the caller\'s key; `""` if it has none.'),
    Variable("flags", Type.STRINGS, "The flags that the caller raises, and those that its key adds.", True),
    Variable("context", Type.MAP, "What the caller says about the invocation, a map. An absent `context.x` is null.", True),
    Variable("stream", Type.BOOL, "Whether the caller asked for a stream."),
    Variable("min_quality", Type.OPTIONAL_NUMBER, "The quality that the caller asks for; null if absent.", True, low=0, high=1),
    Variable("now.hour", Type.NUMBER, "The hour of the day, 0 to 23, in the policy's timezone.", low=0, high=23),
    Variable("now.weekday", Type.NUMBER, "The day of the week, 1 (Monday) to 7 (Sunday), in the policy's timezone.", low=1, high=7),
    Variable("caller_retry", Type.NUMBER, "How often the caller's client has sent this request before, as it says itself.", True, low=0),
)

_CONTENT: Final = (
    Variable("input.tokens_bound", Type.NUMBER, "An upper bound of the input tokens.", low=0),
    Variable("input.messages", Type.NUMBER, "How many messages.", low=0),
    Variable("input.bytes", Type.NUMBER, "The size of the request's body.", low=0),
    Variable("input.images", Type.NUMBER, "How many images.", low=0),
    Variable("input.text", Type.STRING, "All text of the messages, with the arguments of the tool calls in them. Records keep no text."),
    Variable("tools", Type.STRINGS, "The names of the tools that the model may call."),
    Variable("max_output_tokens", Type.OPTIONAL_NUMBER, "The output limit that the caller gave; null if none."),
    Variable("wants.json_schema", Type.BOOL, "Whether the answer must match a JSON Schema."),
)

_CANDIDATE: Final = (
    Variable("model", Type.STRING, "The model that is weighed, by its name in the policy."),
    Variable("provider", Type.STRING, "Its provider, by its name in the policy."),
    Variable("region", Type.STRING, 'The `region` that the policy declares for the model; `""` if none.'),
    Variable("quality", Type.NUMBER, "Its quality for this workload: measured from feedback, else declared.", low=0, high=1),
    Variable(
        "cost",
        Type.NUMBER,
        "What the invocation would cost with it, in USD, at its price.",
        low=0,
    ),
    Variable("p50_ms", Type.NUMBER, "The median latency of its attempts: measured, else declared in `expect`.", low=0),
    Variable("p95_ms", Type.NUMBER, "The 95th percentile of its latency.", low=0),
    Variable("p99_ms", Type.NUMBER, "The 99th percentile of its latency.", low=0),
    Variable("error_rate", Type.NUMBER, "The share of its attempts that failed, 0 to 1.", low=0, high=1),
    Variable("context_window", Type.NUMBER, "How many tokens fit into its context.", low=0),
    Variable("healthy", Type.BOOL, "Whether it neither rests nor is refused by a breaker."),
    Variable("samples", Type.NUMBER, "On how many attempts the statistics rest.", low=0),
)

_ANSWERED: Final = (
    Variable("model", Type.STRING, "The model that answered, by its name in the policy."),
    Variable("provider", Type.STRING, "The provider that answered, by its name in the policy."),
    Variable("tier", Type.NUMBER, "The position of that model in the plan, from 1.", low=0),
    Variable("cost", Type.NUMBER, "What the invocation has cost so far, in USD.", low=0),
    Variable("latency_ms", Type.NUMBER, "Milliseconds since the invocation arrived.", low=0),
)

_OUTPUT: Final = (
    Variable("output.text", Type.STRING, "The text of the answer. Records keep no text."),
    Variable("output.tokens", Type.OPTIONAL_NUMBER, "The output tokens that the provider reported; null if it did not."),
    Variable("output.finish", Type.STRING, "Why the answer ended: `stop`, `length`, `tool_calls`, `content_filter` or empty."),
    Variable("output.refusal", Type.STRING, "The model's own words when it refused; empty if it did not."),
    Variable("output.valid_json", Type.BOOL, "Whether the text is one JSON value."),
    Variable("confidence", Type.NUMBER, "How sure the answer is, 0 to 1, as the gate's `confidence.from` says.", low=0, high=1),
    *_ANSWERED[:3],
    Variable("rescued", Type.BOOL, "Whether a broken stream was continued by another model."),
    *_ANSWERED[3:],
    Variable("unusual", Type.BOOL, "Whether the answer is unlike the model's recent ones in length, language or repetition."),
)

_TOOL_CALL: Final = (
    Variable("tool.name", Type.STRING, "The tool that the model calls."),
    Variable("tool.args", Type.MAP, "The call's arguments, a map. An absent `tool.args.x` is null. Records keep none of them."),
    Variable("tool.index", Type.NUMBER, "The position of the call in the answer, from 0.", low=0),
)

_MEASURED: Final = (
    Variable("error_rate", Type.NUMBER, "The share of attempts that failed, 0 to 1.", low=0, high=1),
    Variable("p50_ms", Type.NUMBER, "The median latency in milliseconds.", low=0),
    Variable("p95_ms", Type.NUMBER, "The 95th percentile of the latency.", low=0),
    Variable("p99_ms", Type.NUMBER, "The 99th percentile of the latency.", low=0),
    Variable("cost", Type.NUMBER, "The mean cost of an invocation, in USD.", low=0),
    Variable("quality", Type.NUMBER, "The quality that feedback measured.", low=0, high=1),
    Variable("calls", Type.NUMBER, "How many invocations it had in this step.", low=0),
    Variable("review_reject_rate", Type.NUMBER, "The share of its reviews that were rejected, 0 to 1.", low=0, high=1),
)

_CANARY: Final = (
    *(msgspec.structs.replace(one, description=f"The candidate: {one.description[0].lower()}{one.description[1:]}") for one in _MEASURED),
    *(
        msgspec.structs.replace(one, name=f"stable.{one.name}", description=f"The same of the stable model (`{one.name}`).")
        for one in _MEASURED
    ),
)

_ALERT: Final = (
    Variable("activation_rate", Type.NUMBER, "The share of invocations in which the chain was used, 0 to 1.", low=0, high=1),
    Variable("calls", Type.NUMBER, "How many invocations in the alert's window.", low=0),
    Variable("chain", Type.STRING, "The chain, by its name in the policy."),
    Variable("provider", Type.STRING, "The provider that failed, by its name in the policy."),
)

_RECORD: Final = (
    *_ANSWERED,
    Variable("rule", Type.STRING, 'The routing rule that matched; `""` if none did.'),
    Variable("outcome", Type.STRING, "How it ended: `answered`, `refused`, `failed`, `cancelled` or `interrupted`."),
    Variable("budget_events", Type.STRINGS, "The budgets that skipped a candidate, clamped, waited or refused, by name."),
    Variable("gates", Type.STRINGS, "The gates that matched, by name."),
)

GROUPS: Final = (
    ("Every stage of an invocation", _ALL),
    ("The request: rules, budgets, limits, constraints, input gates, `sticky` and `by`", _CONTENT),
    ("One candidate: `choose.where` and `choose.prefer`", _CANDIDATE),
    ("The answer: gates of stage `output` and `tool_call`", _OUTPUT),
    ("One tool call: gates of stage `tool_call`", _TOOL_CALL),
    ("`canary.abort_if`, without those of an invocation", _CANARY),
    ("`fallback.alerts`, without those of an invocation", _ALERT),
    ("Records: `--where`, without those of the request", _RECORD),
)
"""The groups of variables as the reference page tells them; a stage is one or more of them."""


def _table(*groups: tuple[Variable, ...]) -> MappingProxyType[str, Variable]:
    return MappingProxyType({variable.name: variable for group in groups for variable in group})


TABLES: Final[MappingProxyType[Stage, MappingProxyType[str, Variable]]] = MappingProxyType(
    {
        "request": _table(_ALL, _CONTENT),
        "input": _table(_ALL, _CONTENT),
        "candidate": _table(_ALL, _CONTENT, _CANDIDATE),
        "output": _table(_ALL, _CONTENT, _OUTPUT),
        "tool_call": _table(_ALL, _CONTENT, _OUTPUT, _TOOL_CALL),
        "canary": _table(_CANARY),
        "alert": _table(_ALERT),
        "record": _table(_ALL, _RECORD),
        "sticky": _table(_ALL, _CONTENT),
    }
)
"""Every stage's variables by dotted name."""

STAGE_WORDS: Final[MappingProxyType[Stage, str]] = MappingProxyType(
    {
        "request": "rules, budgets, limits, constraints",
        "input": "gates of stage input",
        "candidate": "`choose.where`, `choose.prefer`",
        "output": "gates of stage output",
        "tool_call": "gates of stage tool_call",
        "canary": "`canary.abort_if`",
        "alert": "`fallback.alerts`",
        "record": "`--where`",
        "sticky": "`sticky`, `by`",
    }
)
"""What a message calls each stage."""

CANDIDATE_NAMES: Final = frozenset(variable.name for variable in _CANDIDATE)
OUTPUT_NAMES: Final = frozenset(variable.name for variable in (*_OUTPUT, *_TOOL_CALL))
"""What only a candidate has, and what only an answer has."""

TEXT_NAMES: Final = frozenset({"input.text", "output.text", "output.refusal", "tool.args"})
"""Variables of which a record keeps no value."""


FOREIGN_FUNCTIONS: Final = frozenset(
    [
        *("int", "uint", "double", "string", "bool", "bytes", "type", "dyn", "duration", "timestamp"),
        *("getHours", "getDayOfWeek", "getFullYear", "lowerAscii", "upperAscii", "trim", "split", "join", "replace", "indexOf"),
    ]
)
"""Functions of CEL and its usual libraries that policies do not have."""
