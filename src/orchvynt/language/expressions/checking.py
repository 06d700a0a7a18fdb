"""Checks the types of an expression against a stage's variables and makes its closure, in one walk over its tree.

All problems of one expression are found together; a part that is wrong counts as a value of any type from there on.
"""

from typing import Final

from orchvynt.language.expressions import closures
from orchvynt.language.expressions import syntax as ast
from orchvynt.language.expressions.calls import called
from orchvynt.language.expressions.closures import Run
from orchvynt.language.expressions.comparing import binary
from orchvynt.language.expressions.findings import Code, Findings, has_members
from orchvynt.language.expressions.syntax import Expr
from orchvynt.language.kinds import Type, joined, may_be
from orchvynt.language.snapshot import Wanted
from orchvynt.language.variables import Stage

_LITERAL_TYPES: Final = {bool: Type.BOOL, str: Type.STRING, float: Type.NUMBER, type(None): Type.NULL}
_BOOLEAN_HELP: Final = {Type.STRING: 'Compare it: != "".', Type.NUMBER: "Compare it: > 0.", Type.STRINGS: "Ask for an item: 'x' in flags."}


class Checker:
    """`found` gathers what the expression reads, and what is wrong with it."""

    def __init__(self, stage: Stage) -> None:
        self.found: Final = Findings(stage)

    def wanted(self, tree: Expr, wants: Wanted) -> Run:
        """The closure of the whole expression, which must give what is wanted of it."""
        if wants == "boolean":
            return self.boolean(tree, "the condition")
        code = self.check(tree)
        if wants == "number" and code.type not in (Type.NUMBER, Type.OPTIONAL_NUMBER) and not self.found.problems:
            help = "Calculate with it: context.x + 0." if code.type is Type.ANY else "Name a number, such as `cost`."
            self.found.problem(tree, f"the expression must give a number, not {code.type.value}", help)
        elif wants == "scalar" and code.type in (Type.STRINGS, Type.LIST, Type.MAP, Type.NULL):
            help = (
                "Name one of its keys: context.x." if code.type is Type.MAP else "Name a single value, such as `run` or `context.customer`."
            )
            self.found.problem(tree, f"the expression must give a single value, not {code.type.value}", help)
        return code.run

    def boolean(self, node: Expr, what: str) -> Run:
        """The closure of a part that must be a boolean."""
        code = self.check(node)
        if code.type is Type.ANY:
            if not self.found.problems:
                said = f"{what} must be a boolean; a value of the context has no declared type"
                self.found.problem(node, said, "Compare it: == true.")
        elif code.type is not Type.BOOL:
            help = _BOOLEAN_HELP.get(code.type, "Compare it with something.")
            self.found.problem(node, f"{what} must be a boolean, not {code.type.value}", help)
        return code.run

    def check(self, node: Expr) -> Code:
        match node:
            case ast.Literal():
                return Code(_LITERAL_TYPES[type(node.value)], closures.constant(node.value), literal=node)
            case ast.Name():
                return self._name(node)
            case ast.Member():
                return self._member(node)
            case ast.Logical():
                operands = tuple(self.boolean(operand, f"each side of `{node.operator}`") for operand in node.operands)
                return Code(Type.BOOL, closures.logical(node.operator, operands))
            case ast.Binary():
                return binary(self.found, node, self.check(node.left), self.check(node.right))
            case ast.Unary():
                return self._unary(node)
            case ast.Call():
                target = self.check(node.target) if node.target is not None else None
                return called(self.found, node, target, tuple(self.check(argument) for argument in node.arguments))
            case ast.Conditional():
                return self._conditional(node)
            case ast.ListOf():
                return self._list(node)
            case ast.Index():
                return self._index(node)
            case ast.Has():
                return self._has(node)
            case ast.Quantified():
                return self._quantified(node)

    def _name(self, node: ast.Name) -> Code:
        found = self.found
        if node.name in found.bound:
            return Code(found.bound[node.name], closures.variable(f"${node.name}"))
        if node.name in found.table:
            return self._variable(node.name)
        if found.is_root(node.name):
            members = sorted(name for name in found.table if name.startswith(f"{node.name}."))
            return found.problem(node, f"`{node.name}` is not a value by itself", f"It has {', '.join(members)}.")
        return found.unknown(node, node.name)

    def _variable(self, name: str) -> Code:
        self.found.names.add(name)
        return Code(self.found.table[name].type, closures.variable(name), variable=name)

    def _member(self, node: ast.Member) -> Code:
        found = self.found
        if isinstance(node.target, ast.Name) and node.target.name not in found.bound:
            root, dotted = node.target.name, f"{node.target.name}.{node.field}"
            if dotted in found.table:
                return self._variable(dotted)
            if root not in found.table:
                return found.unknown(node, dotted) if has_members(root) else found.unknown(node.target, root)
        return self._below(node, self.check(node.target), node.field)

    def _below(self, node: Expr, target: Code, key: str) -> Code:
        """`target.key`, and the same written as `target["key"]`."""
        if not may_be(target.type, "map"):
            return self.found.problem(node, f"{target.type.value} has no member `{key}`")
        if target.type is Type.MAP and target.variable:
            self.found.keys.add(f"{target.variable}.{key}")
            return Code(Type.ANY, closures.key_of(target.variable, key), key=(target.variable, key))
        return Code(Type.ANY, closures.member(target.run, key))

    def _index(self, node: ast.Index) -> Code:
        target, key = self.check(node.target), self.check(node.key)
        if key.text is not None and may_be(target.type, "map"):
            return self._below(node, target, key.text)
        by_key = may_be(target.type, "map") and may_be(key.type, "string")
        if not by_key and not (may_be(target.type, "list") and may_be(key.type, "number")):
            return self.found.problem(node, f"{target.type.value} cannot be indexed by {key.type.value}")
        return Code(Type.STRING if target.type is Type.STRINGS else Type.ANY, closures.indexed(target.run, key.run))

    def _has(self, node: ast.Has) -> Code:
        code = self._member(node.member)
        if code.type is not Type.ANY:
            said = f"`{code.variable}` always exists; `has` asks for keys of the context"
            return self.found.problem(node, said, "Compare it instead.")
        return Code(Type.BOOL, closures.present(code.run))

    def _unary(self, node: ast.Unary) -> Code:
        if node.operator == "!":
            return Code(Type.BOOL, closures.different(self.boolean(node.operand, "what `!` turns round")))
        code = self.check(node.operand)
        if not may_be(code.type, "number"):
            return self.found.problem(node, f"`-` needs a number, not {code.type.value}")
        return Code(Type.NUMBER, closures.negative(code.run))

    def _conditional(self, node: ast.Conditional) -> Code:
        condition = self.boolean(node.condition, "the condition before `?`")
        then, otherwise = self.check(node.then), self.check(node.otherwise)
        both = joined(then.type, otherwise.type)
        if both is None:
            return self.found.problem(node, f"one side of `:` is {then.type.value}, the other is {otherwise.type.value}")
        return Code(both, closures.conditional(condition, then.run, otherwise.run))

    def _list(self, node: ast.ListOf) -> Code:
        codes = tuple(self.check(item) for item in node.items)
        strings = bool(codes) and all(code.type is Type.STRING for code in codes)
        values = tuple(code.literal.value for code in codes if code.literal is not None)
        items = values if len(values) == len(codes) else None
        return Code(Type.STRINGS if strings else Type.LIST, closures.list_of(tuple(code.run for code in codes)), items=items)

    def _quantified(self, node: ast.Quantified) -> Code:
        found = self.found
        items = self.check(node.items)
        if not may_be(items.type, "list") and not may_be(items.type, "map"):
            return found.problem(node, f"`{node.kind}` needs a list or a map, not {items.type.value}")
        if found.is_root(node.name) or node.name in found.bound:
            return found.problem(node, f"`{node.name}` means something already", "Use another name for the items.")
        found.bound[node.name] = Type.STRING if items.type in (Type.STRINGS, Type.MAP) else Type.ANY
        predicate = self.boolean(node.predicate, f"the condition of `{node.kind}`")
        del found.bound[node.name]
        found.needs_meter = True
        cost = 1 + (node.predicate.end - node.predicate.start) // 8
        return Code(Type.BOOL, closures.quantified(node.kind, items.run, f"${node.name}", predicate, cost))
