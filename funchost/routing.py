"""Which function answers a request: the first route, in the host's own order, that matches.

The rules are those of classic ASP.NET Core routing, as the Functions host uses it: no ranking by
specificity, a method that is not listed is simply no match, and there is no 405.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from funchost.route_template import (
    Constraint,
    MixedSegment,
    Parameter,
    Segment,
    TemplateError,
    fold_case,
    parse_template,
)

__all__ = ["Match", "PathError", "Route", "RouteTable", "TemplateError", "decode_path"]

T = TypeVar("T")


class PathError(ValueError):
    """The path of a request is one that Kestrel refuses with 400."""


@dataclass(frozen=True)
class Route(Generic[T]):
    """`template` has the route prefix joined; `methods` None means every method."""

    template: str
    methods: frozenset[str] | None
    target: T


@dataclass(frozen=True)
class Match(Generic[T]):
    """`params` holds decoded text; a parameter without a value and default is absent."""

    target: T
    params: dict[str, str]


@dataclass(frozen=True)
class _Compiled(Generic[T]):
    order: int
    methods: frozenset[str] | None
    target: T
    segments: tuple[Segment, ...]
    literal_prefix: int
    catch_all: Parameter | None
    defaults: Mapping[str, str]
    checks: tuple[tuple[Parameter, Constraint], ...]


@dataclass
class _Node(Generic[T]):
    """One step in the tree of leading literals; `routes` holds all that start with this prefix
    and those of every shorter one, in the host's order."""

    children: "dict[str, _Node[T]]" = field(default_factory=dict)
    routes: list[_Compiled[T]] = field(default_factory=list)


class RouteTable(Generic[T]):
    """Routes are tried in the order given. Raises TemplateError for a template that cannot be read.

    The leading literal segments of all templates form a tree, so that a request is compared only
    with the routes that share its beginning; among these the order given is kept.
    """

    def __init__(self, routes: Sequence[Route[T]]) -> None:
        self._root: _Node[T] = _Node()
        for order, route in enumerate(routes):
            self._insert(_compile(order, route))
        _inherit(self._root, [])

    def match(self, method: str, path: str) -> Match[T] | None:
        """`path` is the request target as sent: percent-encoded and without the query."""
        try:
            decoded = decode_path(path)
        except PathError:
            return None
        if not decoded.startswith("/"):
            return None
        remainder = decoded[1:].split("/")
        # One trailing slash is ignored, except by a catch-all, which captures it.
        segments = remainder if remainder[-1] else remainder[:-1]
        method = method.upper()
        for route in self._candidates(segments):
            if route.methods is not None and method not in route.methods:
                continue
            params = _params(route, segments, remainder)
            if params is not None:
                return Match(route.target, params)
        return None

    def _insert(self, route: _Compiled[T]) -> None:
        node = self._root
        for segment in route.segments[: route.literal_prefix]:
            assert isinstance(segment, str)
            node = node.children.setdefault(segment, _Node())
        node.routes.append(route)

    def _candidates(self, segments: list[str]) -> list[_Compiled[T]]:
        node = self._root
        for segment in segments:
            child = node.children.get(fold_case(segment))
            if child is None:
                break
            node = child
        return node.routes


def decode_path(raw: str) -> str:
    """Decodes as Kestrel does: UTF-8, `%2F` and invalid sequences stay as they were written, then
    `.` and `..` segments are resolved. Raises PathError when the path holds a null character."""
    decoded = _ESCAPES.sub(_decode_run, raw) if "%" in raw else raw
    if "\0" in decoded:
        raise PathError("the path contains a null character")
    return _without_dot_segments(decoded) if "/." in decoded else decoded


_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


def _decode_run(run: re.Match[str]) -> str:
    return re.sub(r"(?:%(?!2[Ff])..)+", _decode_text, run.group())


def _decode_text(run: re.Match[str]) -> str:
    escaped = run.group()
    encoded = bytes.fromhex(escaped.replace("%", ""))
    text = []
    position = 0
    while position < len(encoded):
        try:
            text.append(encoded[position:].decode())
            break
        except UnicodeDecodeError as error:
            valid, invalid = position + error.start, position + error.end
            text += [encoded[position:valid].decode(), escaped[valid * 3 : invalid * 3]]
            position = invalid
    return "".join(text)


