"""Reads a script file: YAML with positions, strict. Says what is wrong as `FILE:LINE:COL: message` and never guesses."""

import difflib
import re
from typing import Final

import msgspec
import yaml

from orchvynt.scripted.faults import Fault, decode_hook
from orchvynt.scripted.script import Answer, Match, Script
from orchvynt.scripted.shapes import Json

DOCUMENT_BYTES_MAX: Final = 4 << 20
NODES_MAX: Final = 200_000
DEPTH_MAX: Final = 60
_TAGS: Final = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp"))
_PLACE: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN: Final = re.compile(r"unknown field `(?P<name>[^`]*)`")
_WORDS: Final = sorted({name for kind in (Script, Answer, Match, Fault) for name in kind.__struct_fields__})

Marks = dict[str, tuple[int, int]]
"""Where each path of the document begins; line and column from 1. A path that ends in `!key` is a key itself."""


class ScriptError(Exception):
    """A script that cannot be used. The text is `FILE:LINE:COL: message`."""


def read_script(text: str, file: str = "script") -> Script:
    """Reads a whole script. An empty one is a script that always gives the default answer. Raises ScriptError."""
    if len(text.encode("utf-8", "surrogatepass")) > DOCUMENT_BYTES_MAX:
        raise ScriptError(f"{file}:1:1: a script has at most {DOCUMENT_BYTES_MAX} bytes; split it")
    loader = yaml.CSafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return Script()
        walk = _Walk(loader, file)
        plain = walk.plain(node, "$", 0)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ScriptError(f"{file}:{line}:{column}: not YAML: {getattr(error, 'problem', None) or error}") from error
    finally:
        loader.dispose()
    try:
        return msgspec.convert(_spell_out(plain), Script, dec_hook=decode_hook)
    except msgspec.ValidationError as error:
        raise ScriptError(_located(str(error), walk.marks, file)) from error


class _Walk:
    """Turns nodes into plain values and remembers where each began. Aliases count each time they are followed."""

    def __init__(self, loader: yaml.CSafeLoader, file: str) -> None:
        self._loader = loader
        self._file = file
        self._nodes = 0
        self.marks: Marks = {}

    def plain(self, node: yaml.Node, path: str, depth: int) -> Json:
        self._nodes += 1
        if self._nodes > NODES_MAX or depth > DEPTH_MAX:
            raise self._error(node, f"the script is larger than {NODES_MAX} values or nested deeper than {DEPTH_MAX}")
        if node.tag not in _TAGS:
            raise self._error(node, f"the tag {node.tag} is not used in scripts")
        self.marks[path] = _position(node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(part, f"{path}[{at}]", depth + 1) for at, part in enumerate(node.value)]
        if node.tag == "tag:yaml.org,2002:timestamp":
            return node.value
        return self._loader.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, path: str, depth: int) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, "a key is a plain word")
            key = str(key_node.value)
            if key in found:
                raise self._error(key_node, f"`{key}` is given twice; keep one")
            self.marks[f"{path}.{key}!key"] = _position(key_node)
            found[key] = self.plain(value_node, f"{path}.{key}", depth + 1)
        return found

    def _error(self, node: yaml.Node, message: str) -> ScriptError:
        line, column = _position(node)
        return ScriptError(f"{self._file}:{line}:{column}: {message}")


def _position(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _spell_out(plain: Json) -> Json:
    """`fault: silent` becomes `fault: {silent: true}` wherever a fault may stand."""
    if not isinstance(plain, dict):
        return plain
    for entry in (*_entries(plain.get("answers")), *_entries([plain.get("otherwise")])):
        if isinstance(entry.get("fault"), str):
            entry["fault"] = {entry["fault"]: True}
    faults = plain.get("faults")
    if isinstance(faults, dict):
        plain["faults"] = {name: {fault: True} if isinstance(fault, str) else fault for name, fault in faults.items()}
    return plain


def _entries(value: Json) -> list[dict[str, Json]]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _located(error: str, marks: Marks, file: str) -> str:
    """Puts the position of the offending text before a message that ends in ``- at `$.a[0].b` ``."""
    match = _PLACE.match(error)
    what, path = (match["what"], match["path"] or "$") if match else (error, "$")
    unknown = _UNKNOWN.search(what)
    place = f"{path}.{unknown['name']}!key" if unknown else path
    while place not in marks and place != "$":
        cut = max(place.rfind("."), place.rfind("["))
        place = place[:cut] if cut > 0 else "$"
    line, column = marks.get(place, (1, 1))
    if unknown:
        near = difflib.get_close_matches(unknown["name"], _WORDS, n=1)
        return f"{file}:{line}:{column}: `{unknown['name']}` is not a field here" + (f"; did you mean `{near[0]}`?" if near else "")
    return f"{file}:{line}:{column}: {what[:1].lower()}{what[1:]}" + (f" (at {path.removeprefix('$.')})" if path != "$" else "")
