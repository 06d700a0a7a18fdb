"""Checks the types of an expression against a stage's variables and makes its closure, in one walk over its tree.

All problems of one expression are found together; a part that is wrong counts as a value of any type from there on.
"""

import difflib
from collections.abc import Mapping
from typing import Final

import msgspec
import re2

from orchvynt.language.expressions import closures
from orchvynt.language.expressions.closures import Run
from orchvynt.language.expressions.syntax import (
    Binary,
    Call,
    Conditional,
    Expr,
    ExpressionError,
    Has,
    Index,
    ListOf,
    Literal,
    Logical,
    Member,
    Name,
    Quantified,
    Unary,
)
from orchvynt.language.kinds import Type, joined, may_be, may_equal
from orchvynt.language.variables import LATER_FUNCTIONS, LATER_VARIABLES, Variable

TEXT_METHODS: Final = ("startsWith", "endsWith", "contains", "matches")
FUNCTIONS: Final = ("size", "has", "exists", "all", *TEXT_METHODS)
_REGEX_BYTES_MAX: Final = 1 << 20
_LITERAL_TYPES: Final = {bool: Type.BOOL, str: Type.STRING, float: Type.NUMBER, type(None): Type.NULL}


class Code(msgspec.Struct, frozen=True, gc=False):
    """One checked part. `variable` is set where it is exactly one variable, `literal` where it is exactly one literal."""

    type: Type
    run: Run
    variable: str = ""
    literal: Literal | None = None


