"""Reads an expression into its syntax tree: the subset of CEL that policies use, by recursive descent, bounded in depth and size."""

from collections.abc import Callable
from typing import Final
from typing import Literal as Literal_

from orchvynt.language.expressions.lexer import Token, meant, tokens
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

DEPTH_MAX: Final = 32
NODES_MAX: Final = 256
QUANTIFIERS_MAX: Final = 4

_BINDS: Final = {
    **dict.fromkeys(("||",), 1),
    **dict.fromkeys(("&&",), 2),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
}
_LOOSEST: Final = 1
_WORD_VALUES: Final = {"true": True, "false": False, "null": None}
_LATER_MACROS: Final = frozenset({"exists_one", "existsOne", "map", "filter"})


def parse(text: str) -> Expr:
    """The tree. Raises ExpressionError with the place of what is wrong."""
    return _Parser(tokens(text)).whole()


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0
        self._depth = 0
        self._nodes = 0
        self._quantifiers = 0

    def whole(self) -> Expr:
        if len(self._tokens) == 1:
            raise ExpressionError(0, 0, "the expression is empty", "Leave `when` out to match everything.")
        tree = self._expression()
        if self._here.kind != "end":
            raise self._unexpected()
        return tree

    @property
    def _here(self) -> Token:
        return self._tokens[self._at]

    def _unexpected(self) -> ExpressionError:
        token = self._here
        if token.kind == "end":
            return ExpressionError(token.start, token.end, "the expression ends too early")
        before = self._tokens[self._at - 1] if self._at else token
        words = [meant(str(one.value)) for one in (token, before) if one.kind == "name"]
        help = next((f"Did you mean `{word}`?" for word in words if word), "")
        shown = f"`{token.value}`" if token.kind in ("name", "operator") else f"the {token.kind}"
        return ExpressionError(token.start, token.end, f"unexpected {shown}", help)

    def _take(self, *operators: str) -> Token | None:
        token = self._here
        if token.kind == "operator" and token.value in operators:
            self._at += 1
            return token
        return None

    def _expect(self, operator: str) -> Token:
        token = self._take(operator)
        if token is None:
            found = self._unexpected()
            raise ExpressionError(found.start, found.end, f"{found}, `{operator}` belongs here", found.help)
        return token

    def _made(self, node: Expr) -> Expr:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise ExpressionError(node.start, node.end, f"the expression has more than {NODES_MAX} parts")
        return node

    def _deeper(self, read: Callable[[], Expr]) -> Expr:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise ExpressionError(self._here.start, self._here.end, f"nested deeper than {DEPTH_MAX} levels")
        node = read()
        self._depth -= 1
        return node

    def _expression(self) -> Expr:
        return self._deeper(self._conditional)

    def _conditional(self) -> Expr:
        condition = self._binary(_LOOSEST)
        if not self._take("?"):
            return condition
        then = self._expression()
        self._expect(":")
        otherwise = self._expression()
        return self._made(Conditional(condition.start, otherwise.end, condition, then, otherwise))

    def _binary(self, loosest: int) -> Expr:
        """Operators that bind at least that tightly, by precedence climbing."""
        left = self._unary()
        while True:
            token = self._here
            operator = str(token.value)
            binds = _BINDS.get(operator, 0) if token.kind == "operator" or (token.kind == "name" and operator == "in") else 0
            if binds < loosest:
                return left
            self._at += 1
            right = self._binary(binds + 1)
            if operator in ("&&", "||"):
                left = self._chain(operator, left, right)
            else:
                left = self._made(Binary(left.start, right.end, operator, left, right))

    def _chain(self, operator: str, *first: Expr) -> Expr:
        operands = [*first]
        while self._take(operator):
            operands.append(self._binary(_BINDS[operator] + 1))
        kind: Literal_["&&", "||"] = "&&" if operator == "&&" else "||"
        return self._made(Logical(operands[0].start, operands[-1].end, kind, tuple(operands)))

    def _unary(self) -> Expr:
        token = self._take("!", "-")
        if token is None:
            return self._postfix()
        operand = self._deeper(self._unary)
        if token.value == "-" and isinstance(operand, Literal) and isinstance(operand.value, float):
            return Literal(token.start, operand.end, -operand.value)
        return self._made(Unary(token.start, operand.end, "!" if token.value == "!" else "-", operand))

    def _postfix(self) -> Expr:
        node = self._primary()
        for _ in range(DEPTH_MAX):
            if self._take("."):
                node = self._after_dot(node)
            elif self._take("["):
                key = self._expression()
                node = self._made(Index(node.start, self._expect("]").end, node, key))
            else:
                return node
        raise ExpressionError(self._here.start, self._here.end, f"nested deeper than {DEPTH_MAX} levels")

    def _after_dot(self, target: Expr) -> Expr:
        token = self._here
        if token.kind != "name":
            raise self._unexpected()
        self._at += 1
        name = str(token.value)
        if not self._take("("):
            return self._made(Member(target.start, token.end, target, name))
        if name in ("exists", "all"):
            return self._quantified(target, name, token)
        if name in _LATER_MACROS:
            raise ExpressionError(token.start, token.end, f"not supported yet: the macro `{name}`", "`exists` and `all` are.")
        arguments, end = self._list_until(")")
        return self._made(Call(target.start, end, name, target, arguments))

    def _quantified(self, target: Expr, kind: str, token: Token) -> Expr:
        self._quantifiers += 1
        if self._quantifiers > QUANTIFIERS_MAX:
            raise ExpressionError(token.start, token.end, f"more than {QUANTIFIERS_MAX} of `exists` and `all` in one expression")
        name = self._here
        if name.kind != "name" or name.value in _WORD_VALUES or name.value == "in":
            raise ExpressionError(name.start, name.end, f"`{kind}` needs a name and a condition", f"Write flags.{kind}(f, f == 'x').")
        self._at += 1
        self._expect(",")
        predicate = self._expression()
        end = self._expect(")").end
        return self._made(Quantified(target.start, end, "exists" if kind == "exists" else "all", target, str(name.value), predicate))

    def _list_until(self, closing: str) -> tuple[tuple[Expr, ...], int]:
        items: list[Expr] = []
        while not (end := self._take(closing)):
            if items:
                self._expect(",")
                if closing == "]" and (end := self._take(closing)):
                    break
            items.append(self._expression())
        return tuple(items), end.end

    def _primary(self) -> Expr:
        token = self._here
        if token.kind in ("string", "number"):
            self._at += 1
            return self._made(Literal(token.start, token.end, token.value))
        if token.kind == "name" and token.value != "in":
            self._at += 1
            return self._named(token)
        if self._take("["):
            items, end = self._list_until("]")
            return self._made(ListOf(token.start, end, items))
        if self._take("("):
            inner = self._expression()
            self._expect(")")
            return inner
        raise self._unexpected()

    def _named(self, token: Token) -> Expr:
        name = str(token.value)
        if name in _WORD_VALUES:
            return self._made(Literal(token.start, token.end, _WORD_VALUES[name]))
        if not self._take("("):
            return self._made(Name(token.start, token.end, name))
        arguments, end = self._list_until(")")
        if name != "has":
            return self._made(Call(token.start, end, name, None, arguments))
        if len(arguments) != 1 or not isinstance(arguments[0], Member):
            raise ExpressionError(token.start, end, "`has` takes one member", "Write has(context.x).")
        return self._made(Has(token.start, end, arguments[0]))
