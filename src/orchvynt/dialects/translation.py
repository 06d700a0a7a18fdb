"""What every provider dialect needs to write a canonical chat for an API that is not the caller's: what may go, and what must not."""

from collections.abc import Collection
from typing import Any, Final

import msgspec

from orchvynt.dialects.checks import BODY_ERRORS
from orchvynt.dialects.shapes import UnsupportedError
from orchvynt.model.chat import Chat, Image, TokenLogprob, ToolCall

_decode_logprobs = msgspec.json.Decoder(tuple[TokenLogprob, ...]).decode

Table = tuple[tuple[str, str], ...]
"""Names of fields, each with why it is dropped or refused, or with what it becomes. docs/reference/dialects.md is written from these."""

NEUTRAL_EXTRAS: Final[dict[str, tuple[object, ...]]] = {
    "logit_bias": ({},),
    "modalities": (["text"],),
    "top_logprobs": (0,),
    "functions": ([],),
    "function_call": ("auto", "none"),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "store": (False,),
    "service_tier": ("auto",),
    "inference_geo": ("global",),
    "mcp_servers": ([],),
    "speed": ("standard",),
}
"""Values of fields that other APIs lack which ask for nothing, so that leaving them out changes nothing."""

# What stands in an Ollama's `options`.
_OF_THE_MACHINE: Final = (
    *("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread"),
    *("numa", "low_vram", "f16_kv", "use_mmap", "use_mlock"),
)
_OF_SAMPLING: Final = (
    *("temperature", "top_p", "top_k", "min_p", "typical_p", "seed", "stop", "presence_penalty", "frequency_penalty"),
    *("repeat_penalty", "repeat_last_n", "penalize_newline", "mirostat", "mirostat_tau", "mirostat_eta"),
)

SERVICE_DROPPED: Final[dict[str, Table]] = {
    "openai_chat": (
        ("metadata", "it labels what OpenAI stores"),
        ("store", "it concerns storage at OpenAI"),
        ("service_tier", "it concerns billing at OpenAI"),
        ("safety_identifier", "it names an account's user to OpenAI"),
        ("prediction", "it concerns speed at OpenAI"),
        ("prompt_cache_key", "it concerns OpenAI's caches"),
        ("prompt_cache_options", "it concerns OpenAI's caches"),
        ("prompt_cache_retention", "it concerns OpenAI's caches"),
        ("reasoning_effort", "the scales differ; the model's own default applies"),
        ("verbosity", "the scales differ; the model's own default applies"),
    ),
    "anthropic_messages": (
        ("metadata", "it labels what Anthropic stores"),
        ("service_tier", "it concerns capacity at Anthropic"),
        ("speed", "it concerns speed at Anthropic"),
        ("cache_control", "it concerns Anthropic's caches"),
        ("context_management", "it concerns what Anthropic keeps of a long context"),
        ("diagnostics", "it concerns Anthropic's caches"),
        ("user_profile_id", "it names an account's user to Anthropic"),
        ("thinking", "the scales differ; the model's own default applies"),
        ("output_config", "of it the schema is sent; for effort the scales differ"),
    ),
    "ollama_chat": (
        ("keep_alive", "it concerns the memory of an Ollama"),
        *((name, "it concerns the machine of an Ollama") for name in _OF_THE_MACHINE),
        *((name, "it concerns what an Ollama does with too long an input; others refuse it") for name in ("num_keep", "truncate", "shift")),
        ("think", "the scales differ; the model's own default applies"),
    ),
}
"""By the caller's dialect: fields that say how its own provider stores, bills, caches or paces an answer, not what is asked for."""

OWN_NAMES: Final[dict[str, dict[str, str]]] = {
    "anthropic_messages": {"user": "metadata.user_id", "tools[].function.strict": "tools[].strict"},
    "ollama_chat": {name: f"options.{name}" for name in (*_OF_THE_MACHINE, *_OF_SAMPLING, "num_keep")},
}
"""By the caller's dialect: what it calls a canonical field, where the canonical name (OpenAI's) is another."""


