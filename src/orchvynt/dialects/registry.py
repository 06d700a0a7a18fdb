"""Which dialect answers to which name; the rooms above ask here and know no dialect by its module."""

from collections.abc import Callable
from typing import Final

from orchvynt.dialects.anthropic_messages.provider import AnthropicMessagesProvider
from orchvynt.dialects.anthropic_messages.stream import AnthropicReader
from orchvynt.dialects.ollama_chat.provider import OllamaChatProvider
from orchvynt.dialects.ollama_chat.stream import OllamaReader
from orchvynt.dialects.openai_chat.caller import OpenAIChatCaller
from orchvynt.dialects.openai_chat.passthrough import PassthroughRelay
from orchvynt.dialects.openai_chat.provider import OpenAIChatProvider
from orchvynt.dialects.relaying import TranslatingRelay
from orchvynt.dialects.route import RouteCaller
from orchvynt.dialects.shapes import CallerDialect, ProviderDialect, Relay
from orchvynt.language.snapshot import Wire
from orchvynt.model.invocation import DialectName

# Both tables are constants: dialects hold no state, so one of each serves everybody.
_CALLERS: Final[dict[DialectName, CallerDialect]] = {"openai_chat": OpenAIChatCaller(), "route": RouteCaller()}
_PROVIDERS: Final[dict[Wire, ProviderDialect]] = {
    "openai_chat": OpenAIChatProvider(),
    "anthropic_messages": AnthropicMessagesProvider(),
    "ollama_chat": OllamaChatProvider(),
}


# The tables' own look-up: asked several times for each invocation.
caller: Final[Callable[[DialectName], CallerDialect]] = _CALLERS.__getitem__
provider: Final[Callable[[Wire], ProviderDialect]] = _PROVIDERS.__getitem__


def relay(
    provider: ProviderDialect, caller: CallerDialect, *, wants_usage: bool, collect: bool, digest: bool = False, created_s: int = 0
) -> Relay:
    """A new relay for one stream. `wants_usage`: the caller asked for the usage chunk. `created_s` dates an answer whose provider names
    no instant. Raises ValueError for a pair that never streams."""
    if caller.name != "openai_chat":
        raise ValueError(f"the caller dialect {caller.name} never streams")
    match provider.name:
        case "openai_chat":
            return PassthroughRelay(wants_usage, collect, digest)
        case "anthropic_messages":
            return TranslatingRelay(AnthropicReader(), wants_usage, collect, created_s, digest)
        case "ollama_chat":
            return TranslatingRelay(OllamaReader(), wants_usage, collect, created_s, digest)
        case _:
            raise ValueError(f"no relay reads the wire format {provider.name}")
