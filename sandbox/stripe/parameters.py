"""Reading what a request asks for, as strictly as Stripe does.

A form's `a[b]=c` becomes `{"a": {"b": "c"}}`, and `a[]=x` or `a[0]=x` a list. Each endpoint names
what it takes; any other name is `parameter_unknown`, or, where Stripe knows it and the stand-in
does not, refused with a sentence that says so.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from sandbox.stripe.errors import BadParameter

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_MOST_METADATA = 50


class Kind:
    """One parameter; `read` gives its value or raises BadParameter."""

    required = False

    def read(self, name: str, value: Any) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class Text(Kind):
    required: bool = False
    longest: int = 5000
    one_of: tuple[str, ...] = ()
    can_be_unset: bool = False

    def read(self, name: str, value: Any) -> Any:
        if not isinstance(value, str):
            raise BadParameter(f"Invalid string: {value}", param=name)
        if value == "":
            if self.can_be_unset:
                return None
            raise BadParameter(
                f"You passed an empty string for '{name}'. We assume empty values are an attempt to"
                f" unset a parameter; however '{name}' cannot be unset. You should remove '{name}'"
                " from your request or supply a non-empty value.",
                code="parameter_invalid_empty",
                param=name,
            )
        if len(value) > self.longest:
            raise BadParameter(
                f"Invalid string: {value[:10]}...{value[-10:]}; must be at most {self.longest}"
                " characters",
                param=name,
            )
        if self.one_of and value not in self.one_of:
            known = ", ".join(self.one_of[:-1]) + (", or " if len(self.one_of) > 1 else "")
            raise BadParameter(
                f"Invalid {name}: must be one of {known}{self.one_of[-1]}", param=name
            )
        return value


@dataclass(frozen=True)
class Whole(Kind):
    required: bool = False
    least: int = 0
    most: int = 99_999_999

    def read(self, name: str, value: Any) -> Any:
        if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise BadParameter(
                f"Invalid integer: {value}", code="parameter_invalid_integer", param=name
            )
        number = int(value)
        if number < self.least:
            raise BadParameter(
                f"This value must be greater than or equal to {self.least}.",
                code="parameter_invalid_integer",
                param=name,
            )
        if number > self.most:
            code = "amount_too_large" if name == "amount" else "parameter_invalid_integer"
            raise BadParameter(
                f"This value must be less than or equal to {self.most}.", code=code, param=name
            )
        return number


@dataclass(frozen=True)
class Flag(Kind):
    required: bool = False

    def read(self, name: str, value: Any) -> Any:
        if value not in ("true", "false"):
            raise BadParameter(f"Invalid boolean: {value}", param=name)
        return value == "true"


@dataclass(frozen=True)
class Words(Kind):
    """A list of texts."""

    one_of: tuple[str, ...] = ()

    def read(self, name: str, value: Any) -> Any:
        if not isinstance(value, list):
            raise BadParameter("Invalid array", param=name)
        return [Text(one_of=self.one_of).read(f"{name}[{i}]", one) for i, one in enumerate(value)]


@dataclass(frozen=True)
class Metadata(Kind):
    def read(self, name: str, value: Any) -> Any:
        if value == "":
            return {}
        if not isinstance(value, dict):
            raise BadParameter("Invalid object", param=name)
        if len(value) > _MOST_METADATA:
            raise BadParameter(f"Metadata can have up to {_MOST_METADATA} keys.", param=name)
        for key, content in value.items():
            if len(key) > 40:
                raise BadParameter(
                    "Metadata keys can have up to 40 characters.", param=f"{name}[{key}]"
                )
            if not isinstance(content, str) or len(content) > 500:
                raise BadParameter(
                    "Metadata values can have up to 500 characters.", param=f"{name}[{key}]"
                )
        return value


@dataclass(frozen=True)
class Group(Kind):
    content: Mapping[str, Kind]
    required: bool = False
    unsupported: Sequence[str] = ()

    def read(self, name: str, value: Any) -> Any:
        if not isinstance(value, dict):
            raise BadParameter("Invalid object", param=name)
        return read(value, self.content, self.unsupported, name)


@dataclass(frozen=True)
class Span(Kind):
    """A moment, or bounds such as `created[gte]`."""

    def read(self, name: str, value: Any) -> Any:
        second = Whole(most=10**12)
        if isinstance(value, dict):
            bounds = dict.fromkeys(("gt", "gte", "lt", "lte"), second)
            return read(value, bounds, (), name)
        moment = second.read(name, value)
        return {"gte": moment, "lte": moment}


Shape = Mapping[str, Kind]


def read(
    given: Mapping[str, Any], shape: Shape, unsupported: Sequence[str] = (), inside: str = ""
) -> dict[str, Any]:
    """Raises BadParameter for the first thing that is wrong."""

    def full(name: str) -> str:
        return f"{inside}[{name}]" if inside else name

    for name in given:
        if name not in shape:
            if name in unsupported:
                raise BadParameter(
                    f"The sandbox does not support the parameter {full(name)}.", param=full(name)
                )
            raise BadParameter(
                f"Received unknown parameter: {full(name)}",
                code="parameter_unknown",
                param=full(name),
            )
    for name, kind in shape.items():
        if kind.required and name not in given:
            raise BadParameter(
                f"Missing required param: {full(name)}.",
                code="parameter_missing",
                param=full(name),
            )
    return {name: shape[name].read(full(name), value) for name, value in given.items()}


def parse(form: str) -> dict[str, Any]:
    """Raises BadParameter where it is no form, or two of its names contradict each other."""
    try:
        pairs = parse_qsl(form, keep_blank_values=True, max_num_fields=1000, errors="strict")
    except ValueError:
        raise BadParameter("Invalid request: the parameters could not be parsed.") from None
    root: dict[str, Any] = {}
    for name, value in pairs:
        found = _NAME.fullmatch(name)
        if found is None:
            raise BadParameter(f"Invalid parameter name: {name}", param=name)
        path = [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])]
        _put(root, path, value, name)
    return {name: _with_lists(value) for name, value in root.items()}


def _put(root: dict[str, Any], path: list[str], value: str, name: str) -> None:
    here = root
    for step in path[:-1]:
        below = here.setdefault(step, {})
        if not isinstance(below, dict):
            raise BadParameter("Invalid object", param=name)
        here = below
    last = path[-1]
    if last == "":
        last = str(len(here))
    if last in here and isinstance(here[last], dict):
        raise BadParameter("Invalid object", param=name)
    here[last] = value


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdecimal() for key in value):
        return [_with_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _with_lists(content) for key, content in value.items()}
