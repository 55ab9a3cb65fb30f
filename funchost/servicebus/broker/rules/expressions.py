"""Reads a rule's expression into nested functions, which are then called for each message."""

from typing import get_args

from funchost.servicebus.broker.interface import SystemProperty
from funchost.servicebus.broker.rules.nodes import (
    SYSTEM_PROPERTIES,
    Predicate,
    Property,
    Value,
    compare,
    compute,
    conjunction,
    constant,
    disjunction,
    membership,
    named_property,
    negation,
    new_id,
)
from funchost.servicebus.broker.rules.tokens import RuleSyntaxError, Token, tokenize
from funchost.servicebus.broker.rules.values import COMPARISONS, like, negate, plus

__all__ = ["MAX_EXPRESSION_LENGTH", "ExpressionParser", "parse_predicate"]

MAX_EXPRESSION_LENGTH = 1024
"""Characters, the vendor's limit."""

_MAX_DEPTH = 64
"""Of parentheses and unary operators; far from the interpreter's own limit."""


def parse_predicate(text: str) -> Predicate:
    """Raises RuleSyntaxError, which says where and why."""
    parser = ExpressionParser(text)
    predicate = parser.predicate()
    parser.expect_end()
    return predicate


class ExpressionParser:
    """By recursive descent, one method per level of binding. An operand is either a predicate or a
    value, told apart by what `_Parsed` holds, because `(` may begin both."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_EXPRESSION_LENGTH:
            raise RuleSyntaxError(
                f"it is {len(text)} characters long; {MAX_EXPRESSION_LENGTH} are allowed"
            )
        self._tokens = list(tokenize(text))
        self._place = 0
        self._depth = 0

    def predicate(self) -> Predicate:
        return self._as_predicate(self._disjunction())

    def value(self) -> Value:
        return self._as_value(self._sum())

    def reference(self) -> Property:
        """`[scope.]name`. Raises RuleSyntaxError for a system property that does not exist."""
        token = self._take_name()
        if not self._accept_symbol("."):
            return Property(token.text)
        name = self._take_name()
        match token.text.lower():
            case "user":
                return Property(name.text)
            case "sys" if name.text.lower() in SYSTEM_PROPERTIES:
                return Property(name.text, SYSTEM_PROPERTIES[name.text.lower()])
            case "sys":
                raise RuleSyntaxError(
                    f"there is no system property '{name.text}' (at {name.position}); known are "
                    + ", ".join(get_args(SystemProperty))
                )
            case _:
                raise RuleSyntaxError(
                    f"the scope '{token.text}' at {token.position} is neither 'sys' nor 'user'"
                )

    def accept_keyword(self, *keywords: str) -> bool:
        """Steps over all of them, or over none."""
        coming = self._tokens[self._place : self._place + len(keywords)]
        if [(token.kind, token.text) for token in coming] != [("keyword", k) for k in keywords]:
            return False
        self._place += len(keywords)
        return True

    def accept_separator(self) -> bool:
        return self._accept_symbol(";") is not None

    def expect_symbol(self, symbol: str) -> None:
        if not self._accept_symbol(symbol):
            raise self.unexpected(f"'{symbol}'")

    def expect_end(self) -> None:
        if not self.at_end():
            raise self.unexpected("nothing more")

    def at_end(self) -> bool:
        return self._next.kind == "end"

    def unexpected(self, wanted: str) -> RuleSyntaxError:
        token = self._next
        if token.kind == "end":
            return RuleSyntaxError(f"it ends where {wanted} is expected")
        return RuleSyntaxError(f"'{token.text}' at {token.position}, where {wanted} is expected")

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._next
        self._place += 1
        return token

    def _take_name(self) -> Token:
        if self._next.kind != "name":
            raise self.unexpected("the name of a property")
        return self._take()

    def _accept_symbol(self, *symbols: str) -> str | None:
        if self._next.kind == "symbol" and self._next.text in symbols:
            return self._take().text
        return None

    def _disjunction(self) -> "_Parsed":
        parsed = self._conjunction()
        while self.accept_keyword("OR"):
            parsed = _Parsed(
                predicate=disjunction(
                    self._as_predicate(parsed), self._as_predicate(self._conjunction())
                )
            )
        return parsed

    def _conjunction(self) -> "_Parsed":
        parsed = self._negation()
        while self.accept_keyword("AND"):
            parsed = _Parsed(
                predicate=conjunction(
                    self._as_predicate(parsed), self._as_predicate(self._negation())
                )
            )
        return parsed

    def _negation(self) -> "_Parsed":
        if not self.accept_keyword("NOT"):
            return self._comparison()
        self._deepen()
        operand = self._as_predicate(self._negation())
        self._depth -= 1
        return _Parsed(predicate=negation(operand))

    def _comparison(self) -> "_Parsed":
        if self.accept_keyword("EXISTS"):
            self.expect_symbol("(")
            exists = self.reference().exists
            self.expect_symbol(")")
            return _Parsed(predicate=exists)
        parsed = self._sum()
        if symbol := self._accept_symbol(*COMPARISONS):
            left, right = self._as_value(parsed), self._as_value(self._sum())
            return _Parsed(predicate=compare(symbol, left, right))
        if self.accept_keyword("IS"):
            return _Parsed(predicate=self._null_test(self._as_value(parsed)))
        if self.accept_keyword("NOT", "IN"):
            return _Parsed(predicate=negation(self._membership(self._as_value(parsed))))
        if self.accept_keyword("IN"):
            return _Parsed(predicate=self._membership(self._as_value(parsed)))
        if self.accept_keyword("NOT", "LIKE"):
            return _Parsed(predicate=negation(self._likeness(self._as_value(parsed))))
        if self.accept_keyword("LIKE"):
            return _Parsed(predicate=self._likeness(self._as_value(parsed)))
        return parsed

    def _null_test(self, operand: Value) -> Predicate:
        if not isinstance(operand, Property):
            raise self.unexpected("a test of a property: IS NULL takes nothing else")
        wanted = not self.accept_keyword("NOT")
        if not self.accept_keyword("NULL"):
            raise self.unexpected("NULL")
        return lambda properties: (operand(properties) is None) is wanted

    def _membership(self, operand: Value) -> Predicate:
        self.expect_symbol("(")
        choices = [self.value()]
        while self._accept_symbol(","):
            choices.append(self.value())
        self.expect_symbol(")")
        return membership(operand, choices)

    def _likeness(self, operand: Value) -> Predicate:
        pattern = self.value()
        escape = self.value() if self.accept_keyword("ESCAPE") else constant("")
        return lambda properties: like(operand(properties), pattern(properties), escape(properties))

    def _sum(self) -> "_Parsed":
        parsed = self._product()
        while symbol := self._accept_symbol("+", "-"):
            left, right = self._as_value(parsed), self._as_value(self._product())
            parsed = _Parsed(value=compute(symbol, left, right))
        return parsed

    def _product(self) -> "_Parsed":
        parsed = self._unary()
        while symbol := self._accept_symbol("*", "/", "%"):
            left, right = self._as_value(parsed), self._as_value(self._unary())
            parsed = _Parsed(value=compute(symbol, left, right))
        return parsed

    def _unary(self) -> "_Parsed":
        symbol = self._accept_symbol("+", "-")
        if symbol is None:
            return self._primary()
        self._deepen()
        operand = self._as_value(self._unary())
        self._depth -= 1
        apply = plus if symbol == "+" else negate
        return _Parsed(value=lambda properties: apply(operand(properties)))

    def _primary(self) -> "_Parsed":
        if self._accept_symbol("("):
            self._deepen()
            parsed = self._disjunction()
            self._depth -= 1
            self.expect_symbol(")")
            return parsed
        if self._next.kind == "constant":
            return _Parsed(value=constant(self._take().value))
        for keyword, meaning in (("TRUE", True), ("FALSE", False), ("NULL", None)):
            if self.accept_keyword(keyword):
                return _Parsed(value=constant(meaning))
        if self._next.kind != "name":
            raise self.unexpected("a property, a constant or '('")
        following = self._tokens[self._place + 1]
        if not self._next.quoted and (following.kind, following.text) == ("symbol", "("):
            return _Parsed(value=self._function())
        return _Parsed(value=self.reference())

    def _function(self) -> Value:
        token = self._take()
        self.expect_symbol("(")
        match token.text.lower():
            case "newid":
                self.expect_symbol(")")
                return new_id
            case "property" | "p":
                name = self.value()
                self.expect_symbol(")")
                return named_property(name)
            case _:
                raise RuleSyntaxError(
                    f"there is no function '{token.text}' (at {token.position}); known are "
                    "newid and property"
                )

    def _deepen(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise RuleSyntaxError(f"it is nested more than {_MAX_DEPTH} deep")

    def _as_predicate(self, parsed: "_Parsed") -> Predicate:
        if parsed.predicate is None:
            raise self.unexpected("a comparison")
        return parsed.predicate

    def _as_value(self, parsed: "_Parsed") -> Value:
        if parsed.value is None:
            raise self.unexpected("AND, OR or the end, since a comparison has no value")
        return parsed.value


class _Parsed:
    """One of the two is set."""

    def __init__(self, *, predicate: Predicate | None = None, value: Value | None = None) -> None:
        self.predicate = predicate
        self.value = value
