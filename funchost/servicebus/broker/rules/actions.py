"""What a rule does to its copy of a message: `SET user.priority = 3; REMOVE sys.ReplyTo`. The
language is documented by Service Bus as "Subscription rule SQL action syntax"."""

from collections.abc import Callable
from dataclasses import dataclass, field

from funchost.servicebus.broker.interface import (
    MessageChanges,
    MessageProperties,
    PropertyValue,
    SystemProperty,
)
from funchost.servicebus.broker.rules.expressions import ExpressionParser
from funchost.servicebus.broker.rules.nodes import Property, Value
from funchost.servicebus.broker.rules.tokens import RuleSyntaxError
from funchost.servicebus.broker.rules.values import EvaluationError

__all__ = ["Action", "parse_action"]

_MAX_STATEMENTS = 32

Action = Callable[[MessageProperties], MessageChanges]
"""Raises EvaluationError."""


def parse_action(text: str) -> Action:
    """Statements are separated by semicolons, and each sees what those before it did. Raises
    RuleSyntaxError, which says where and why."""
    parser = ExpressionParser(text)
    statements: list[_Statement] = []
    while not parser.at_end():
        statements.append(_parse_statement(parser))
        if not parser.accept_separator():
            parser.expect_end()
    if not 0 < len(statements) <= _MAX_STATEMENTS:
        raise RuleSyntaxError(f"it must have between 1 and {_MAX_STATEMENTS} statements")

    def apply(properties: MessageProperties) -> MessageChanges:
        edit = _Edit(dict(properties.system), dict(properties.application))
        for statement in statements:
            statement(edit)
        return edit.changes(properties)

    return apply


@dataclass
class _Edit:
    system: dict[SystemProperty, str | None]
    application: dict[str, PropertyValue]
    touched: set[SystemProperty] = field(default_factory=set)

    @property
    def now(self) -> MessageProperties:
        return MessageProperties(self.system, self.application)

    def changes(self, before: MessageProperties) -> MessageChanges:
        return MessageChanges(
            system={name: self.system.get(name) for name in self.touched},
            application={
                name: value
                for name, value in self.application.items()
                if name not in before.application or before.application[name] is not value
            },
            removed=frozenset(before.application.keys() - self.application.keys()),
        )


_Statement = Callable[[_Edit], None]


def _parse_statement(parser: ExpressionParser) -> _Statement:
    if parser.accept_keyword("SET"):
        target = parser.reference()
        parser.expect_symbol("=")
        return _set(target, parser.value())
    if parser.accept_keyword("REMOVE"):
        return _remove(parser.reference())
    raise parser.unexpected("SET or REMOVE")


def _set(target: Property, value: Value) -> _Statement:
    def apply(edit: _Edit) -> None:
        result = value(edit.now)
        if target.system is None:
            edit.application[target.spelling(edit.now) or target.name] = result
        elif result is None or isinstance(result, str):
            edit.system[target.system] = result
            edit.touched.add(target.system)
        else:
            raise EvaluationError(f"sys.{target.system} takes strings, not {type(result).__name__}")

    return apply


def _remove(target: Property) -> _Statement:
    def apply(edit: _Edit) -> None:
        if target.system is not None:
            edit.system[target.system] = None
            edit.touched.add(target.system)
        elif (spelling := target.spelling(edit.now)) is not None:
            del edit.application[spelling]

    return apply
