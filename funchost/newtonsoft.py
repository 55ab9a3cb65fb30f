"""JSON as Newtonsoft.Json reads and prints it, which is what the Functions host does to text that
a function returns. The reader takes more than RFC 8259: single quotes, bare names, comments,
trailing commas, hexadecimal; and it turns ISO 8601 strings into dates."""

import json
import math
import re
from dataclasses import dataclass
from datetime import datetime

_MAX_DEPTH = 64
_MAX_INTEGER_DIGITS = 380
_ESCAPES = {
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "f": "\f",
    "r": "\r",
    "\\": "\\",
    '"': '"',
    "'": "'",
    "/": "/",
}
_SPACE = re.compile(r"(?:\s|/\*.*?\*/|//[^\r\n]*)*", re.DOTALL)
_PLAIN_TEXT = re.compile(r"[^\\\"']+")
_BARE_NAME = re.compile(r"[\w$]+")
_TOKEN = re.compile(r"[-+.\w]+")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_OCTAL = re.compile(r"-?0[0-7]+")
_HEXADECIMAL = re.compile(r"-?0[xX][0-9a-fA-F]+")
_FLOAT = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LITERALS: "dict[str, Json]" = {
    "true": True,
    "false": False,
    "null": None,
    "undefined": None,
    "NaN": math.nan,
    "Infinity": math.inf,
    "-Infinity": -math.inf,
}
_DATE = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,20}))?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)


class JsonError(ValueError):
    """Text that Newtonsoft.Json would not read."""


@dataclass(frozen=True)
class Date:
    """A .NET DateTime. `ticks` is the fraction of the second, up to seven digits without trailing
    zeros; `zone` is `Z`, empty, or the offset of the machine's own zone."""

    moment: datetime
    ticks: str
    zone: str

    def iso(self) -> str:
        fraction = f".{self.ticks}" if self.ticks else ""
        return f"{self.moment.isoformat()}{fraction}{self.zone}"

    def text(self) -> str:
        """`ToString()` in the invariant culture, which is what the Linux images run with."""
        return (
            self.moment.strftime("%m/%d/") + f"{self.moment.year:04}" + f" {self.moment:%H:%M:%S}"
        )


Json = None | bool | int | float | str | Date | list["Json"] | dict[str, "Json"]


def read(text: str) -> Json:
    """Empty text reads as None. Raises JsonError, also when something follows the value."""
    try:
        return _read_strict(text)
    except (ValueError, RecursionError):
        pass  # what RFC 8259 does not know Newtonsoft.Json may
    reader = _Reader(text)
    reader.skip_space()
    value = None if reader.at_end() else reader.value(0)
    reader.skip_space()
    if not reader.at_end():
        raise reader.error("additional text after the value")
    return value


def indented(value: Json, level: int = 0) -> str:
    """`JToken.ToString()`: two spaces, nothing escaped that need not be."""
    inner, outer = "\n" + "  " * (level + 1), "\n" + "  " * level
    if isinstance(value, dict) and value:
        members = (f"{_quoted(key)}: {indented(item, level + 1)}" for key, item in value.items())
        return "{" + inner + f",{inner}".join(members) + outer + "}"
    if isinstance(value, list) and value:
        return (
            "["
            + inner
            + f",{inner}".join(indented(item, level + 1) for item in value)
            + outer
            + "]"
        )
    return compact(value)


