"""Composes what is said: the scripted text or the default one, cut at the token limit and at stop sequences, with its usage.

Pure: the label of the call and the instant are arguments. The text, the frames, the usage and the bill always agree.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec

from orchvynt.scripted import tokens
from orchvynt.scripted.examples import instance
from orchvynt.scripted.script import Answer, UsageClaim
from orchvynt.scripted.shapes import Ask, Call, Finish, Frame, Said

FRAMES_DEFAULT_MAX: Final = 64
"""Frames of an answer that names no number: one for each token, up to so many."""
ECHO_CHARS_MAX: Final = 2_000
ABSURD_TOKENS: Final = 10**15
_PREFIXES: Final = {"openai": "chatcmpl-", "anthropic": "msg_", "ollama": "ollama-"}
_CALL_PREFIXES: Final = {"openai": "call_", "anthropic": "toolu_", "ollama": "call_"}


class _Room:
    """The output tokens that are still allowed; cuts what does not fit."""

    def __init__(self, limit: int | None) -> None:
        self._left = limit
        self.full = False

    def take(self, pieces: Sequence[str]) -> Sequence[str]:
        if self._left is None:
            return pieces
        taken = pieces[: self._left]
        self.full = self.full or len(taken) < len(pieces)
        self._left -= len(taken)
        return taken


def compose(ask: Ask, answer: Answer, label: str, now_s: int) -> Said:
    """Says what the answer says to this request. `label` is unique for the arrival; ids are made of it."""
    text, refusal = _text(ask, answer)
    text, stop_sequence = _stopped(text, ask.stop)
    room = _Room(ask.max_tokens)
    # The other APIs have no thoughts, or none that are signed.
    thought = room.take(tokens.split(answer.thinking or "")) if ask.api == "anthropic" else ()
    pieces = room.take(tokens.split(text))
    calls, call_pieces = _calls(ask, answer, label, room)
    frames = (*_text_frames(thought, answer.frames, True), *_text_frames(pieces, answer.frames), *_call_frames(call_pieces, answer.frames))
    output = sum(frame.tokens for frame in frames)
    reported, billed_output, late = _usage(answer, ask, output)
    return Said(
        ask=ask,
        id=f"{_PREFIXES[ask.api]}{label}",
        created_s=now_s,
        text="".join(pieces),
        refusal=refusal,
        calls=calls,
        frames=frames,
        finish=_finish(answer, calls, room.full, stop_sequence),
        stop_sequence=stop_sequence,
        output_tokens=billed_output,
        reported=reported,
        usage_late=late,
        confidence=None if answer.logprobs == "missing" else answer.logprobs,
        thinking="".join(thought),
    )


def billed_input(ask: Ask, answer: Answer) -> int:
    """The input tokens that the provider bills: those that were counted, or those that the script claims."""
    return answer.usage.input if isinstance(answer.usage, UsageClaim) else ask.input_tokens


def _text(ask: Ask, answer: Answer) -> tuple[str, bool]:
    """The whole text before any limit, without the part that a prefill has already said; and whether it is a refusal."""
    if answer.refusal is not None:
        return answer.refusal, True
    if answer.text is not None:
        text = answer.text
    elif answer.json is not None:
        text = _json(answer.json)
    elif answer.tool_calls or ask.forced_tool:
        text = ""
    else:
        text = _default(ask)
    return text.removeprefix(ask.prefill), False


def _default(ask: Ask) -> str:
    if ask.schema is not None:
        return _json(instance(ask.schema))
    if ask.wants_json:
        return _json({"said": ask.last_user[:ECHO_CHARS_MAX]})
    if ask.tool_result:
        return f"The tool said: {ask.tool_result[:ECHO_CHARS_MAX]}"
    return f"You said: {ask.last_user[:ECHO_CHARS_MAX]}"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _stopped(text: str, stops: Sequence[str]) -> tuple[str, str]:
    """Cuts the text before the first stop sequence in it."""
    found = [(at, stop) for stop in stops if stop and (at := text.find(stop)) >= 0]
    if not found:
        return text, ""
    at, stop = min(found)
    return text[:at], stop


def _calls(ask: Ask, answer: Answer, label: str, room: _Room) -> tuple[tuple[Call, ...], list[tuple[int, Sequence[str]]]]:
    """The calls as far as the limit lets them come, and for each the tokens of its name and the pieces of its arguments."""
    wanted = [(call.name, call.arguments if isinstance(call.arguments, str) else _json(call.arguments)) for call in answer.tool_calls]
    if answer.is_default and ask.forced_tool:
        name, schema = ask.forced_tool
        wanted = [(name, _json(instance(schema)))]
    calls: list[Call] = []
    pieces: list[tuple[int, Sequence[str]]] = []
    for at, (name, arguments) in enumerate(wanted):
        named = room.take(tokens.split(name))
        if room.full:
            break
        said = room.take(tokens.split(arguments))
        calls.append(Call(f"{_CALL_PREFIXES[ask.api]}{label}_{at}", name, "".join(said)))
        pieces.append((len(named), said))
    return tuple(calls), pieces


def _text_frames(pieces: Sequence[str], wanted: int | None, is_thought: bool = False) -> list[Frame]:
    groups = _groups(pieces, wanted)
    last = len(groups) - 1
    return [Frame(group, len(group), first=at == 0, last=at == last, is_thought=is_thought) for at, group in enumerate(groups)]


def _call_frames(calls: Sequence[tuple[int, Sequence[str]]], wanted: int | None) -> list[Frame]:
    frames: list[Frame] = []
    for index, (name_tokens, pieces) in enumerate(calls):
        groups = _groups(pieces, wanted) or [()]
        last = len(groups) - 1
        for at, group in enumerate(groups):
            frames.append(Frame(group, len(group) + (name_tokens if at == 0 else 0), index, at == 0, at == last))
    return frames


def _groups(pieces: Sequence[str], wanted: int | None) -> list[tuple[str, ...]]:
    """Spreads the pieces evenly over the wanted number of frames, none of them empty."""
    number = min(len(pieces), wanted or FRAMES_DEFAULT_MAX)
    edges = [len(pieces) * at // number for at in range(number + 1)] if number else []
    return [tuple(pieces[start:end]) for start, end in pairwise(edges)]


def _usage(answer: Answer, ask: Ask, output: int) -> tuple[tuple[int, int] | None, int, bool]:
    """What is reported, the output that is billed, and whether the report comes late.

    A scripted claim is billed as it stands, however much it is; an absurd one is reported, but what was counted is billed.
    """
    if isinstance(answer.usage, UsageClaim):
        return (answer.usage.input, answer.usage.output), answer.usage.output, False
    output *= ask.choices
    if answer.usage == "missing":
        return None, output, False
    if answer.usage == "absurd":
        return (ABSURD_TOKENS, -ABSURD_TOKENS), output, False
    return (ask.input_tokens, output), output, answer.usage == "last_chunk"


def _finish(answer: Answer, calls: Sequence[Call], full: bool, stop_sequence: str) -> Finish:
    if answer.finish is not None:
        return answer.finish
    if full:
        return "length"
    if calls:
        return "tool_calls"
    return "stop_sequence" if stop_sequence else "stop"
