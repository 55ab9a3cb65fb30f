"""What one ONIX product says of an edition.

Every element that is not understood, or that the catalogue has no place for, becomes a note.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any
from xml.etree.ElementTree import Element, tostring

from functions.inventory.import_model import FeedRecord, Said
from functions.inventory.imports import onix_codes as codes
from functions.inventory.imports.cells import isbn_in
from functions.inventory.imports.onix_composite import Composite, onix_date
from functions.inventory.imports.onix_descriptive import describe
from functions.inventory.imports.onix_supply import Supply, SupplyReader
from functions.inventory.imports.plain_text import one_line, plain_text
from shared.kit.isbn import Isbn

Notes = list[tuple[str, str]]

_LONGEST_DESCRIPTION = 20_000
_ADMINISTRATION = (
    "RecordSourceType",
    "RecordSourceIdentifier",
    "RecordSourceName",
    "DeletionText",
)
_CLEARED = {
    "DescriptiveDetail": frozenset(
        {"subtitle", "series", "categories", "pages", "dimensions", "original_language"}
    ),
    "CollateralDetail": frozenset({"description"}),
    "PublishingDetail": frozenset(
        {"publisher", "imprint", "published_on", "on_sale_on", "first_published"}
    ),
    "RelatedMaterial": frozenset[str](),
    "ProductSupply": frozenset[str](),
}
"""Block updates: a block that is given replaces what an earlier one said. What every edition needs
(title, price) stays where the new block is silent."""


_ONLY_IN_ONIX_2 = ("Title", "ProductForm", "Contributor", "PublisherName", "SupplyDetail")
"""As parts of the product itself. Read as ONIX 3, such a record would say nothing of its book, and
so empty it."""


@dataclass(slots=True)
class _Dates:
    published: date | None = None
    embargo: date | None = None
    forthcoming: bool = False


class ProductReader:
    """`language` is the message's default for texts that name none."""

    def __init__(self, supply: SupplyReader, language: str | None, today: date) -> None:
        self._supply = supply
        self._language = language
        self._today = today

    def read(self, element: Element, record: FeedRecord) -> None:
        product = Composite(element, "")
        notes = record.notes
        record.reference = product.text("RecordReference")
        kind = product.text("NotificationType") or "03"
        product.skip(_ADMINISTRATION)
        if kind not in codes.UPSERTS and kind not in (codes.UPDATE, codes.DELETE):
            notes.append(("NotificationType", f"{kind} is not used"))
            return
        try:
            isbn = _isbn(product, notes)
            record.reference = isbn
            said = Said(isbn, only_known=kind in (codes.UPDATE, codes.DELETE))
            if kind == codes.DELETE:
                said.withdraw = True
            else:
                self._say(product, said, kind, notes)
            record.said = said
        except ValueError as error:
            record.fault = str(error)

    def _say(self, product: Composite, said: Said, kind: str, notes: Notes) -> None:
        if any(product.elements(name) for name in _ONLY_IN_ONIX_2):
            raise ValueError("is a record of ONIX 2, which this shop does not read")
        given = {name for name in _CLEARED if product.elements(name)}
        blocks = given if kind == codes.UPDATE else _CLEARED.keys()
        said.cleared = frozenset[str]().union(*(_CLEARED[name] for name in blocks))
        fields = said.fields
        if block := product.one("DescriptiveDetail"):
            said.categories = describe(block, fields, notes)
            if "language" not in fields and self._language and kind != codes.UPDATE:
                fields["language"] = self._language
        if block := product.one("CollateralDetail"):
            _describe_in_words(block, fields, notes)
        dates = _Dates()
        if block := product.one("PublishingDetail"):
            said.withdraw = _publish(block, fields, dates, notes)
        if block := product.one("RelatedMaterial"):
            said.work_of = _related(block, said.isbn, notes)
        supply = Supply()
        if "ProductSupply" in given:
            supply = self._supply.read(product.all("ProductSupply"), notes)
            said.stock = supply.stock
            said.withdraw = said.withdraw or supply.withdrawn
            if supply.price is not None:
                fields["price"] = supply.price
        self._date(fields, dates, supply)
        notes += product.left_over()

    def _date(self, fields: dict[str, Any], dates: _Dates, supply: Supply) -> None:
        published = dates.published or supply.published
        if published is not None:
            fields["published_on"] = published
        embargoes = [day for day in (dates.embargo, supply.embargo) if day is not None]
        if not embargoes and (dates.forthcoming or supply.not_yet):
            first = supply.expected or published
            embargoes = [first] if first is not None and first > self._today else []
        if embargoes:
            fields["on_sale_on"] = max(embargoes)