def compact(value: Json) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(k)}:{compact(item)}" for k, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Date):
        return _quoted(value.iso())
    if isinstance(value, float):
        if not math.isfinite(value):
            return _quoted(dotnet_text(value))
        text = dotnet_text(value)
        return text if re.search("[.E]", text) else f"{text}.0"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def dotnet_text(value: Json) -> str:
    """`ToString()` of the .NET value: `True`, `1.5`, an indented object, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Date):
        return value.text()
    if isinstance(value, float):
        return _double(value)
    return indented(value) if isinstance(value, dict | list) else str(value)


def _double(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    digits, point = _shortest(value)
    sign = "-" if value < 0 else ""
    power = point - 1
    if -5 < power < 15:
        if point <= 0:
            return f"{sign}0.{'0' * -point}{digits}"
        if point >= len(digits):
            return sign + digits.ljust(point, "0")
        return f"{sign}{digits[:point]}.{digits[point:]}"
    fraction = f".{digits[1:]}" if digits[1:] else ""
    return f"{sign}{digits[0]}{fraction}E{'-' if power < 0 else '+'}{abs(power):02}"


def _shortest(value: float) -> tuple[str, int]:
    """The shortest digits that read back as the value, and where the decimal point stands."""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0)
    if whole == "0":
        point -= len(fraction) - len(fraction.lstrip("0")) + 1
    return digits.rstrip("0"), point


def _quoted(text: str) -> str:
    return '"' + re.sub('["\\\\\0-\x1f\x85\u2028\u2029]', _escape, text) + '"'


def _escape(found: re.Match[str]) -> str:
    char = found.group()
    short = {"\b": "b", "\t": "t", "\n": "n", "\f": "f", "\r": "r", "\\": "\\", '"': '"'}
    return "\\" + (short[char] if char in short else f"u{ord(char):04x}")


def _string_or_date(text: str) -> str | Date:
    found = _DATE.fullmatch(text) if 19 <= len(text) <= 40 else None
    if found is None:
        return text
    written, fraction, zone = found.groups()
    ticks = (fraction or "")[:7].rstrip("0")
    try:
        moment = datetime.fromisoformat(written)
        if not zone or zone == "Z":
            return Date(moment, ticks, zone or "")
        local = datetime.fromisoformat(written + zone).astimezone()
        return Date(local.replace(tzinfo=None), ticks, local.isoformat()[19:])
    except (ValueError, OverflowError):
        return text


def _read_strict(text: str) -> Json:
    """The same by Python's own reader, which is many times as fast and knows less. Raises
    ValueError for what it reads otherwise than Newtonsoft.Json, or not at all."""
    text.encode()  # which raises for half a surrogate pair
    if "\\u" in text:
        raise ValueError("half a surrogate pair may stand in an escape")
    return _dated(_STRICT.decode(text), 0)


def _dated(value: Json, depth: int) -> Json:
    if depth > _MAX_DEPTH:
        raise ValueError("more than 64 levels")
    if isinstance(value, str):
        return _string_or_date(value)
    if isinstance(value, dict):
        return {name: _dated(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_dated(item, depth + 1) for item in value]
    return value


def _integer(digits: str) -> int:
    if len(digits) > _MAX_INTEGER_DIGITS:
        raise ValueError("too long for an integer")
    return int(digits)


_STRICT = json.JSONDecoder(parse_int=_integer)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def error(self, what: str) -> JsonError:
        return JsonError(f"The text is not JSON: {what} at position {self._at}.")

    def at_end(self) -> bool:
        return self._at >= len(self._text)

    def skip_space(self) -> None:
        found = _SPACE.match(self._text, self._at)
        assert found is not None
        self._at = found.end()

    def value(self, depth: int) -> Json:
        if depth > _MAX_DEPTH:
            raise self.error("more than 64 levels")
        char = self._text[self._at : self._at + 1]
        if char == "{":
            return self._object(depth)
        if char == "[":
            return self._array(depth)
        if char and char in "\"'":
            return _string_or_date(self._string())
        return self._token()

    def _object(self, depth: int) -> dict[str, Json]:
        members: dict[str, Json] = {}
        self._at += 1
        while not self._closed("}"):
            name = self._name()
            self.skip_space()
            self._expect(":")
            self.skip_space()
            members[name] = self.value(depth + 1)
            self._separator("}")
        return members

    def _array(self, depth: int) -> list[Json]:
        items: list[Json] = []
        self._at += 1
        while not self._closed("]"):
            items.append(self.value(depth + 1))
            self._separator("]")
        return items

    def _closed(self, bracket: str) -> bool:
        self.skip_space()
        if self._text[self._at : self._at + 1] != bracket:
            return False
        self._at += 1
        return True

    def _separator(self, bracket: str) -> None:
        self.skip_space()
        if self._text[self._at : self._at + 1] != bracket:
            self._expect(",")

    def _expect(self, char: str) -> None:
        if self._text[self._at : self._at + 1] != char:
            raise self.error(f"'{char}' expected")
        self._at += 1

    def _name(self) -> str:
        if self._text[self._at : self._at + 1] in {'"', "'"}:
            return self._string()
        found = _BARE_NAME.match(self._text, self._at)
        if found is None:
            raise self.error("a name expected")
        self._at = found.end()
        return found.group()

    def _string(self) -> str:
        quote = self._text[self._at]
        self._at += 1
        parts: list[str] = []
        while not self.at_end():
            char = self._text[self._at]
            if char == quote:
                self._at += 1
                return _joined(parts)
            if char == "\\":
                parts.append(self._escaped())
            elif found := _PLAIN_TEXT.match(self._text, self._at):
                parts.append(found.group())
                self._at = found.end()
            else:
                parts.append(char)
                self._at += 1
        raise self.error("a string is not closed")

    def _escaped(self) -> str:
        char = self._text[self._at + 1 : self._at + 2]
        if char in _ESCAPES:
            self._at += 2
            return _ESCAPES[char]
        digits = self._text[self._at + 2 : self._at + 6]
        if char != "u" or not re.fullmatch("[0-9a-fA-F]{4}", digits):
            raise self.error("a bad escape")
        self._at += 6
        return chr(int(digits, 16))

    def _token(self) -> Json:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            raise self.error("a value expected")
        token = found.group()
        if token in _LITERALS:
            value = _LITERALS[token]
        elif _INTEGER.fullmatch(token) and len(token) <= _MAX_INTEGER_DIGITS:
            value = int(token)
        elif _OCTAL.fullmatch(token) and len(token) <= _MAX_INTEGER_DIGITS:
            value = int(token, 8)
        elif _HEXADECIMAL.fullmatch(token) and len(token) <= _MAX_INTEGER_DIGITS:
            value = int(token, 16)
        elif _FLOAT.fullmatch(token) and not _INTEGER.fullmatch(token):
            value = float(token)
        else:
            raise self.error("an unknown word or number")
        self._at = found.end()
        return value


def _joined(parts: list[str]) -> str:
    """Escaped surrogate pairs become one character, a lone half the replacement character."""
    text = "".join(parts)
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
