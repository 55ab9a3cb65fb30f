"""The products of an ONIX message one by one, with the lines and bytes where they stand.

Read with expat in pieces. A DOCTYPE ends the reading, so there are no entities but XML's own five,
and what one product, one tag and the nesting may take of memory is limited.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat
from xml.parsers.expat import errors

from functions.inventory.import_model import FileShape, Position, UnreadableFile
from functions.inventory.imports.onix_names import REFERENCE_NAMES

LARGEST_PRODUCT = 1024 * 1024
_PIECE = 64 * 1024
_LARGEST_TAG = 1024 * 1024
_DEEPEST = 100
_MOST_NAMES = 20_000
_RELEASES = ("3.0", "3.1")
_READ = f"this shop reads {' and '.join(_RELEASES)}"
_NAMESPACE = "http://ns.editeur.org/onix/"
_HINTS = {
    errors.codes[errors.XML_ERROR_INVALID_TOKEN]: (
        "; perhaps it is not in the encoding that it declares, UTF-8 where it declares none"
    ),
    errors.codes[errors.XML_ERROR_UNDEFINED_ENTITY]: (
        "; write the character itself, or its number (&#233;)"
    ),
}


@dataclass(frozen=True, slots=True)
class Product:
    """`element` is None where it was too large. `after` is where the next sibling begins."""

    line: int
    element: Element | None
    after: Position


class OnixReader:
    """Fed with pieces, gives the products that are complete.

    With `build` false it only checks that the message is whole.
    """

    def __init__(self, *, build: bool) -> None:
        self._names: dict[str, str] = {}
        # Names are interned in a dictionary of ours, which tells how many different ones there are.
        self._parser = expat.ParserCreate(intern=self._names)
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.EntityDeclHandler = self._refuse_doctype
        self._build = build
        self._depth = 0
        self._fed = 0
        self._began = 0
        self._began_line = 0
        self._waiting: tuple[int, Element | None] | None = None
        self._ready: list[Product] = []
        self._count = 0
        self._shift_bytes = 0
        self._shift_lines = 0
        self._in_product = False
        self._product_tag = ""
        self.header: Element | None = None
        self.first: Position | None = None
        self._watch()

    def go_on(self, at: Position) -> None:
        """What is fed from now on stands at `at` in its file."""
        self._shift_bytes = at.offset - self._fed
        self._shift_lines = at.line + 1 - self._parser.CurrentLineNumber
        self._count = at.records

    def feed(self, piece: bytes) -> list[Product]:
        """Raises UnreadableFile where the message breaks off or is no message."""
        self._parse(piece, False)
        self._fed += len(piece)
        if self._fed - max(self._parser.CurrentByteIndex, 0) > _LARGEST_TAG + _PIECE:
            raise UnreadableFile(
                f"A tag or comment at line {self._line} is longer than a mebibyte."
            )
        if len(self._names) > _MOST_NAMES:
            raise UnreadableFile("The file has more names of elements than ONIX has.")
        if self._in_product and self._fed - self._began > LARGEST_PRODUCT:
            self._drop()
        ready, self._ready = self._ready, []
        return ready

    def end(self) -> list[Product]:
        self._parse(b"", True)
        return self._ready

    @property
    def _line(self) -> int:
        return self._parser.CurrentLineNumber + self._shift_lines

    def _parse(self, piece: bytes, final: bool) -> None:
        try:
            self._parser.Parse(piece, final)
        except expat.ExpatError as error:
            raise UnreadableFile(
                f"The XML breaks off at line {error.lineno + self._shift_lines}: "
                f"{expat.ErrorString(error.code)}{_HINTS.get(error.code, '')}."
            ) from None
        except (LookupError, ValueError) as error:  # what Python's codecs say of a declaration
            raise UnreadableFile(
                f"The encoding that the XML declares cannot be read ({error!s:.60}): "
                "save it as UTF-8."
            ) from None

    def _refuse_doctype(self, *declared: object) -> None:
        if any("/onix/2" in str(said) for said in declared):
            raise UnreadableFile(f"The message is ONIX 2; {_READ}.")
        raise UnreadableFile(
            f"The file has a DOCTYPE at line {self._line}. DTDs and entities are refused, and ONIX "
            "3 needs none: remove <!DOCTYPE ...>, and write the characters where the file uses "
            "entities of its own."
        )

    def _watch(self) -> None:
        """Between products: notes where they begin and end."""
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = None

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise UnreadableFile(f"The XML at line {self._line} is nested too deeply.")
        if self._depth > 2:
            if self._in_product and tag == self._product_tag:
                raise UnreadableFile(f"A product at line {self._line} stands in another one.")
            return
        self._flush()
        name = self._name_of(tag)
        if self._depth == 1:
            self._check_root(tag, name, attributes)
        elif name == "Product":
            self._begin_product(tag, attributes)
        elif name == "Header" and self._build and self.first is None and self._count == 0:
            self._collect(tag, attributes, self._end_header)  # elsewhere its size has no limit

    def _end(self, _tag: str) -> None:
        self._depth -= 1
        if self._depth == 1 and self._in_product:
            self._end_product(None)
        elif self._depth == 0:
            self._flush()

    def _begin_product(self, tag: str, attributes: dict[str, str]) -> None:
        if self.first is None:
            self.first = Position(offset=self._parser.CurrentByteIndex, line=self._line - 1)
        self._in_product = True
        self._product_tag = tag
        self._began = self._parser.CurrentByteIndex
        self._began_line = self._line
        if self._build:
            self._collect(tag, attributes, self._end_product)

    def _end_product(self, element: Element | None) -> None:
        self._in_product = False
        self._count += 1
        self._waiting = (self._began_line, element)

    def _end_header(self, element: Element) -> None:
        self.header = element

    def _flush(self) -> None:
        """A product is given once it is known where its next sibling begins."""
        if self._waiting is not None:
            line, element = self._waiting
            self._waiting = None
            offset = self._parser.CurrentByteIndex + self._shift_bytes
            after = Position(offset=offset, line=self._line - 1, records=self._count)
            self._ready.append(Product(line, element, after))

    def _collect(
        self, tag: str, attributes: dict[str, str], done: Callable[[Element], None]
    ) -> None:
        """Builds a tree up to the end of the element that begins here."""
        builder = TreeBuilder()
        builder.start(tag, attributes)
        finish = builder.end

        def end(ended: str) -> None:
            finish(ended)
            if ended == tag:
                self._depth -= 1
                self._watch()
                done(builder.close())

        # The builder's own methods run in C; calling them through ours would double the time.
        self._parser.StartElementHandler = builder.start
        self._parser.CharacterDataHandler = builder.data
        self._parser.EndElementHandler = end

    def _drop(self) -> None:
        """The product is too large: what was built of it is let go, and its end waited for."""

        def end(ended: str) -> None:
            self._depth -= 1
            if ended == self._product_tag:
                self._depth = 1
                self._watch()
                self._end_product(None)

        if self._build and self._parser.StartElementHandler != self._start:
            self._watch()
            self._depth = _DEEPEST // 2  # how deep the reading stands was not counted
            self._parser.EndElementHandler = end

    def _name_of(self, tag: str) -> str:
        bare = tag.rpartition(":")[2]
        return REFERENCE_NAMES.get(bare, bare)

    def _check_root(self, tag: str, name: str, attributes: dict[str, str]) -> None:
        if name != "ONIXMessage":
            raise UnreadableFile(f"The root element is {tag[:60]}, not ONIXMessage.")
        release = attributes.get("release") or next(
            (
                value.removeprefix(_NAMESPACE).partition("/")[0]
                for name, value in attributes.items()
                if name.startswith("xmlns") and value.startswith(_NAMESPACE)
            ),
            _RELEASES[0],
        )
        if not release.startswith(_RELEASES):
            raise UnreadableFile(f"The message is ONIX {release[:20]}; {_READ}.")


def check_onix(file: BinaryIO, seen: Callable[[int], None]) -> FileShape:
    """Reads all of a message. Raises UnreadableFile where it is none, or not whole."""
    reader = OnixReader(build=False)
    digest = hashlib.sha256()
    size = 0
    while piece := file.read(_PIECE):
        reader.feed(piece)
        digest.update(piece)
        size += len(piece)
        seen(size)
    reader.end()
    remarks = ("The message has no products.",) if reader.first is None else ()
    return FileShape(format="onix", size=size, digest=digest.hexdigest(), remarks=remarks)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What stands before the first product: its bytes, and where it ends; None without products."""

    header: Element | None
    content: bytes
    first: Position | None


def read_beginning(file: BinaryIO) -> Beginning:
    reader = OnixReader(build=True)
    content = b""
    file.seek(0)
    while reader.first is None and (piece := file.read(_PIECE)):
        if len(content) > LARGEST_PRODUCT:
            raise UnreadableFile("No product begins in the first mebibyte of the message.")
        reader.feed(piece)
        content += piece
    if reader.first is not None:
        content = content[: reader.first.offset]
    return Beginning(reader.header, content, reader.first)


def read_products(file: BinaryIO, beginning: Beginning, at: Position) -> Iterator[Product]:
    """From `at` on, read behind the file's own first bytes, so that it is a message again."""
    reader = OnixReader(build=True)
    reader.feed(beginning.content)
    reader.go_on(at)
    file.seek(at.offset)
    while piece := file.read(_PIECE):
        yield from reader.feed(piece)
    yield from reader.end()
