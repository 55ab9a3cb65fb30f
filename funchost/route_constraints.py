"""Inline route constraints of ASP.NET Core; each reads its value as .NET does in the invariant
culture."""

import re
from collections.abc import Callable

from funchost.dotnet_dates import is_datetime

Constraint = Callable[[str], bool]

_INT32 = (-(2**31), 2**31 - 1)
_INT64 = (-(2**63), 2**63 - 1)
_DECIMAL_LIMIT = 79228162514264337593543950335

_BLANK = "[\t-\r ]*"
_UNSIGNED = r"(?:[0-9][0-9,]*(?:\.[0-9]*)?|\.[0-9]+)"
_INTEGER = re.compile(rf"{_BLANK}([+-]?[0-9]+){_BLANK}\0*")
_DECIMAL = re.compile(
    rf"{_BLANK}(?:[+-]{_BLANK}({_UNSIGNED})|({_UNSIGNED}){_BLANK}[+-]?){_BLANK}\0*"
)
_FLOAT = re.compile(
    rf"{_BLANK}[+-]?(?:{_UNSIGNED}(?:[eE][+-]?[0-9]+)?|nan|infinity|∞){_BLANK}\0*", re.IGNORECASE
)
_HEX32 = "[0-9a-f]{32}"
_HYPHENATED = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_BYTE = "0x[0-9a-f]{1,2}"
_GUID = re.compile(
    rf"\s*(?:{_HEX32}|{_HYPHENATED}|\{{{_HYPHENATED}\}}|\({_HYPHENATED}\)"
    rf"|\{{0x[0-9a-f]{{1,8}},(?:0x[0-9a-f]{{1,4}},){{2}}\{{(?:{_BYTE},){{7}}{_BYTE}\}}\}})\s*",
    re.IGNORECASE,
)


class ConstraintError(ValueError):
    """A constraint that ASP.NET does not know, or arguments that it does not take."""


def build_constraint(text: str) -> Constraint:
    """`text` is one constraint as written: `int`, `range(1, 5)`. Raises ConstraintError."""
    name, parenthesis, rest = text.partition("(")
    takes_arguments = bool(parenthesis) and text.endswith(")")
    key = (name if takes_arguments else text).lower()
    if key == "regex":
        return _regex(text, rest[:-1] if takes_arguments else None)
    arguments = [part.strip() for part in rest[:-1].split(",")] if takes_arguments else []
    if not arguments and key in _PLAIN:
        return _PLAIN[key]
    if key not in _PLAIN and key not in _NUMERIC:
        raise ConstraintError(f"the constraint '{text}' is not known.")
    bounds = _NUMERIC[key][1] if key in _NUMERIC else _INT32
    numbers = [_integer(argument, bounds) for argument in arguments]
    if key not in _NUMERIC or None in numbers or len(numbers) not in _NUMERIC[key][0]:
        raise ConstraintError(f"the constraint '{text}' does not take these arguments.")
    low, high = numbers[0], numbers[-1]
    assert low is not None
    assert high is not None
    if low > high or (bounds == _INT32 and low < 0):
        raise ConstraintError(f"the constraint '{text}' has limits that nothing can meet.")
    return _numeric(key, low, high)


def _integer(text: str, bounds: tuple[int, int]) -> int | None:
    # Far longer than any 64-bit number even with leading zeros: no need to convert it.
    found = _INTEGER.fullmatch(text) if len(text) <= 1000 else None
    if found is None:
        return None
    number = int(found[1])
    return number if bounds[0] <= number <= bounds[1] else None


def _numeric(key: str, low: int, high: int) -> Constraint:
    if key == "minlength":
        return lambda text: _length(text) >= low
    if key == "maxlength":
        return lambda text: _length(text) <= high
    if key == "length":
        return lambda text: low <= _length(text) <= high
    if key == "min":
        return _within(low, _INT64[1])
    if key == "max":
        return _within(_INT64[0], high)
    return _within(low, high)


def _within(low: int, high: int) -> Constraint:
    return lambda text: _integer(text, (low, high)) is not None


def _length(text: str) -> int:
    """In UTF-16 code units, as .NET counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _is_decimal(text: str) -> bool:
    found = _DECIMAL.fullmatch(text)
    if found is None:
        return False
    whole = (found[1] or found[2]).partition(".")[0].replace(",", "").lstrip("0")
    return len(whole) < 30 and int(whole or "0") <= _DECIMAL_LIMIT


def _regex(text: str, pattern: str | None) -> Constraint:
    if pattern is None:
        raise ConstraintError(f"the constraint '{text}' needs an expression.")
    # The .NET spellings that Python writes differently.
    translated = re.sub(r"\(\?<(?=[^=!])", "(?P<", pattern)
    translated = re.sub(
        r"\\([zZ])", lambda end: r"\Z" if end[1] == "z" else r"(?=\n?\Z)", translated
    )
    translated = re.sub(r"\\k<(\w+)>", r"(?P=\1)", translated)
    try:
        compiled = re.compile(translated, re.IGNORECASE)
    except re.error as error:
        raise ConstraintError(f"the expression '{pattern}' cannot be read: {error}.") from error
    return lambda value: compiled.search(value) is not None


_ALPHA = re.compile("^[a-z]*$", re.IGNORECASE)

_PLAIN: dict[str, Constraint] = {
    "int": lambda text: _integer(text, _INT32) is not None,
    "long": lambda text: _integer(text, _INT64) is not None,
    "bool": lambda text: text.strip(" \t\n\v\f\r\0").lower() in {"true", "false"},
    "datetime": is_datetime,
    "decimal": _is_decimal,
    "double": lambda text: _FLOAT.fullmatch(text) is not None,
    "float": lambda text: _FLOAT.fullmatch(text) is not None,
    "guid": lambda text: _GUID.fullmatch(text) is not None,
    "alpha": lambda text: _ALPHA.search(text) is not None,
    "required": lambda text: text != "",
}

_NUMERIC: dict[str, tuple[frozenset[int], tuple[int, int]]] = {
    "minlength": (frozenset({1}), _INT32),
    "maxlength": (frozenset({1}), _INT32),
    "length": (frozenset({1, 2}), _INT32),
    "min": (frozenset({1}), _INT64),
    "max": (frozenset({1}), _INT64),
    "range": (frozenset({2}), _INT64),
}
"""Name to the numbers of arguments it takes and the range these lie in."""