def _isbn(product: Composite, notes: Notes) -> Isbn:
    found: dict[str, str] = {}
    for identifier in product.all("ProductIdentifier"):
        kind = identifier.text("ProductIDType") or ""
        value = identifier.text("IDValue")
        if kind not in codes.ISBN_TYPES:
            notes.append(("ProductIdentifier", f"of type {kind} is not used"))
        elif value is not None and found.setdefault(kind, value) != value:
            notes.append(("ProductIdentifier", f"a second one of type {kind} is not used"))
    fault = "has no ISBN"
    for kind in codes.ISBN_TYPES:
        if kind in found:
            try:
                return isbn_in(found[kind])
            except ValueError as error:
                fault = f"the ISBN {found[kind][:40]} {error}"
                notes.append(("ProductIdentifier", f"of type {kind} cannot be used"))
    raise ValueError(fault)


def _describe_in_words(block: Composite, fields: dict[str, Any], notes: Notes) -> None:
    texts: dict[str, str] = {}
    for content in block.all("TextContent"):
        kind = content.text("TextType") or ""
        if kind not in codes.DESCRIPTIONS or kind in texts:
            notes.append(("TextContent", f"TextType {kind} is not used"))
            continue
        content.skip(["ContentAudience", "SequenceNumber"])
        first, *more = content.elements("Text") or [Element("Text")]
        if text := _flat(first):
            texts[kind] = text
        if more:
            notes.append(("TextContent/Text", "only the first is used"))
        notes += content.left_over()
    for resource in block.all("SupportingResource"):
        kind = resource.text("ResourceContentType") or ""
        what = "a cover is not fetched" if kind == "01" else f"type {kind} is not fetched"
        notes.append(("SupportingResource", what))
    best = next((texts[kind] for kind in codes.DESCRIPTIONS if kind in texts), None)
    if best is not None:
        if len(best) > _LONGEST_DESCRIPTION:
            notes.append(("TextContent", "was cut to 20,000 characters"))
        fields["description"] = best[:_LONGEST_DESCRIPTION].strip()
    notes += block.left_over()


def _flat(element: Element) -> str:
    """Without the markup, be it XHTML or written as text."""
    if len(element):
        return plain_text(tostring(element, encoding="unicode", method="html"))
    return plain_text(element.text or "")


def _publish(block: Composite, fields: dict[str, Any], dates: _Dates, notes: Notes) -> bool:
    """True where the publisher takes the product off sale."""
    for imprint in block.all("Imprint"):
        _named(imprint, "ImprintName", "imprint", fields, notes)
    for publisher in block.all("Publisher"):
        role = publisher.text("PublishingRole") or "01"
        if role in ("01", "02"):
            _named(publisher, "PublisherName", "publisher", fields, notes)
        else:
            notes.append(("PublishingRole", f"{role} is not used"))
    status = block.text("PublishingStatus")
    dates.forthcoming = status == codes.FORTHCOMING
    if status is not None and status not in codes.NORMAL_STATUS | codes.TAKEN_OFF_SALE:
        notes.append(("PublishingStatus", f"{status} is not used"))
    for dated in block.all("PublishingDate"):
        _place_date(dated, fields, dates, notes)
    notes += block.left_over()
    return status in codes.TAKEN_OFF_SALE


def _named(
    composite: Composite, name: str, field: str, fields: dict[str, Any], notes: Notes
) -> None:
    said = composite.text(name)
    if said is not None and field not in fields:
        fields[field] = one_line(said, 200, field)
    elif said is not None:
        notes.append((composite.path, "only the first is used"))
    notes += composite.left_over()


def _place_date(dated: Composite, fields: dict[str, Any], dates: _Dates, notes: Notes) -> None:
    role = dated.text("PublishingDateRole") or ""
    try:
        day = onix_date(dated)
    except ValueError as error:
        notes.append(("PublishingDate", str(error)))
        return
    if role == codes.PUBLICATION:
        dates.published = dates.published or day
    elif role == codes.EMBARGO:
        dates.embargo = max(dates.embargo or day, day)
    elif role in (codes.FIRST_PUBLISHED, codes.FIRST_IN_ORIGINAL_LANGUAGE):
        fields.setdefault("first_published", day.year)
    else:
        notes.append(("PublishingDateRole", f"{role} is not used"))


def _related(block: Composite, own: Isbn, notes: Notes) -> tuple[Isbn, ...]:
    found: dict[Isbn, None] = {}
    for related in block.all("RelatedProduct"):
        relations = related.texts("ProductRelationCode")
        if not codes.OTHER_FORMATS & set(relations):
            notes.append(("RelatedProduct", f"relation {' '.join(relations)[:20]} is not used"))
            continue
        try:
            found[_isbn(related, [])] = None
        except ValueError:
            notes.append(("RelatedProduct", "has no ISBN that can be used"))
    found.pop(own, None)
    notes += block.left_over()
    return tuple(found)[:20]