class Checker:
    """`names` are the variables that were read, `keys` the keys of the context, `problems` what is wrong."""

    def __init__(self, table: Mapping[str, Variable]) -> None:
        self._table = table
        self._roots = {name.split(".")[0] for name in table}
        self._bound: dict[str, Type] = {}
        self.names: set[str] = set()
        self.keys: set[str] = set()
        self.problems: list[ExpressionError] = []
        self.needs_meter = False

    def check(self, node: Expr) -> Code:
        match node:
            case Literal():
                return Code(_LITERAL_TYPES[type(node.value)], closures.constant(node.value), literal=node)
            case Name():
                return self._name(node)
            case Member():
                return self._member(node)
            case Logical():
                return self._logical(node)
            case Binary():
                return self._binary(node)
            case Unary():
                return self._unary(node)
            case Call():
                return self._call(node)
            case Conditional():
                return self._conditional(node)
            case ListOf():
                return self._list(node)
            case Index():
                return self._index(node)
            case Has():
                return self._has(node)
            case Quantified():
                return self._quantified(node)

    def boolean(self, node: Expr, what: str) -> Run:
        """The closure of a part that must be a boolean."""
        code = self.check(node)
        if code.type is Type.ANY:
            if not self.problems:
                self._problem(node, f"{what} must be a boolean; a value of the context has no declared type", "Compare it: == true.")
        elif code.type is not Type.BOOL:
            help = {Type.STRING: 'Compare it: != "".', Type.NUMBER: "Compare it: > 0.", Type.STRINGS: "Ask for an item: 'x' in flags."}
            self._problem(node, f"{what} must be a boolean, not {code.type.value}", help.get(code.type, "Compare it with something."))
        return code.run

    def _problem(self, node: Expr, message: str, help: str = "") -> Code:
        self.problems.append(ExpressionError(node.start, node.end, message, help))
        return Code(Type.ANY, closures.constant(None))

    def _name(self, node: Name) -> Code:
        if node.name in self._bound:
            return Code(self._bound[node.name], closures.variable(f"${node.name}"))
        if node.name in self._table:
            return self._variable(node.name)
        if node.name in self._roots:
            members = sorted(name for name in self._table if name.startswith(f"{node.name}."))
            return self._problem(node, f"`{node.name}` is not a value by itself", f"It has {', '.join(members)}.")
        return self._unknown(node, node.name)

    def _unknown(self, node: Expr, name: str) -> Code:
        root = name.split(".")[0]
        if name in LATER_VARIABLES or (root in LATER_VARIABLES and root not in self._roots):
            return self._problem(node, f"not supported yet: `{name}` ({LATER_VARIABLES.get(name) or LATER_VARIABLES[root]})")
        near = difflib.get_close_matches(name, [*self._table, *self._bound], n=1, cutoff=0.6)
        help = f"Did you mean `{near[0]}`?" if near else f"Known here: {', '.join(sorted(self._roots))}."
        if root == "output" and root not in self._roots:
            help = "The answer is known to gates of stage output only."
        return self._problem(node, f"unknown name `{name}`", help)

    def _variable(self, name: str) -> Code:
        self.names.add(name)
        return Code(self._table[name].type, closures.variable(name), variable=name)

    def _member(self, node: Member) -> Code:
        if isinstance(node.target, Name) and node.target.name not in self._bound:
            root, dotted = node.target.name, f"{node.target.name}.{node.field}"
            if dotted in self._table:
                return self._variable(dotted)
            if root not in self._table:
                return self._unknown(node, dotted if root in self._roots or root in LATER_VARIABLES or root == "output" else root)
            if self._table[root].type is Type.MAP:
                return self._context_key(root, node.field)
        target = self.check(node.target)
        if not may_be(target.type, "map"):
            return self._problem(node, f"{target.type.value} has no member `{node.field}`")
        return Code(Type.ANY, closures.member(target.run, node.field))

    def _context_key(self, root: str, key: str) -> Code:
        self.names.add(root)
        self.keys.add(f"{root}.{key}")
        return Code(Type.ANY, closures.of_context(root, key))

    def _index(self, node: Index) -> Code:
        if isinstance(node.target, Name) and isinstance(node.key, Literal) and isinstance(node.key.value, str):
            known = self._table.get(node.target.name)
            if known is not None and known.type is Type.MAP and node.target.name not in self._bound:
                return self._context_key(node.target.name, node.key.value)
        target, key = self.check(node.target), self.check(node.key)
        if not (may_be(target.type, "map") and may_be(key.type, "string")) and not (
            may_be(target.type, "list") and may_be(key.type, "number")
        ):
            return self._problem(node, f"{target.type.value} cannot be indexed by {key.type.value}")
        return Code(Type.STRING if target.type is Type.STRINGS else Type.ANY, closures.indexed(target.run, key.run))

    def _has(self, node: Has) -> Code:
        code = self._member(node.member)
        if code.type is not Type.ANY:
            return self._problem(node, f"`{code.variable}` always exists; `has` asks for keys of the context", "Compare it instead.")
        return Code(Type.BOOL, closures.present(code.run))

    def _logical(self, node: Logical) -> Code:
        operands = tuple(self.boolean(operand, f"each side of `{node.operator}`") for operand in node.operands)
        return Code(Type.BOOL, closures.logical(node.operator, operands))

    def _unary(self, node: Unary) -> Code:
        if node.operator == "!":
            return Code(Type.BOOL, closures.different(self.boolean(node.operand, "what `!` turns round")))
        code = self.check(node.operand)
        if not may_be(code.type, "number"):
            return self._problem(node, f"`-` needs a number, not {code.type.value}")
        return Code(Type.NUMBER, closures.negative(code.run))

    def _binary(self, node: Binary) -> Code:
        left, right = self.check(node.left), self.check(node.right)
        if node.operator in ("==", "!="):
            return self._equality(node, left, right)
        if node.operator == "in":
            return self._membership(node, left, right)
        if node.operator in ("<", "<=", ">", ">="):
            if not any(may_be(left.type, kind) and may_be(right.type, kind) for kind in ("number", "string")):
                return self._problem(node, f"`{node.operator}` cannot order {left.type.value} and {right.type.value}")
            simple = left.type is right.type and left.type in (Type.NUMBER, Type.STRING)
            return Code(Type.BOOL, closures.ordered(node.operator, left.run, right.run, simple))
        return self._arithmetic(node, left, right)

    def _equality(self, node: Binary, left: Code, right: Code) -> Code:
        if not may_equal(left.type, right.type):
            help = 'An absent text is "".' if Type.NULL in (left.type, right.type) else ""
            return self._problem(node, f"{left.type.value} is never equal to {right.type.value}", help)
        if left.type is Type.STRING and left.variable and right.literal is not None and isinstance(right.literal.value, str):
            run = closures.variable_is(left.variable, right.literal.value)
        else:
            text = Type.STRING in (left.type, right.type)
            simple = text or (left.type is right.type and left.type in (Type.NUMBER, Type.BOOL))
            run = closures.same(left.run, right.run, simple)
        return Code(Type.BOOL, closures.different(run) if node.operator == "!=" else run)

    def _membership(self, node: Binary, left: Code, right: Code) -> Code:
        if right.type is Type.STRING:
            return self._problem(node, "`in` needs a list or a map on its right, not a string", "Write text.contains('x').")
        if not may_be(right.type, "list") and not may_be(right.type, "map"):
            return self._problem(node, f"`in` needs a list or a map on its right, not {right.type.value}")
        if right.type in (Type.STRINGS, Type.MAP) and not may_be(left.type, "string"):
            return self._problem(node, f"{left.type.value} is never in {right.type.value}")
        if right.type is Type.STRINGS and right.variable and left.literal is not None and isinstance(left.literal.value, str):
            return Code(Type.BOOL, closures.string_in(left.literal.value, right.variable))
        if right.type is Type.MAP and left.literal is not None:
            self.keys.add(f"{right.variable}.{left.literal.value}")
        self.needs_meter = True
        return Code(Type.BOOL, closures.contained(left.run, right.run))

    def _arithmetic(self, node: Binary, left: Code, right: Code) -> Code:
        run = closures.calculated(node.operator, left.run, right.run)
        if may_be(left.type, "number") and may_be(right.type, "number"):
            both_open = node.operator == "+" and left.type is right.type is Type.ANY
            return Code(Type.ANY if both_open else Type.NUMBER, run)
        if node.operator == "+" and may_be(left.type, "string") and may_be(right.type, "string"):
            return Code(Type.STRING, run)
        return self._problem(node, f"`{node.operator}` cannot take {left.type.value} and {right.type.value}")

    def _conditional(self, node: Conditional) -> Code:
        condition = self.boolean(node.condition, "the condition before `?`")
        then, otherwise = self.check(node.then), self.check(node.otherwise)
        both = joined(then.type, otherwise.type)
        if both is None:
            return self._problem(node, f"one side of `:` is {then.type.value}, the other is {otherwise.type.value}")
        return Code(both, closures.conditional(condition, then.run, otherwise.run))

    def _list(self, node: ListOf) -> Code:
        items = tuple(self.check(item) for item in node.items)
        strings = bool(items) and all(item.type is Type.STRING for item in items)
        return Code(Type.STRINGS if strings else Type.LIST, closures.list_of(tuple(item.run for item in items)))

    def _quantified(self, node: Quantified) -> Code:
        items = self.check(node.items)
        if not may_be(items.type, "list"):
            return self._problem(node, f"`{node.kind}` needs a list, not {items.type.value}")
        if node.name in self._roots or node.name in self._bound:
            return self._problem(node, f"`{node.name}` means something already", "Use another name for the items.")
        self._bound[node.name] = Type.STRING if items.type is Type.STRINGS else Type.ANY
        predicate = self.boolean(node.predicate, f"the condition of `{node.kind}`")
        del self._bound[node.name]
        self.needs_meter = True
        cost = 1 + (node.predicate.end - node.predicate.start) // 8
        return Code(Type.BOOL, closures.quantified(node.kind, items.run, f"${node.name}", predicate, cost))

    def _call(self, node: Call) -> Code:
        if node.function == "size" and len(node.arguments) == (1 if node.target is None else 0):
            return self._size(node, node.arguments[0] if node.target is None else node.target)
        if node.function in TEXT_METHODS and node.target is not None and len(node.arguments) == 1:
            return self._text_method(node, node.target, node.arguments[0])
        if node.function in LATER_FUNCTIONS:
            return self._problem(node, f"not supported yet: `{node.function}` ({LATER_FUNCTIONS[node.function]})")
        if node.function in FUNCTIONS:
            return self._problem(node, f"`{node.function}` is not called like this", "Write size(x) or text.contains('x').")
        near = difflib.get_close_matches(node.function, FUNCTIONS, n=1, cutoff=0.6)
        help = f"Did you mean `{near[0]}`?" if near else f"Functions: {', '.join(FUNCTIONS)}."
        return self._problem(node, f"unknown function `{node.function}`", help)

    def _size(self, node: Call, of: Expr) -> Code:
        target = self.check(of)
        if not any(may_be(target.type, kind) for kind in ("string", "list", "map")):
            return self._problem(node, f"`size` needs a string, a list or a map, not {target.type.value}")
        return Code(Type.NUMBER, closures.size(target.run))

    def _text_method(self, node: Call, of: Expr, with_: Expr) -> Code:
        target, argument = self.check(of), self.check(with_)
        for part in (target, argument):
            if not may_be(part.type, "string"):
                help = "Write 'x' in flags." if part.type is Type.STRINGS and node.function == "contains" else ""
                return self._problem(node, f"`{node.function}` needs strings, not {part.type.value}", help)
        if node.function != "matches":
            self.needs_meter = self.needs_meter or node.function == "contains"
            return Code(Type.BOOL, closures.text_method(node.function, target.run, argument.run))
        if argument.literal is None or not isinstance(argument.literal.value, str):
            return self._problem(with_, "the pattern of `matches` must be a literal string", "It is compiled when the policy is loaded.")
        self.needs_meter = True
        options = re2.Options()
        options.log_errors = False
        options.max_mem = _REGEX_BYTES_MAX
        try:
            return Code(Type.BOOL, closures.matches(target.run, re2.compile(argument.literal.value, options)))
        except (re2.error, UnicodeEncodeError) as error:
            said = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
            help = "Patterns are RE2's: no look-around, no back references (https://github.com/google/re2/wiki/Syntax)."
            return self._problem(with_, f"the pattern cannot be read: {said}", help)
