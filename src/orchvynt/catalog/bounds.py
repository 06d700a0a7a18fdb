"""Upper bounds of what a request costs in tokens, from its sizes alone. Sound first: never below what a provider counts.

A byte-level BPE has at most one token per UTF-8 byte; so do SentencePiece vocabularies with byte fallback. Around the text
stand the template's own tokens. Images have their own figures (catalog/images.py). Where the text was counted exactly
(catalog/counting.py), that count stands in the place of its bytes.
OpenAI writes conversations with several tool calls as ASCII with escapes before it counts them: six characters for one of two or three
bytes, twelve for one of four (community.openai.com/t/1375117).
Tools at Anthropic: a system prompt of at most 530 tokens (https://docs.anthropic.com/en/docs/build-with-claude/tool-use).
What no size of a body bounds (pages of a PDF, what a provider's own search reads) is bounded by the context it is read into.
"""

from typing import Final, Literal

from orchvynt.catalog.images import image_tokens_most
from orchvynt.model.invocation import Ask

Kind = Literal["openai", "openai-compatible", "anthropic", "ollama"]

MESSAGE_TOKENS: Final = 8
TOOL_TOKENS: Final = 16
ANTHROPIC_TOOLS_TOKENS: Final = 600
BYTES_PER_TOKEN_MOST: Final = 5
"""Prose in the largest vocabularies (o200k) comes to at most 4.8 bytes a token; only runs of one character exceed this."""
BYTES_PER_TOKEN_USUAL: Final = 3
"""Prose and code come to 3 to 4 bytes a token; an estimate had better be a little high, as it is asked to make things fit."""
IMAGE_TOKENS_USUAL: Final = 1_600
"""An image of 1,568 px on its long edge at Anthropic (docs.anthropic.com, vision)."""

WINDOW_MOST: Final = 2_000_000
"""No model that is sold has a larger context; it stands where a model's own is not known."""

_FIXED_TOKENS: Final[dict[str, int]] = {"openai": 8, "anthropic": 16, "openai-compatible": 64, "ollama": 64}
KINDS: Final[tuple[Kind, ...]] = ("openai", "openai-compatible", "anthropic", "ollama")
_CEILING_FIXED: Final = max(_FIXED_TOKENS.values()) + ANTHROPIC_TOOLS_TOKENS
_CEILING_IMAGE: Final = max(image_tokens_most(kind) for kind in KINDS)
_ASCII: Final = bytes(range(0x80))


def input_tokens_bound(ask: Ask, kind: Kind, context_window: int = 0, upstream_model: str = "", text_tokens: int | None = None) -> int:
    """The most input tokens that this provider can count for the request. `context_window` is the model's, 0 where it is not known.

    `text_tokens` is what its text was counted to come to, None where nobody counted; a count above the bound of the bytes is none."""
    tools = len(ask.tool_names)
    bound = ask.input_text_bytes + MESSAGE_TOKENS * ask.message_count + TOOL_TOKENS * tools + _FIXED_TOKENS[kind]
    if tools and kind == "anthropic":
        bound += ANTHROPIC_TOOLS_TOKENS
    if ask.tool_calls > 1 and kind in ("openai", "openai-compatible"):
        bound += _escaping(ask)
    if text_tokens is not None:
        bound = min(bound, text_tokens)
    if ask.open_inputs:
        bound += ask.open_inputs * (context_window or WINDOW_MOST)
    if ask.image_count:
        bound += ask.image_count * image_tokens_most(kind, upstream_model)
    return bound


def _escaping(ask: Ask) -> int:
    """How many bytes more its text takes as ASCII with escapes, at most: of a character that is escaped already, its escape counted as
    three bytes at least."""
    wide = len(ask.body.translate(None, _ASCII))
    return 2 * wide + 3 * ask.body.count(b"\\u")


def input_tokens_ceiling(ask: Ask) -> int:
    """Not below the bound of any provider, and cheaper than all of them: what fits here fits everywhere."""
    return (
        ask.input_text_bytes
        + MESSAGE_TOKENS * ask.message_count
        + TOOL_TOKENS * len(ask.tool_names)
        + _CEILING_FIXED
        + (ask.image_count * _CEILING_IMAGE)
        + (ask.open_inputs * WINDOW_MOST)
        + (_escaping(ask) if ask.tool_calls > 1 else 0)
    )


def input_tokens_bound_anywhere(ask: Ask) -> int:
    """The same for whichever provider it goes to: what is known before a route is."""
    return max(input_tokens_bound(ask, kind) for kind in KINDS)


def input_tokens_least(ask: Ask) -> int:
    """The fewest input tokens that a text of this size plausibly has. A context below this is too small for certain.

    A character that JSON escapes as `\\uXXXX` takes six bytes there, and at most three as UTF-8.
    """
    text_bytes = ask.input_text_bytes - 3 * ask.body.count(b"\\u")
    return max(0, text_bytes) // BYTES_PER_TOKEN_MOST


def input_tokens_estimate(ask: Ask) -> int:
    """About how many input tokens a request comes to. No bound in either direction; pages of documents are not in it."""
    text = -(-ask.input_text_bytes // BYTES_PER_TOKEN_USUAL)
    return text + MESSAGE_TOKENS * ask.message_count + TOOL_TOKENS * len(ask.tool_names) + IMAGE_TOKENS_USUAL * ask.image_count
