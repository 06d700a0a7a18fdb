"""Which dialect answers to which name; the rooms above ask here and know no dialect by its module."""

from collections.abc import Callable
from typing import Final

from orchvynt.dialects.anthropic_messages.caller import AnthropicMessagesCaller
from orchvynt.dialects.anthropic_messages.passthrough import MessageRelay
from orchvynt.dialects.anthropic_messages.provider import AnthropicMessagesProvider
from orchvynt.dialects.anthropic_messages.stream import AnthropicReader
from orchvynt.dialects.deltas import DeltaReader
from orchvynt.dialects.ollama_chat.caller import OllamaChatCaller, OllamaGenerateCaller
from orchvynt.dialects.ollama_chat.passthrough import LineRelay
from orchvynt.dialects.ollama_chat.provider import OllamaChatProvider, OllamaGenerateProvider
from orchvynt.dialects.ollama_chat.stream import OllamaReader
from orchvynt.dialects.ollama_chat.wire import decode_generate_line
from orchvynt.dialects.ollama_chat.writing import chat_part, generate_part
from orchvynt.dialects.openai_chat.caller import OpenAIChatCaller
from orchvynt.dialects.openai_chat.passthrough import PassthroughRelay
from orchvynt.dialects.openai_chat.provider import OpenAIChatProvider
from orchvynt.dialects.openai_chat.stream import OpenAIReader
from orchvynt.dialects.relaying import TranslatingRelay
from orchvynt.dialects.rescuing import RescuingRelay
from orchvynt.dialects.route import RouteCaller
from orchvynt.dialects.seams import Prefix
from orchvynt.dialects.shapes import CallerDialect, DeltaWriter, Logprobs, ProviderDialect, Relay
from orchvynt.language.snapshot import Wire
from orchvynt.model.invocation import Ask, DialectName

# Both tables are constants: dialects hold no state, so one of each serves everybody.
_CALLERS: Final[dict[DialectName, CallerDialect]] = {
    "openai_chat": OpenAIChatCaller(),
    "anthropic_messages": AnthropicMessagesCaller(),
    "ollama_chat": OllamaChatCaller(),
    "ollama_generate": OllamaGenerateCaller(),
    "route": RouteCaller(),
}
_PROVIDERS: Final[dict[Wire, ProviderDialect]] = {
    "openai_chat": OpenAIChatProvider(),
    "anthropic_messages": AnthropicMessagesProvider(),
    "ollama_chat": OllamaChatProvider(),
}
# A provider of one wire format may have an endpoint more, for callers of that one only.
_PROVIDERS_FOR: Final[dict[tuple[Wire, DialectName], ProviderDialect]] = {
    **{(wire, dialect): spoken for wire, spoken in _PROVIDERS.items() for dialect in _CALLERS},
    ("ollama_chat", "ollama_generate"): OllamaGenerateProvider(),
}

# The tables' own look-up: asked several times for each invocation.
caller: Final[Callable[[DialectName], CallerDialect]] = _CALLERS.__getitem__
provider: Final[Callable[[Wire], ProviderDialect]] = _PROVIDERS.__getitem__

# Where caller and provider speak the same, the provider's own frames pass.
_PASSING: Final[dict[str, Callable[[Ask, bool, bool, Logprobs], Relay]]] = {
    "openai_chat": lambda ask, collect, digest, logprobs: PassthroughRelay(ask.wants_usage, collect, digest, logprobs),
    "anthropic_messages": lambda _ask, collect, digest, _logprobs: MessageRelay(collect, digest),
    "ollama_chat": lambda _, collect, digest, logprobs: LineRelay(OllamaReader(), chat_part, collect, digest, logprobs),
    "ollama_generate": lambda _, collect, digest, logprobs: LineRelay(
        OllamaReader(decode_generate_line), generate_part, collect, digest, logprobs
    ),
}
_READERS: Final[dict[str, Callable[[], DeltaReader]]] = {
    "openai_chat": OpenAIReader,
    "anthropic_messages": AnthropicReader,
    "ollama_chat": OllamaReader,
}

FORWARDED: Final[dict[DialectName, tuple[str, ...]]] = {"anthropic_messages": ("anthropic-version", "anthropic-beta")}
"""Header fields of a caller that a provider of its dialect is sent; no others ever are."""
NAMELESS: Final[frozenset[DialectName]] = frozenset({"ollama_chat", "ollama_generate"})
"""Callers whose clients send tool calls back without their ids: their conversations are recognised by the text alone."""


def provider_for(wire: Wire, dialect: DialectName) -> ProviderDialect:
    """How a provider is spoken to on behalf of a caller of `dialect`."""
    return _PROVIDERS_FOR[wire, dialect]


def relay(
    provider: ProviderDialect,
    caller: CallerDialect,
    ask: Ask,
    *,
    collect: bool,
    digest: bool = False,
    created_s: int = 0,
    logprobs: Logprobs = "",
) -> Relay:
    """A new relay for one stream. `created_s` dates an answer whose provider names no instant. Raises ValueError for a pair that
    never streams."""
    writer = caller.stream_writer(ask)
    passing = _PASSING.get(provider.name) if provider.caller_twin == caller.name else None
    if passing is not None:
        return passing(ask, collect, digest, logprobs)
    ids, hides = caller.name not in NAMELESS, logprobs == "hidden"
    return TranslatingRelay(_READERS[provider.name](), writer, collect, created_s, digest, ids=ids, hides=hides)


def rescuing(
    provider: ProviderDialect, caller: CallerDialect, writer: DeltaWriter, prefix: Prefix, *, digest: bool = False, created_s: int = 0
) -> RescuingRelay:
    """A new relay for a provider that goes on with an answer which broke off. `writer` is the broken relay's."""
    return RescuingRelay(_READERS[provider.name](), writer, prefix, created_s, digest, caller.name not in NAMELESS)
