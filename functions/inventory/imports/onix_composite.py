"""One composite of an ONIX record, its children by their reference names."""

from collections.abc import Iterable
from datetime import date
from xml.etree.ElementTree import Element

from functions.inventory.imports.onix_names import REFERENCE_NAMES


class Composite:
    """Children are taken by name; those that nobody asked for can be told at the end."""

    __slots__ = ("_children", "_taken", "element", "path")

    def __init__(self, element: Element, path: str) -> None:
        self.element = element
        self.path = path
        self._taken: set[str] = set()
        children: dict[str, list[Element]] = {}
        for child in element:
            tag = child.tag
            name = REFERENCE_NAMES.get(tag, tag)
            if ":" in name:
                bare = name.rpartition(":")[2]
                name = REFERENCE_NAMES.get(bare, bare)
            children.setdefault(name, []).append(child)
        self._children = children

    def elements(self, name: str) -> list[Element]:
        self._taken.add(name)
        return self._children.get(name, [])

    def all(self, name: str) -> "list[Composite]":
        return [Composite(child, self._path_of(name)) for child in self.elements(name)]

    def one(self, name: str) -> "Composite | None":
        found = self.elements(name)
        return Composite(found[0], self._path_of(name)) if found else None

    def text(self, name: str) -> str | None:
        """Of the first such child; None where there is none or it is empty."""
        found = self.elements(name)
        text = found[0].text if found else None
        return text.strip() or None if text else None

    def texts(self, name: str) -> list[str]:
        found = (child.text for child in self.elements(name))
        return [text.strip() for text in found if text and text.strip()]

    def skip(self, names: Iterable[str]) -> None:
        """These say nothing that a catalogue keeps."""
        self._taken.update(names)

    def left_over(self) -> list[tuple[str, str]]:
        """Notes of the children that nobody asked for."""
        return [
            (self._path_of(name), "is not used")
            for name in self._children
            if name not in self._taken
        ]

    def _path_of(self, name: str) -> str:
        return f"{self.path}/{name}" if self.path else name


def onix_date(composite: Composite) -> date:
    """The `Date` of a composite: its day, or the first of its month or year.

    Raises ValueError where it is written in another way (weeks, ranges, seasons, text).
    """
    composite.skip(["DateFormat"])
    said = (composite.text("Date") or "").partition("T")[0].replace("-", "")
    if not said.isdecimal() or len(said) not in (4, 6, 8):
        raise ValueError(f"{said[:20]!r} is not a date that is understood")
    try:
        return date(int(said[:4]), int(said[4:6] or 1), int(said[6:8] or 1))
    except ValueError:
        raise ValueError(f"{said!r} is not a date") from None
