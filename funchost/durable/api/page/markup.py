"""HTML and SVG from values. Whatever is not `Markup` already is escaped, in text and in attributes;
nothing else in this package writes a `<`."""

import html
import re

__all__ = ["NOTHING", "Child", "Markup", "element", "join"]


class Markup(str):
    """Made by `element` and `join` alone."""

    __slots__ = ()


NOTHING = Markup("")

Child = Markup | str | int | float | None
# What XML forbids altogether, and what a browser would show as nothing or as something else:
# controls, halves of surrogate pairs, and the marks that turn the direction of writing.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9:-]*")
_VOID = frozenset({"input", "link", "meta", "br"})


def _escape(value: Child) -> str:
    text = _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", "" if value is None else str(value))
    return html.escape(text, quote=True)


def element(
    name: str, /, *children: Child, **attributes: str | int | float | bool | None
) -> Markup:
    """`_` at the end of an attribute's name is dropped and `_` within becomes `-`. An attribute
    that is None or False is left out, and True stands alone."""
    parts = [f"<{_checked(name)}"]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        parts.append(f" {_checked(key.rstrip('_').replace('_', '-'))}")
        if value is not True:
            parts.append(f'="{_escape(_number(value))}"')
    parts.append(">")
    if name not in _VOID:
        parts += [join(*children), f"</{name}>"]
    return Markup("".join(parts))


def join(*children: Child) -> Markup:
    return Markup(
        "".join(
            child if isinstance(child, Markup) else _escape(_number(child)) for child in children
        )
    )


def _number(value: Child) -> Child:
    """SVG needs no more than hundredths of a pixel."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of an element or attribute.")
    return name