def _without_dot_segments(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/".join([segments[0], *kept])


def _compile(order: int, route: Route[T]) -> _Compiled[T]:
    template = parse_template(route.template)
    segments = template.segments
    catch_all = None
    if segments and isinstance(segments[-1], Parameter) and segments[-1].catch_all:
        catch_all = segments[-1]
        segments = segments[:-1]
    literal_prefix = next(
        (index for index, segment in enumerate(segments) if not isinstance(segment, str)),
        len(segments),
    )
    return _Compiled(
        order,
        None if route.methods is None else frozenset(name.upper() for name in route.methods),
        route.target,
        segments,
        literal_prefix,
        catch_all,
        {item.name: item.default for item in template.parameters if item.default is not None},
        tuple((item, check) for item in template.parameters for check in item.constraints),
    )


def _inherit(node: _Node[T], shorter: Iterable[_Compiled[T]]) -> None:
    node.routes = sorted([*shorter, *node.routes], key=lambda route: route.order)
    for child in node.children.values():
        _inherit(child, node.routes)


def _params(
    route: _Compiled[T], segments: list[str], remainder: list[str]
) -> dict[str, str] | None:
    """The values of the route's parameters, or None when the path does not match."""
    count = len(route.segments)
    if len(segments) > count and route.catch_all is None:
        return None
    values: dict[str, str] = {}
    for index in range(route.literal_prefix, count):
        expected = route.segments[index]
        if index >= len(segments):
            if isinstance(expected, Parameter) and (
                expected.optional or expected.default is not None
            ):
                continue
            return None
        if not _capture(expected, segments[index], values):
            return None
    if route.catch_all is not None and len(segments) > count:
        if not segments[count]:
            return None
        values[route.catch_all.name] = "/".join(remainder[count:])
    if route.defaults:
        values = {**route.defaults, **values}
    return values if _satisfied(route, values) else None


def _capture(expected: Segment, text: str, values: dict[str, str]) -> bool:
    if not text:
        return False
    if isinstance(expected, str):
        return fold_case(text) == expected
    if isinstance(expected, Parameter):
        values[expected.name] = text
        return True
    return _capture_mixed(expected, text, values)


def _satisfied(route: _Compiled[T], values: Mapping[str, str]) -> bool:
    for parameter, check in route.checks:
        value = values.get(parameter.name)
        if value is None:
            if not parameter.optional:
                return False
        elif not check(value):
            return False
    return True


def _capture_mixed(segment: MixedSegment, text: str, values: dict[str, str]) -> bool:
    """With `{file}.{ext?}` the full pattern is tried first, then the part before the dot."""
    if _capture_from_right(segment.parts, segment.parts, text, values):
        return True
    last = segment.parts[-1]
    if not (isinstance(last, Parameter) and last.optional) or text.endswith("."):
        return False
    return _capture_from_right(segment.parts, segment.parts[:-2], text, values)


def _capture_from_right(
    whole: tuple[str | Parameter, ...],
    parts: tuple[str | Parameter, ...],
    text: str,
    values: dict[str, str],
) -> bool:
    """ASP.NET looks for each literal from the right and never backtracks: `{a}.{b}` splits at the
    last dot, and `v{x}` does not match `vvv`."""
    folded = fold_case(text)
    found: dict[str, str] = {}
    end = len(text)
    pending: Parameter | None = None
    for index in reversed(range(len(parts))):
        part = parts[index]
        if isinstance(part, Parameter):
            pending = part
            continue
        # A parameter to the right of the literal needs at least one character.
        start = folded.rfind(part, 0, max(end - 1, 0) if pending else end)
        if start < 0 or (index == len(whole) - 1 and start + len(part) != len(text)):
            return False
        if pending is not None:
            found[pending.name] = text[start + len(part) : end]
            pending = None
        end = start
    if pending is not None:
        if end == 0:
            return False
        found[pending.name] = text[:end]
    elif end != 0:
        return False
    values.update(found)
    return True
