"""What tells an agent that went astray: how deep invocations call one another, and how often one and the same prompt comes.

A prompt is all that the model reads: messages with their system text, and tools. How it is to answer (sampling, limits, stream), who
asks, and the ids of tool calls are no part of it: a loop makes new ones each time.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec

from orchvynt.decisions.budgets.applied import Applied
from orchvynt.decisions.budgets.refusals import too_deep
from orchvynt.dialects import registry
from orchvynt.dialects.shapes import UnsupportedError
from orchvynt.language.snapshot import Budget
from orchvynt.model.chat import Document, Foreign, Image, Message, Part, Text, Thinking, Tool, ToolCall, ToolResult
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Invocation

# 128 bits: two prompts with one digest are not found by chance.
DIGEST_BYTES: Final = 16
# What is read of a body that has no canonical form, by the names of all dialects.
READ: Final = ("messages", "system", "prompt", "suffix", "template", "images", "tools", "functions")


def watched(budgets: Sequence[Budget], invocation: Invocation, applied: list[Applied]) -> list[Applied] | Fault:
    """The same with the prompt's digest where a budget counts it; or why the invocation is stopped before anything is held."""
    digest = ""
    found = applied
    for place, one in enumerate(applied):
        budget = budgets[one.number]
        if budget.depth is not None and invocation.depth > budget.depth:
            return too_deep(budget, one.subject, invocation.depth)
        if budget.same_prompt is not None:
            digest = digest or prompt_digest(invocation)
            found = found if found is not applied else list(applied)
            found[place] = msgspec.structs.replace(one, prompt=digest)
    return found


def prompt_digest(invocation: Invocation) -> str:
    """The same for the same prompt, in whichever dialect it came. It says nothing of a prompt to who does not know it."""
    ask = invocation.ask
    try:
        chat = registry.caller(invocation.dialect).chat(ask)
    except UnsupportedError:
        body: dict[str, Any] = msgspec.json.decode(ask.body)
        read: object = {name: body[name] for name in READ if name in body}
    else:
        read = ([_message(message) for message in chat.messages], [_tool(tool) for tool in chat.tools])
    return blake2b(msgspec.json.encode(read, order="sorted"), digest_size=DIGEST_BYTES).hexdigest()


def _message(message: Message) -> list[Any]:
    return [message.role, message.name, *[_part(part) for part in message.parts]]


def _part(part: Part) -> list[Any]:
    match part:
        case Text():
            return ["text", part.text]
        case Image():
            return ["image", part.url, part.media_type, part.data]
        case Document():
            return ["document", part.url, part.media_type, part.data, part.text, part.title]
        case Thinking():
            return ["thinking", part.text, part.redacted]
        case ToolCall():
            return ["call", part.name, _arguments(part.arguments)]
        case ToolResult():
            return ["result", part.is_error, *([_part(one) for one in part.parts] or [["text", part.text]])]
        case Foreign():
            return ["foreign", part.kind, part.value]


def _arguments(text: str) -> object:
    """Some dialects carry them as JSON, some as its text, with blanks or without."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _tool(tool: Tool) -> list[Any]:
    # What a tool of the caller's own has beyond the form is for its provider, not for the model.
    return [tool.name, tool.kind, tool.description, tool.parameters, tool.extras if tool.kind else {}]
