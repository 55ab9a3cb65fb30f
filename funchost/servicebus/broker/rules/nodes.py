"""The parts of a parsed expression: functions of a message's properties."""

import uuid
from collections.abc import Callable, Sequence
from typing import get_args

from funchost.servicebus.broker.interface import MessageProperties, PropertyValue, SystemProperty
from funchost.servicebus.broker.rules.values import ARITHMETIC, COMPARISONS, EvaluationError, Truth

__all__ = [
    "SYSTEM_PROPERTIES",
    "Predicate",
    "Property",
    "Value",
    "compare",
    "compute",
    "conjunction",
    "constant",
    "disjunction",
    "membership",
    "named_property",
    "negation",
    "new_id",
]

Predicate = Callable[[MessageProperties], Truth]
Value = Callable[[MessageProperties], PropertyValue]

SYSTEM_PROPERTIES: dict[str, SystemProperty] = {
    name.lower(): name for name in get_args(SystemProperty)
} | {"subject": "Label"}


class Property:
    """A reference to a property. Application properties are found without regard to case; where a
    message has two that differ in case alone, one spelt exactly so goes first."""

    def __init__(self, name: str, system: SystemProperty | None = None) -> None:
        self.name = name
        self.system = system

    def __call__(self, properties: MessageProperties) -> PropertyValue:
        if self.system is not None:
            return properties.system.get(self.system)
        spelling = self.spelling(properties)
        return None if spelling is None else properties.application[spelling]

    def exists(self, properties: MessageProperties) -> bool:
        if self.system is not None:
            return properties.system.get(self.system) is not None
        return self.spelling(properties) is not None

    def spelling(self, properties: MessageProperties) -> str | None:
        """How the message spells this application property; None when it has none."""
        if self.name in properties.application:
            return self.name
        wanted = self.name.lower()
        return next((name for name in properties.application if name.lower() == wanted), None)


def constant(value: PropertyValue) -> Value:
    return lambda _: value


def compare(symbol: str, left: Value, right: Value) -> Predicate:
    apply = COMPARISONS[symbol]
    return lambda properties: apply(left(properties), right(properties))


def compute(symbol: str, left: Value, right: Value) -> Value:
    apply = ARITHMETIC[symbol]
    return lambda properties: apply(left(properties), right(properties))


def negation(operand: Predicate) -> Predicate:
    def apply(properties: MessageProperties) -> Truth:
        truth = operand(properties)
        return None if truth is None else not truth

    return apply


def conjunction(left: Predicate, right: Predicate) -> Predicate:
    def apply(properties: MessageProperties) -> Truth:
        first = left(properties)
        if first is False:
            return False
        second = right(properties)
        if second is False:
            return False
        return None if first is None or second is None else True

    return apply


def disjunction(left: Predicate, right: Predicate) -> Predicate:
    def apply(properties: MessageProperties) -> Truth:
        first = left(properties)
        if first is True:
            return True
        second = right(properties)
        if second is True:
            return True
        return None if first is None or second is None else False

    return apply


def named_property(name: Value) -> Value:
    def find(properties: MessageProperties) -> PropertyValue:
        wanted = name(properties)
        if wanted is None:
            return None
        if not isinstance(wanted, str):
            raise EvaluationError("property() needs the name of a property, a string")
        return Property(wanted)(properties)

    return find


def membership(operand: Value, choices: Sequence[Value]) -> Predicate:
    """Unknown only where the operand is; an unknown choice is equal to nothing."""
    equal = COMPARISONS["="]

    def apply(properties: MessageProperties) -> Truth:
        value = operand(properties)
        if value is None:
            return None
        return any(equal(value, choice(properties)) for choice in choices)

    return apply


def new_id(_: MessageProperties) -> PropertyValue:
    return uuid.uuid4()