class Dropped:
    """Gathers what one request really loses on its way, in the caller's names; every name comes from a table, none from the request."""

    __slots__ = ("_names", "_own")

    def __init__(self, chat: Chat) -> None:
        self._names: dict[str, None] = {}
        self._own = OWN_NAMES.get(chat.dialect, {})

    def add(self, name: str) -> None:
        self._names[self._own.get(name, name)] = None

    def told(self) -> tuple[str, ...]:
        return tuple(self._names)


def drop_extras(chat: Chat, provider: str, known: Collection[str], dropped: Dropped, without: Collection[str] = ()) -> None:
    """Notes the extras that are left out: those of the caller's own service, and those that the provider is `without` and that change
    nothing of what is asked for. Raises UnsupportedError for any other that is not `known` to the provider."""
    service = {name for name, _ in SERVICE_DROPPED.get(chat.dialect, ())}
    for name, value in chat.extras.items():
        if name == "n":
            raise UnsupportedError(f"{provider} gives one answer to a request.", "n")
        if name in known or value in NEUTRAL_EXTRAS.get(name, ()):
            continue
        if name not in service and name not in without:
            raise UnsupportedError(f"{provider} has no equal for `{name}`, and without it the answer may be another.", name)
        dropped.add(name)


def drop_from_messages(chat: Chat, dropped: Dropped) -> None:
    """Notes what of the messages only OpenAI's API has."""
    for message in chat.messages:
        if message.name:
            dropped.add("messages[].name")
        for part in message.parts:
            # `auto` is what leaving it out means.
            if isinstance(part, Image) and part.detail not in ("", "auto"):
                dropped.add("image_url.detail")
    if chat.answer_format is not None and chat.answer_format.name:
        dropped.add("response_format.json_schema.name")


MESSAGES_DROPPED: Final[Table] = (
    ("messages[].name", "the API has no names of participants"),
    ("image_url.detail", "the API has no such choice"),
    ("response_format.json_schema.name", "a schema has no name there"),
)
"""What `drop_from_messages` notes."""


def arguments_object(call: ToolCall, where: str) -> dict[str, Any]:
    """The arguments of an earlier call as an object, for an API that takes no text. Raises UnsupportedError if they are none."""
    try:
        value = msgspec.json.decode(call.arguments) if call.arguments.strip() else {}
    except (msgspec.MsgspecError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UnsupportedError(f"The arguments of the call {call.name!r} are no JSON object.", f"{where}.tool_calls")
    return value


def logprobs_told(told: tuple[TokenLogprob, ...]) -> list[dict[str, Any]]:
    """The same list, written."""
    return [{**_token(one), "top_logprobs": [_token(other) for other in one.top_logprobs]} for one in told]


def _token(told: TokenLogprob) -> dict[str, Any]:
    return {"token": told.token, "logprob": told.logprob, "bytes": told.bytes}


def logprobs_from(raw: msgspec.Raw) -> tuple[TokenLogprob, ...]:
    """The list of token log probabilities, which all APIs that have one write alike. An odd one costs only itself, not the answer."""
    if not raw or bytes(raw) == b"null":
        return ()
    try:
        return _decode_logprobs(raw)
    except BODY_ERRORS:
        return ()


def check_some_output(chat: Chat, provider: str) -> None:
    """Anthropic takes `max_tokens: 0` and answers nothing. Elsewhere a zero is an error or no limit at all, as of Ollama's `num_predict`:
    the answer would cost what nobody holds. Raises UnsupportedError."""
    if chat.max_output_tokens == 0:
        raise UnsupportedError(f"{provider} cannot be asked for an answer of zero tokens.", "max_tokens")


def output_limit(chat: Chat, output_tokens_max: int | None) -> int | None:
    """The lower of the caller's limit and ours; None where nobody has one."""
    return min((limit for limit in (chat.max_output_tokens, output_tokens_max) if limit is not None), default=None)
