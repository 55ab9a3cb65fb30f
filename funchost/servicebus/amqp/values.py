"""AMQP's types where Python's own do not say which one is meant (part 1 of the standard).

Decoding gives plain `int`, `float`, `str`, `bytes`, `UUID`, `Decimal`, `list` and `dict`, and of
the classes here `Symbol`, `Timestamp`, `Char` and `Described`. Encoding takes all of them; a plain
`int` becomes a long, a `float` a double, and an integer class of this module its own type.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Array",
    "Byte",
    "Char",
    "DecodeError",
    "Described",
    "Float",
    "Int",
    "Raw",
    "Short",
    "Symbol",
    "Timestamp",
    "UByte",
    "UInt",
    "ULong",
    "UShort",
]


class DecodeError(ValueError):
    """The bytes are not AMQP, or exceed what this codec takes. Decoding raises nothing else."""


class Raw(bytes):
    """A value that is encoded already."""

    __slots__ = ()


class Symbol(str):
    """ASCII text from a constrained domain, such as the name of an error condition."""

    __slots__ = ()


class Char(str):
    """One Unicode character."""

    __slots__ = ()


class Timestamp(int):
    """Milliseconds since 1970-01-01 UTC."""


class UByte(int):
    pass


class UShort(int):
    pass


class UInt(int):
    pass


class ULong(int):
    pass


class Byte(int):
    pass


class Short(int):
    pass


class Int(int):
    pass


class Float(float):
    """A 32-bit float."""


@dataclass(frozen=True, slots=True)
class Described:
    """A value with a descriptor that says how to read it, mostly a number from the standard."""

    descriptor: Any
    value: Any


class Array(list[Any]):
    """Values of one type, for encoding; `constructor` is that type's code on the wire.

    Decoding gives a plain list, since no field of the protocol needs the difference.
    """

    def __init__(self, constructor: int, items: Iterable[Any]) -> None:
        super().__init__(items)
        self.constructor = constructor
