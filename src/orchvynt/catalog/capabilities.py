"""What a model can take besides text: tools, images, a JSON Schema for its answer. Data by provider kind; what is not here is unknown.

Sources: OpenAI's model pages and its guides to function calling, images and structured outputs (https://platform.openai.com/docs/models,
https://platform.openai.com/docs/guides/structured-outputs: gpt-4o-mini and gpt-4o-2024-08-06 and later); Anthropic's model overview
(https://docs.anthropic.com/en/docs/about-claude/models/overview) and structured outputs
(https://platform.claude.com/docs/en/build-with-claude/structured-outputs: from the 4.5 models on);
Ollama's structured outputs (https://ollama.com/blog/structured-outputs: a grammar, whatever the model).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from orchvynt.catalog.limits import undated


class Capabilities(msgspec.Struct, frozen=True, gc=False):
    """What a model can take; None where it is unknown, which passes and is marked `unmeasured`."""

    tools: bool | None = None
    images: bool | None = None
    json_schema: bool | None = None


NOTHING_KNOWN: Final = Capabilities()
_ALL: Final = Capabilities(True, True, True)
_TEXT: Final = Capabilities(True, False, True)
_NO_SCHEMA: Final = Capabilities(True, True, False)
_OLD: Final = Capabilities(True, False, False)
_NONE: Final = Capabilities(False, False, False)

_OPENAI: Final[Mapping[str, Capabilities]] = MappingProxyType(
    {
        **dict.fromkeys(("gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "o1", "o3", "o4-mini"), _ALL),
        **dict.fromkeys(("gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-5.1", "gpt-5.2"), _ALL),
        "o3-mini": _TEXT,
        **dict.fromkeys(("gpt-4o-2024-05-13", "gpt-4-turbo"), _NO_SCHEMA),
        **dict.fromkeys(("gpt-4", "gpt-4-0613", "gpt-4-32k", "gpt-3.5-turbo", "gpt-3.5-turbo-0125", "gpt-3.5-turbo-1106"), _OLD),
        **dict.fromkeys(("o1-mini", "o1-preview"), _NONE),
    }
)
_ANTHROPIC: Final[Mapping[str, Capabilities]] = MappingProxyType(
    {
        **dict.fromkeys(("claude-3-haiku", "claude-3-sonnet", "claude-3-opus", "claude-3-5-sonnet", "claude-3-7-sonnet"), _NO_SCHEMA),
        **dict.fromkeys(("claude-3-5-haiku", "claude-sonnet-4", "claude-sonnet-4-0", "claude-opus-4", "claude-opus-4-0"), _NO_SCHEMA),
        "claude-opus-4-1": Capabilities(True, True, None),
        **dict.fromkeys(("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5", "claude-sonnet-4-6"), _ALL),
        **dict.fromkeys(("claude-opus-4-6", "claude-opus-4-7", "claude-opus-4-8"), _ALL),
    }
)
_OLLAMA: Final = Capabilities(json_schema=True)


def capabilities(kind: str, upstream_model: str) -> Capabilities:
    """What is known of one model at a provider of this kind. A dated name is its model, unless the dated one differs."""
    if kind == "ollama":
        return _OLLAMA
    table = {"openai": _OPENAI, "anthropic": _ANTHROPIC}.get(kind)
    if table is None:
        return NOTHING_KNOWN
    return table.get(upstream_model) or table.get(undated(upstream_model), NOTHING_KNOWN)
