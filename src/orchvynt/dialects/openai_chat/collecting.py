"""Puts the chunks of an OpenAI stream together into one reply. It knows no relay, and nothing of what goes to the caller."""

from orchvynt.dialects.deltas import ArgumentsAdded, Began, CallBegan, Collector, Finished, RefusalAdded, TextAdded, UsageReported
from orchvynt.dialects.openai_chat.wire import Told, ToldFunction, finish_from, text_of
from orchvynt.dialects.shapes import Seen
from orchvynt.model.chat import Reply


class ChunkCollector:
    """Puts the chunks of the first choice together; needed only where an answer is judged before it goes out."""

    __slots__ = ("_calls", "_parts")

    def __init__(self) -> None:
        self._parts = Collector()
        self._calls = 0

    def add(self, told: Told) -> None:
        if told.content:
            self._parts.add(TextAdded(text_of(told.content)))
        if told.refusal:
            self._parts.add(RefusalAdded(told.refusal))
        for call in told.tool_calls or ():
            function = call.function or (ToldFunction(call.custom.name, call.custom.input) if call.custom else None)
            if function is None:
                continue
            # Without an index (some compatible providers) a part with an id begins a call, and one without goes on.
            index = call.index if call.index is not None else max(self._calls - (0 if call.id else 1), 0)
            self._add_call(index, call.id or "", function)
        if told.function_call:
            self._add_call(0, "", told.function_call)

    def _add_call(self, index: int, call_id: str, function: ToldFunction) -> None:
        if index >= self._calls:
            self._calls = index + 1
            self._parts.add(CallBegan(index=index, id=call_id, name=function.name or ""))
        if function.arguments:
            self._parts.add(ArgumentsAdded(index=index, text=function.arguments))

    def reply(self, seen: Seen, created_s: int) -> Reply:
        self._parts.add(Began(id=seen.response_id, model=seen.response_model, created_s=created_s))
        self._parts.add(Finished(finish_from(seen.finish)))
        if seen.usage is not None:
            self._parts.add(UsageReported(seen.usage))
        return self._parts.reply()
