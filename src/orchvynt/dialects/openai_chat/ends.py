"""Why an answer ended and what it took, from the words of the API."""

from typing import Final

from orchvynt.dialects.openai_chat.wire import ToldUsage
from orchvynt.model.chat import Finish
from orchvynt.model.usage import Usage

USAGE_TOKENS_MAX: Final = 10**12

FINISHES: Final[dict[str, Finish]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def finish_from(reason: str | None) -> Finish:
    """A reason that nobody documents is an ordinary end; none is none."""
    return FINISHES.get(reason, "stop") if reason else ""


def canonical_finish(reason: str | None, has_calls: bool) -> Finish:
    """The same for a caller of another API: there an answer that calls tools has not stopped.

    OpenAI says `stop` where the caller named the function to call (API guide, function calling), some compatible providers always.
    """
    finish = finish_from(reason)
    return "tool_calls" if has_calls and finish == "stop" else finish


def usage_from(told: ToldUsage | None) -> Usage | None:
    """The provider's count, or None where it says nothing or something absurd."""
    if told is None:
        return None
    prompt, completion = told.prompt_tokens, told.completion_tokens
    if prompt is None or completion is None or not (0 <= prompt <= USAGE_TOKENS_MAX and 0 <= completion <= USAGE_TOKENS_MAX):
        return None
    details, outputs = told.prompt_tokens_details, told.completion_tokens_details
    if details is None and outputs is None:
        return Usage(prompt, completion)
    cached, reasoning = (details.cached_tokens if details else 0) or 0, (outputs.reasoning_tokens if outputs else 0) or 0
    return Usage(
        input_tokens=prompt,
        output_tokens=completion,
        # A part cannot be larger than its whole: then the whole is charged as if nothing were cached.
        cached_input_tokens=cached if 0 < cached <= prompt else 0,
        reasoning_tokens=reasoning if 0 < reasoning <= completion else 0,
    )
