"""Reads route templates of classic ASP.NET Core: `books/{id:int}/{file}.{ext?}/{*rest}`."""

from dataclasses import dataclass

from funchost.route_constraints import Constraint, ConstraintError, build_constraint

__all__ = [
    "Constraint",
    "MixedSegment",
    "Parameter",
    "Segment",
    "Template",
    "TemplateError",
    "fold_case",
    "parse_template",
]


class TemplateError(ValueError):
    """A route template that ASP.NET would refuse; the sentence names the template."""


@dataclass(frozen=True)
class Parameter:
    name: str
    default: str | None
    optional: bool
    catch_all: bool
    constraints: tuple[Constraint, ...]


@dataclass(frozen=True)
class MixedSegment:
    """Literals (case-folded) and parameters in one segment, such as `{file}.{ext?}`."""

    parts: tuple[str | Parameter, ...]


Segment = str | Parameter | MixedSegment
"""A `str` is a literal, already case-folded."""


@dataclass(frozen=True)
class Template:
    segments: tuple[Segment, ...]
    parameters: tuple[Parameter, ...]


def fold_case(text: str) -> str:
    """Case folding that keeps the length, as .NET's OrdinalIgnoreCase does."""
    if text.isascii():
        return text.upper()
    return "".join(upper if len(upper := char.upper()) == 1 else char for char in text)


def parse_template(text: str) -> Template:
    """Raises TemplateError."""
    try:
        return _parse(text)
    except (TemplateError, ConstraintError) as error:
        raise TemplateError(f"The route template '{text}' is not valid: {error}") from error


def _parse(text: str) -> Template:
    if text.startswith("~/"):
        text = text[2:]
    elif text.startswith("~"):
        raise TemplateError("it may not begin with '~' unless a '/' follows.")
    else:
        text = text.removeprefix("/")
    segments: list[list[str | Parameter]] = [[]]
    position = 0
    while position < len(text):
        char = text[position]
        parts = segments[-1]
        if char == "/":
            if not parts:
                raise TemplateError("two slashes follow each other.")
            segments.append([])
            position += 1
        elif char == "{" and text[position : position + 2] != "{{":
            end = _parameter_end(text, position + 1)
            parts.append(_parse_parameter(text[position + 1 : end - 1]))
            position = end
        elif char in "{}":
            if text[position : position + 2] != char * 2:
                raise TemplateError("a brace is not closed or not opened.")
            _append_literal(parts, char)
            position += 2
        else:
            if char == "?":
                raise TemplateError("a literal may not contain '?'.")
            _append_literal(parts, char)
            position += 1
    if not segments[-1]:
        segments.pop()
    parameters = tuple(part for parts in segments for part in parts if isinstance(part, Parameter))
    _check_parameters(segments, parameters)
    return Template(tuple(_segment(parts) for parts in segments), parameters)


def _append_literal(parts: list[str | Parameter], char: str) -> None:
    if parts and isinstance(parts[-1], str):
        parts[-1] += char
    else:
        parts.append(char)


def _parameter_end(text: str, position: int) -> int:
    """The position after the closing brace; braces inside a parameter are written twice."""
    while position < len(text):
        doubled = text[position : position + 2]
        if doubled in {"{{", "}}"}:
            position += 2
            continue
        if text[position] == "{":
            raise TemplateError("a brace inside a parameter must be written twice.")
        position += 1
        if doubled[0] == "}":
            return position
    raise TemplateError("a brace is not closed.")


def _parse_parameter(inside: str) -> Parameter:
    text = inside.replace("}}", "}").replace("{{", "{")
    optional = text.endswith("?")
    text = text.removesuffix("?")
    catch_all = text.startswith("*")
    if catch_all:
        text = text[1:].removeprefix("*")
    # The first character always belongs to the name, even when it is a delimiter.
    name_end = next((at for at in range(1, len(text)) if text[at] in ":="), len(text))
    name = text[:name_end]
    if not name or any(char in "/{}?*" for char in name):
        raise TemplateError(f"'{name}' is no name for a parameter.")
    constraints, default = _parse_policies(text, name_end)
    if optional and catch_all:
        raise TemplateError("a catch-all parameter cannot be optional.")
    if optional and default is not None:
        raise TemplateError(f"the optional parameter '{name}' cannot have a default.")
    built = tuple(build_constraint(constraint) for constraint in constraints)
    return Parameter(name, default, optional, catch_all, built)


def _parse_policies(text: str, position: int) -> tuple[list[str], str | None]:
    constraints = []
    while position < len(text) and text[position] == ":":
        start = position = position + 1
        while position < len(text) and text[position] not in "(:=":
            position += 1
        if text[position : position + 1] == "(":
            position = _arguments_end(text, position + 1)
        if position > start:
            constraints.append(text[start:position])
    default = text[position + 1 :] if position < len(text) else None
    return constraints, default


def _arguments_end(text: str, position: int) -> int:
    """Where ASP.NET ends a constraint in parentheses: a `:` or `=` inside makes it skip to the next
    `)`, whatever follows that one; so `regex(a:b):length(2)` is one regex."""
    while position < len(text):
        char = text[position]
        if char == ")" and (position + 1 == len(text) or text[position + 1] in ":="):
            return position + 1
        if char in ":=":
            closing = text.find(")", position + 1)
            if closing < 0:
                return position
            position = closing
        position += 1
    return len(text)


def _check_parameters(
    segments: list[list[str | Parameter]], parameters: tuple[Parameter, ...]
) -> None:
    names = set()
    for parameter in parameters:
        if fold_case(parameter.name) in names:
            raise TemplateError(f"the parameter '{parameter.name}' appears twice.")
        names.add(fold_case(parameter.name))
    for parts in segments:
        for before, part in zip([None, *parts], parts, strict=False):
            if not isinstance(part, Parameter):
                continue
            if part.catch_all and (len(parts) > 1 or parts is not segments[-1]):
                raise TemplateError("a catch-all parameter must be a segment of its own, the last.")
            if isinstance(before, Parameter):
                raise TemplateError("two parameters follow each other without a literal between.")
            if part.optional and len(parts) > 1 and (part is not parts[-1] or before != "."):
                raise TemplateError(
                    f"the optional parameter '{part.name}' must end its segment, after a period."
                )


def _segment(parts: list[str | Parameter]) -> Segment:
    folded = tuple(fold_case(part) if isinstance(part, str) else part for part in parts)
    return folded[0] if len(folded) == 1 else MixedSegment(folded)
