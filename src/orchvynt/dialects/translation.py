"""What every provider dialect needs to write a canonical chat for an API that is not the caller's: what may go, and what must not."""

from collections.abc import Collection
from typing import Any, Final

import msgspec

from orchvynt.dialects.shapes import UnsupportedError
from orchvynt.model.chat import Chat, ToolCall

NEUTRAL_EXTRAS: Final[dict[str, tuple[object, ...]]] = {
    "logit_bias": ({},),
    "modalities": (["text"],),
    "top_logprobs": (0,),
    "functions": ([],),
    "function_call": ("auto", "none"),
}
"""Values of fields that other APIs lack which ask for nothing, so that leaving them out changes nothing."""

SERVICE_EXTRAS: Final = frozenset(
    {
        "metadata", "prediction", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning_effort",
        "safety_identifier", "service_tier", "store", "verbosity",
    }
)  # fmt: skip
"""Fields that say how OpenAI stores, bills, caches or paces an answer, not what is asked for; dropped everywhere else."""

SERVICE_DROPPED: Final[tuple[tuple[str, str], ...]] = (
    ("metadata, store, service_tier, safety_identifier", "they concern storage, billing and accounts at OpenAI"),
    ("prediction, prompt_cache_key, prompt_cache_options, prompt_cache_retention", "they concern speed and caches at OpenAI"),
    ("reasoning_effort, verbosity", "the scales differ; the model's own default applies"),
)


def check_extras(chat: Chat, provider: str, known: Collection[str]) -> None:
    """Raises UnsupportedError for an extra that is neither `known` to the provider nor without effect on what is asked for."""
    for name, value in chat.extras.items():
        if name == "n":
            raise UnsupportedError(f"{provider} gives one answer to a request.", "n")
        if name in known or name in SERVICE_EXTRAS or value in NEUTRAL_EXTRAS.get(name, ()):
            continue
        raise UnsupportedError(f"{provider} has no equal for `{name}`, and without it the answer may be another.", name)


def arguments_object(call: ToolCall, where: str) -> dict[str, Any]:
    """The arguments of an earlier call as an object, for an API that takes no text. Raises UnsupportedError if they are none."""
    try:
        value = msgspec.json.decode(call.arguments) if call.arguments.strip() else {}
    except (msgspec.MsgspecError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UnsupportedError(f"The arguments of the call {call.name!r} are no JSON object.", f"{where}.tool_calls")
    return value


def output_limit(chat: Chat, output_tokens_max: int | None) -> int | None:
    """The lower of the caller's limit and ours; None where nobody has one."""
    return min((limit for limit in (chat.max_output_tokens, output_tokens_max) if limit is not None), default=None)
