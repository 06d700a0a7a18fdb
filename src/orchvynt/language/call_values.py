"""The values that expressions about one tool call of an answer read."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from orchvynt.language.scope import OutputValues, RequestValues
from orchvynt.language.snapshot import EvaluationError
from orchvynt.model.chat import ToolCall


class ToolCallValues(RequestValues):
    """The variables of stage tool_call: the call's own, and those of the answer, which are computed once there and kept here too."""

    __slots__ = ("answer", "call", "index")

    def __init__(self, answer: OutputValues, call: ToolCall, index: int) -> None:
        super().__init__(answer.invocation, answer.now, answer.input_text, answer.zone)
        self.answer = answer
        self.call = call
        self.index = index

    def __missing__(self, name: str) -> object:
        compute = _CALL.get(name)
        value = compute(self) if compute is not None else self.answer[name]
        self[name] = value
        return value


def _arguments(text: str) -> dict[str, object]:
    """The arguments as the map that they are, empty where there are none. Raises EvaluationError: whoever repairs what is no JSON may
    read anything into it, so a gate that asks for it closes."""
    if not text.strip():
        return {}
    try:
        found: object = msgspec.json.decode(text)
    except RecursionError as too_deep:
        raise EvaluationError("the arguments of the call are nested too deeply to be looked at") from too_deep
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise EvaluationError("the arguments of the call are no JSON") from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise EvaluationError("the arguments of the call are no JSON object")
    return found


_CALL: Final[Mapping[str, Callable[[ToolCallValues], object]]] = MappingProxyType(
    {
        "tool.name": lambda v: v.call.name,
        "tool.args": lambda v: _arguments(v.call.arguments),
        "tool.index": lambda v: v.index,
    }
)
