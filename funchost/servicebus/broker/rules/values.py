"""Operators on property values. None is the unknown value: what a message does not have.

Comparisons follow what Service Bus documents: unknown with anything is unknown, and false is any
comparison of types that do not compare. Arithmetic follows C#, to which the vendor refers: 64-bit
integers, promoted to floating point beside a floating number, and a division that truncates."""

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from funchost.servicebus.broker.interface import MAX_MESSAGE_BYTES, PropertyValue

__all__ = ["ARITHMETIC", "COMPARISONS", "EvaluationError", "Truth", "like", "negate", "plus"]

Truth = bool | None
"""Of a predicate; None is unknown."""

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


class EvaluationError(Exception):
    """The expression has no value for this message: a string in a sum, a division by zero."""


Comparison = Callable[[PropertyValue, PropertyValue], Truth]
Arithmetic = Callable[[PropertyValue, PropertyValue], PropertyValue]


def _family(value: PropertyValue) -> type:
    if isinstance(value, bool):
        return bool
    if isinstance(value, int | float):
        return float
    return datetime if isinstance(value, datetime) else type(value)


def _equality(compare: Callable[[Any, Any], bool]) -> Comparison:
    def apply(left: PropertyValue, right: PropertyValue) -> Truth:
        if left is None or right is None:
            return None
        return _family(left) is _family(right) and compare(left, right)

    return apply


def _order(compare: Callable[[Any, Any], bool]) -> Comparison:
    def apply(left: PropertyValue, right: PropertyValue) -> Truth:
        if left is None or right is None:
            return None
        family = _family(left)
        return family is not bool and family is _family(right) and compare(left, right)

    return apply


COMPARISONS: dict[str, Comparison] = {
    "=": _equality(operator.eq),
    "<>": _equality(operator.ne),
    "!=": _equality(operator.ne),
    ">": _order(operator.gt),
    ">=": _order(operator.ge),
    "<": _order(operator.lt),
    "<=": _order(operator.le),
}


def _number(value: PropertyValue, symbol: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise EvaluationError(f"'{symbol}' needs numbers, not {type(value).__name__}")
    return value


def _in_range(value: int | float) -> int | float:
    if isinstance(value, int) and not _SMALLEST <= value <= _LARGEST:
        raise EvaluationError("a result does not fit into 64 bits")
    return value


def _divide(left: int | float, right: int | float) -> int | float:
    if isinstance(left, int) and isinstance(right, int):
        if right == 0:
            raise EvaluationError("division by zero")
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    if right == 0:
        if left == 0 or math.isnan(left):
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1.0, right)
    return left / right


def _remainder(left: int | float, right: int | float) -> int | float:
    if isinstance(left, int) and isinstance(right, int):
        if right == 0:
            raise EvaluationError("division by zero")
        remainder = abs(left) % abs(right)
        return -remainder if left < 0 else remainder
    return math.nan if right == 0 or math.isinf(left) else math.fmod(left, right)


def _arithmetic(
    symbol: str, compute: Callable[[int | float, int | float], int | float]
) -> Arithmetic:
    def apply(left: PropertyValue, right: PropertyValue) -> PropertyValue:
        if left is None or right is None:
            return None
        if symbol == "+" and isinstance(left, str) and isinstance(right, str):
            if len(left) + len(right) > MAX_MESSAGE_BYTES:
                raise EvaluationError("a text is longer than a message may be")
            return left + right
        try:
            return _in_range(compute(_number(left, symbol), _number(right, symbol)))
        except OverflowError:
            raise EvaluationError(f"the result of '{symbol}' is too large") from None

    return apply


ARITHMETIC: dict[str, Arithmetic] = {
    "+": _arithmetic("+", operator.add),
    "-": _arithmetic("-", operator.sub),
    "*": _arithmetic("*", operator.mul),
    "/": _arithmetic("/", _divide),
    "%": _arithmetic("%", _remainder),
}


def plus(value: PropertyValue) -> PropertyValue:
    return None if value is None else _number(value, "+")


def negate(value: PropertyValue) -> PropertyValue:
    return None if value is None else _in_range(-_number(value, "-"))


def like(value: PropertyValue, pattern: PropertyValue, escape: PropertyValue) -> Truth:
    """`escape` is an empty string where the expression names none. Compares with case."""
    if value is None or pattern is None or escape is None:
        return None
    if not isinstance(escape, str) or len(escape) > 1:
        raise EvaluationError("the ESCAPE of LIKE must be one character")
    if not isinstance(value, str) or not isinstance(pattern, str):
        return False
    return _matches(_segments(pattern, escape), value)


@dataclass(frozen=True, slots=True)
class _Segment:
    """What stands between two `%`; `width` is the number of characters that it matches."""

    expression: re.Pattern[str]
    width: int


def _matches(segments: tuple[_Segment, ...], value: str) -> bool:
    """The text between two wildcards is sought from left to right, never again: a pattern of many
    wildcards takes no more than linear time for each of them."""
    if len(segments) == 1:
        return segments[0].expression.fullmatch(value) is not None
    if segments[0].expression.match(value) is None:
        return False
    place = segments[0].width
    for segment in segments[1:-1]:
        found = segment.expression.search(value, place)
        if found is None:
            return False
        place = found.end()
    end = len(value) - segments[-1].width
    return end >= place and segments[-1].expression.match(value, end) is not None


@lru_cache(maxsize=1024)
def _segments(pattern: str, escape: str) -> tuple[_Segment, ...]:
    parts: list[list[str]] = [[]]
    characters = iter(pattern)
    for character in characters:
        if escape and character == escape:
            parts[-1].append(re.escape(next(characters, escape)))
        elif character == "%":
            parts.append([])
        else:
            parts[-1].append("." if character == "_" else re.escape(character))
    return tuple(_Segment(re.compile("".join(part), re.DOTALL), len(part)) for part in parts)
