"""Carries a compiled policy from the process that checked it to the one that serves, in pieces.

Closures cannot travel, so expressions go as their text and are compiled once more on arrival. `unpack` pauses after each item, so that
an event loop can unpack ten thousand rules without standing still.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from orchvynt.language.compile import Loaded
from orchvynt.language.expressions.compiling import compile_checked
from orchvynt.language.problems import Problem
from orchvynt.language.snapshot import Expression, RuleIndex, Snapshot

PIECE_ITEMS: Final = 32
# An entry of an index is a word and some numbers: as many cost less than one rule.
INDEX_PIECE_ITEMS: Final = 512

Steps = Generator[None, None, object]


class _Head(msgspec.Struct, frozen=True):
    """`snapshot` is without the text, and without what the pieces hold."""

    problems: tuple[Problem, ...]
    snapshot: Snapshot | None


class _Piece(msgspec.Struct, frozen=True):
    """Some items of one field of the snapshot, a tuple or a dict; or, with `place`, some entries of one table of the rules' index."""

    field: str
    items: msgspec.Raw
    place: str = ""


def pack(loaded: Loaded) -> list[bytes]:
    """The head, then the pieces, in their order."""
    snapshot = loaded.snapshot
    if snapshot is None:
        return [_encode(_Head(loaded.problems, None))]
    large = {name: value for name, value in _fields(snapshot) if isinstance(value, (tuple, dict)) and len(value) > PIECE_ITEMS}
    bare = msgspec.structs.replace(snapshot, source="", **{name: type(value)() for name, value in large.items()})
    index = snapshot.rule_index
    bare = msgspec.structs.replace(bare, rule_index=RuleIndex((), index.always, tuple((place, {}) for place, _ in index.places)))
    pieces = [_Piece(name, _raw(part)) for name, value in large.items() for part in _parts(value, PIECE_ITEMS)]
    pieces += [_Piece("rule_index", _raw(part), place) for place, table in index.places for part in _parts(table, INDEX_PIECE_ITEMS)]
    return [_encode(_Head(loaded.problems, bare)), *(_encode(piece) for piece in pieces)]


def unpack(packed: Sequence[bytes], text: str) -> Generator[None, None, Loaded]:
    """Gives what `pack` took; `text` is the policy's own. Yields after each item."""
    head = msgspec.msgpack.decode(packed[0], type=_Head, dec_hook=_no_closure)
    yield
    bare = head.snapshot
    if bare is None:
        return Loaded(None, head.problems)
    types = {field.name: field.type for field in msgspec.structs.fields(Snapshot)}
    sequences: dict[str, list[object]] = {}
    maps: dict[str, dict[object, object]] = {}
    changed: dict[str, object] = {"source": text}
    for name, value in _fields(bare):
        if name not in ("source", "rule_index"):
            changed[name] = yield from _alive(value)
    for data in packed[1:]:
        piece = msgspec.msgpack.decode(data, type=_Piece)
        if piece.place:
            dict(bare.rule_index.places)[piece.place].update(msgspec.msgpack.decode(piece.items, type=dict[str | None, tuple[int, ...]]))
        else:
            part = msgspec.msgpack.decode(piece.items, type=types[piece.field], dec_hook=_no_closure)
            yield
            items = yield from _alive(part)
            if isinstance(items, dict):
                maps.setdefault(piece.field, {}).update(items)
            elif isinstance(items, tuple):
                sequences.setdefault(piece.field, []).extend(items)
        yield
    changed |= {name: tuple(items) for name, items in sequences.items()}
    changed |= maps
    snapshot = msgspec.structs.replace(bare, **changed)
    # The index is valid for exactly these rules.
    index = (
        msgspec.structs.replace(bare.rule_index, rules=snapshot.rules) if bare.rule_index.always or bare.rule_index.places else RuleIndex()
    )
    return Loaded(msgspec.structs.replace(snapshot, rule_index=index), head.problems)


def _alive(value: object) -> Steps:
    """A decoded field: each of its items with its expressions compiled."""
    if isinstance(value, tuple):
        items = []
        for item in value:
            items.append(_compiled(item))
            yield
        return tuple(items)
    if isinstance(value, dict):
        entries = {}
        for name, item in value.items():
            entries[name] = _compiled(item)
            yield
        return entries
    return _compiled(value)


def _compiled(value: object) -> object:
    """The same value, with a closure for each expression in it."""
    if isinstance(value, Expression):
        return compile_checked(value.text, value.stage, value.wants)
    if isinstance(value, msgspec.Struct):
        inner = [(name, item, _compiled(item)) for name, item in _fields(value) if isinstance(item, (msgspec.Struct, tuple))]
        changed = {name: alive for name, item, alive in inner if alive is not item}
        return msgspec.structs.replace(value, **changed) if changed else value
    if isinstance(value, tuple):
        items = tuple(_compiled(item) for item in value)
        return items if any(made is not item for made, item in zip(items, value, strict=True)) else value
    return value


def _fields(value: msgspec.Struct) -> Iterator[tuple[str, object]]:
    return ((name, getattr(value, name)) for name in value.__struct_fields__)


def _parts(value: tuple[object, ...] | Mapping[str, object] | Mapping[str | None, tuple[int, ...]], size: int) -> Iterator[object]:
    if isinstance(value, tuple):
        yield from (value[at : at + size] for at in range(0, len(value), size))
        return
    items = list(value.items())
    yield from (dict(items[at : at + size]) for at in range(0, len(items), size))


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(_encode(value))


def _encode(value: object) -> bytes:
    return msgspec.msgpack.encode(value, enc_hook=_plain)


def _plain(value: object) -> object:
    """Closures are left behind; numbers that carry their text (`YamlFloat`) go as numbers."""
    if isinstance(value, float):
        return float(value)
    if callable(value):
        return None
    raise TypeError(f"a snapshot holds no {type(value).__name__}")


def _no_closure(_type: object, _value: object) -> object:
    return _not_compiled


def _not_compiled(_values: object) -> object:
    raise AssertionError("an expression is compiled before its snapshot is used")
