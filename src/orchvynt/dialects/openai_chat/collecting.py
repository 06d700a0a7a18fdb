"""Puts the chunks of an OpenAI stream together into one reply. It knows no relay, and nothing of what goes to the caller."""

from orchvynt.dialects.deltas import Began, Collector, Finished, TextAdded, UsageReported
from orchvynt.dialects.openai_chat.chunks import ToldParts
from orchvynt.dialects.openai_chat.ends import finish_from
from orchvynt.dialects.openai_chat.spoken import transcript_of
from orchvynt.dialects.openai_chat.wire import Told
from orchvynt.dialects.shapes import Seen
from orchvynt.model.chat import Reply, TokenLogprob


class ChunkCollector:
    """Puts the chunks of the first choice together; needed only where an answer is judged before it goes out."""

    __slots__ = ("_collector", "_parts")

    def __init__(self) -> None:
        self._collector = Collector()
        self._parts = ToldParts()

    def add(self, told: Told) -> None:
        for delta in self._parts.deltas(told):
            self._collector.add(delta)
        if told.audio and (spoken := transcript_of(told.audio)):
            self._collector.add(TextAdded(spoken))

    def weigh(self, logprobs: tuple[TokenLogprob, ...]) -> None:
        """The log probabilities of tokens whose text comes, or came, with `add`."""
        if logprobs:
            self._collector.add(TextAdded("", logprobs))

    def reply(self, seen: Seen, created_s: int) -> Reply:
        self._collector.add(Began(id=seen.response_id, model=seen.response_model, created_s=created_s))
        self._collector.add(Finished(finish_from(seen.finish)))
        if seen.usage is not None:
            self._collector.add(UsageReported(seen.usage))
        return self._collector.reply()
