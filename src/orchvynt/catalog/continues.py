"""How a model goes on with an answer that broke off. Data by provider kind and model; a policy may say otherwise (`models.*.continues`).

`prefill`: it extends a trailing assistant turn. Anthropic's models do, up to the 4.5 ones; from 4.6 on the API answers 400
(https://docs.anthropic.com/en/docs/build-with-claude/prompt-engineering/prefill-claudes-response,
https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6#prefill-removal). Ollama's server leaves a trailing
assistant turn open (https://github.com/ollama/ollama/issues/6778, https://github.com/ollama/ollama/issues/5890: from 0.2.8 on).
`instruct`: it is asked to go on; OpenAI's chat models begin a new turn after an assistant message
(https://platform.openai.com/docs/api-reference/chat/create), so that an instruction is the way.
What is not here is asked too: any chat model can be, and the seam shows whether it did. `never` is for what a policy says itself; no
vendor says it of a model.
"""

from types import MappingProxyType
from typing import Final, Literal

from orchvynt.catalog.limits import undated

Continues = Literal["prefill", "instruct", "never"]

_ANTHROPIC: Final[MappingProxyType[str, Continues]] = MappingProxyType(
    {
        "claude-3-haiku": "prefill",
        "claude-3-opus": "prefill",
        "claude-3-sonnet": "prefill",
        "claude-3-5-haiku": "prefill",
        "claude-3-5-sonnet": "prefill",
        "claude-3-7-sonnet": "prefill",
        "claude-sonnet-4": "prefill",
        "claude-sonnet-4-0": "prefill",
        "claude-opus-4": "prefill",
        "claude-opus-4-0": "prefill",
        "claude-opus-4-1": "prefill",
        "claude-haiku-4-5": "prefill",
        "claude-sonnet-4-5": "prefill",
        "claude-opus-4-5": "prefill",
        "claude-sonnet-4-6": "instruct",
        "claude-opus-4-6": "instruct",
        "claude-opus-4-7": "instruct",
        "claude-opus-4-8": "instruct",
    }
)


def continues(kind: str, upstream_model: str) -> Continues:
    """How this model continues, as far as its vendor says."""
    if kind == "ollama":
        return "prefill"
    return _ANTHROPIC.get(undated(upstream_model), "instruct") if kind == "anthropic" else "instruct"
