"""Block 1 of an ONIX product: what it is, who made it, what it is about."""

from decimal import Decimal
from typing import Any

from functions.inventory.imports import onix_codes as codes
from functions.inventory.imports.cells import decimal_in, whole_number_in
from functions.inventory.imports.languages import language_code
from functions.inventory.imports.names import contributors, natural_order, series_place
from functions.inventory.imports.onix_composite import Composite
from functions.inventory.imports.plain_text import one_line
from functions.inventory.model import Contributor, Dimensions, Role

Notes = list[tuple[str, str]]

_SIZES = {
    codes.HEIGHT: ("height_mm", codes.IN_MILLIMETRES, 5000),
    codes.WIDTH: ("width_mm", codes.IN_MILLIMETRES, 5000),
    codes.THICKNESS: ("thickness_mm", codes.IN_MILLIMETRES, 5000),
    codes.WEIGHT: ("weight_g", codes.IN_GRAMS, 100_000),
}
_MOST_SUBJECTS = 100
_LONGEST_THEMA = 12
"""Of the codes that a shelf can have."""
_NAME_PARTS = (
    "TitlesBeforeNames",
    "NamesBeforeKey",
    "PrefixToKey",
    "KeyNames",
    "NamesAfterKey",
    "SuffixToKey",
)


def describe(block: Composite, fields: dict[str, Any], notes: Notes) -> list[tuple[str, ...]]:
    """Adds the block's fields, and returns its subjects, each as alternatives.

    Raises ValueError where the product is no book, or cannot be kept.
    """
    block.skip(["NoCollection", "NoEdition", "NoContributor"])
    composition = block.text("ProductComposition")
    if composition not in (None, codes.SINGLE_ITEM):
        notes.append(("ProductComposition", f"{composition}: it is sold as one book"))
    _form(block, fields, notes)
    _series(block, fields, notes)
    _title(block, fields, notes)
    if people := _people(block, notes):
        fields["contributors"] = people
    _languages(block, fields, notes)
    _pages(block, fields, notes)
    _sizes(block, fields, notes)
    subjects = _subjects(block, notes)
    notes += block.left_over()
    return subjects


def _form(block: Composite, fields: dict[str, Any], notes: Notes) -> None:
    form = block.text("ProductForm")
    details = block.texts("ProductFormDetail")
    notes += [
        ("ProductFormDetail", f"{detail} is not used")
        for detail in details
        if not detail.startswith(codes.AUDIO_DETAIL)
    ]
    if form is None or form == "00":
        return
    known = codes.FORMS.get(form)
    if known is None:
        raise ValueError(f"its ProductForm {form} is no book, e-book or audiobook")
    is_audio = any(detail.startswith(codes.AUDIO_DETAIL) for detail in details)
    fields["format"] = "audiobook" if known == "ebook" and is_audio else known


def _title(block: Composite, fields: dict[str, Any], notes: Notes) -> None:
    chosen: Composite | None = None
    for detail in block.all("TitleDetail"):
        kind = detail.text("TitleType") or "01"
        if kind == "01" and chosen is None:
            chosen = detail
        else:
            notes.append((f"{detail.path}/TitleType", f"{kind} is not used"))
    if chosen is None:
        return
    elements = sorted(
        chosen.all("TitleElement"),
        key=lambda element: {"01": 0, "03": 1, "04": 2}.get(_level(element), 3),
    )
    chosen.skip(["TitleStatement"])
    if elements:
        title, subtitle = _title_text(elements[0])
        number = elements[0].text("PartNumber")
        if title is None and number is not None:
            title = next(filter(None, (_title_text(one)[0] for one in elements[1:])), None)
            title = f"{title}, {number}" if title else None
            _collection(elements, fields, notes)
        else:
            series = _collection(elements, fields, notes)
            if number is not None and series is None:
                notes.append((f"{elements[0].path}/PartNumber", "is not used"))
            notes += [
                (one.path, f"level {_level(one)} is not used: a book has one title")
                for one in elements[1:]
                if one is not series
            ]
        if title is not None:
            fields["title"] = one_line(title, 500, "title")
        if subtitle is not None:
            fields["subtitle"] = one_line(subtitle, 500, "subtitle")
    for element in elements:
        element.skip(["SequenceNumber", "PartNumber", "YearOfAnnual", "TitleElementLevel"])
        _title_text(element)
        notes += element.left_over()
    notes += chosen.left_over()


def _collection(
    elements: list[Composite], fields: dict[str, Any], notes: Notes
) -> Composite | None:
    """The title's element for its collection, where that gives the book its series: where no
    Collection does.
    """
    named = next((one for one in elements[1:] if _level(one) == "02" and _title_text(one)[0]), None)
    title = _title_text(named)[0] if named else None
    if named is None or title is None or "series" in fields:
        return None
    number = elements[0].text("PartNumber") or named.text("PartNumber")
    series = series_place(title, number, named.path, notes)
    if series is None:
        return None
    fields["series"] = series
    return named


def _level(element: Composite) -> str:
    return element.text("TitleElementLevel") or "01"


def _title_text(element: Composite) -> tuple[str | None, str | None]:
    element.skip(["NoPrefix"])
    text = element.text("TitleText")
    prefix = element.text("TitlePrefix")
    bare = element.text("TitleWithoutPrefix")
    if text is None and bare is not None:
        joint = "" if prefix and prefix.endswith(("'", "’")) else " "
        text = f"{prefix}{joint}{bare}" if prefix else bare
    return text, element.text("Subtitle")


def _series(block: Composite, fields: dict[str, Any], notes: Notes) -> None:
    for collection in block.all("Collection"):
        collection.skip(["CollectionType", "SourceName", "CollectionIdentifier"])
        title = number = None
        for detail in collection.all("TitleDetail"):
            for element in detail.all("TitleElement"):
                if _level(element) in ("02", "03"):
                    title = title or _title_text(element)[0]
                number = number or element.text("PartNumber")
        for sequence in collection.all("CollectionSequence"):
            number = number or sequence.text("CollectionSequenceNumber")
        if title is None or "series" in fields:
            notes.append((collection.path, "is not used: a book has one series"))
        else:
            series = series_place(title, number, collection.path, notes)
            if series is not None:
                fields["series"] = series
        notes += collection.left_over()


def _people(block: Composite, notes: Notes) -> tuple[Contributor, ...]:
    placed: list[tuple[int, str, list[str]]] = []
    for number, person in enumerate(block.all("Contributor")):
        sequence = person.text("SequenceNumber") or ""
        roles = person.texts("ContributorRole")
        name = _name(person)
        if name is None:
            notes.append((person.path, "has no name that is understood"))
        else:
            place = int(sequence) if sequence.isdecimal() and len(sequence) < 6 else number + 1
            placed.append((place, name, roles))
        notes += person.left_over()
    found: list[tuple[str, Role]] = []
    for _, name, roles in sorted(placed, key=lambda one: one[0]):
        for code in roles or ["A01"]:
            if code not in codes.ROLES:
                notes.append(("ContributorRole", f"{code} is not known; taken for another role"))
            found.append((name, codes.ROLES.get(code, "other")))
    block.skip(["ContributorStatement"])
    return contributors(found, "Contributor", notes)


def _name(person: Composite) -> str | None:
    whole = person.text("PersonName")
    inverted = person.text("PersonNameInverted")
    parts = [part for part in map(person.text, _NAME_PARTS) if part]
    corporate = person.text("CorporateName")
    turned = person.text("CorporateNameInverted")
    unnamed = person.text("UnnamedPersons")
    if whole or not (inverted or parts):
        return whole or corporate or turned or codes.UNNAMED.get(unnamed or "")
    return " ".join(parts) or natural_order(inverted or "")


def _languages(block: Composite, fields: dict[str, Any], notes: Notes) -> None:
    for language in block.all("Language"):
        role = language.text("LanguageRole")
        said = language.text("LanguageCode") or ""
        code = language_code(said)
        name = {"01": "language", "02": "original_language"}.get(role or "")
        if code is None:
            notes.append(("LanguageCode", f"{said[:20]} is not known"))
        elif name is None:
            notes.append(("LanguageRole", f"{role} is not used"))
        elif name in fields:
            notes.append(("Language", f"a second one in role {role} is not used"))
        else:
            fields[name] = code
        notes += language.left_over()


def _pages(block: Composite, fields: dict[str, Any], notes: Notes) -> None:
    found: dict[str, int] = {}
    for extent in block.all("Extent"):
        kind = extent.text("ExtentType") or ""
        unit = extent.text("ExtentUnit")
        value = extent.text("ExtentValue")
        extent.skip(["ExtentValueRoman"])
        if unit != codes.PAGES_UNIT or kind not in codes.PAGE_EXTENTS or value is None:
            notes.append(("Extent", f"type {kind} in unit {unit} is not used"))
            continue
        try:
            pages = whole_number_in(value, 100_000)
        except ValueError as error:
            notes.append(("ExtentValue", f"{value[:20]!r} {error}"))
        else:
            found[kind] = pages
        notes += extent.left_over()
    best = next((found[kind] for kind in codes.PAGE_EXTENTS if found.get(kind)), None)
    if best is not None:
        fields["pages"] = best


def _sizes(block: Composite, fields: dict[str, Any], notes: Notes) -> None:
    sizes: dict[str, int] = {}
    for measure in block.all("Measure"):
        kind = measure.text("MeasureType") or ""
        unit = measure.text("MeasureUnitCode") or ""
        said = measure.text("Measurement") or ""
        name, units, largest = _SIZES.get(kind, ("", {}, 0))
        if unit not in units:
            notes.append(("Measure", f"type {kind} in unit {unit} is not used"))
            continue
        try:
            size = int((decimal_in(said) * Decimal(units[unit])).to_integral_value())
        except ValueError as error:
            notes.append(("Measurement", f"{said[:20]!r} {error}"))
            continue
        if 1 <= size <= largest:
            sizes[name] = size
        else:
            notes.append(("Measurement", f"of type {kind} is out of bounds"))
    if sizes:
        fields["dimensions"] = Dimensions(**sizes)


def _subjects(block: Composite, notes: Notes) -> list[tuple[str, ...]]:
    """The main subjects first."""
    mains: list[tuple[str, ...]] = []
    others: list[tuple[str, ...]] = []
    for subject in block.all("Subject"):
        is_main = bool(subject.elements("MainSubject"))
        scheme = subject.text("SubjectSchemeIdentifier") or ""
        code = subject.text("SubjectCode")
        subject.skip(["SubjectSchemeVersion", "SubjectHeadingText", "SubjectSchemeName"])
        alternatives = _shelves(scheme, code)
        if alternatives:
            (mains if is_main else others).append(alternatives)
        else:
            notes.append(("Subject", f"scheme {scheme} is not used"))
        notes += subject.left_over()
    if len(mains) + len(others) > _MOST_SUBJECTS:
        notes.append(("Subject", f"only the first {_MOST_SUBJECTS} were read"))
    return (mains + others)[:_MOST_SUBJECTS]


def _shelves(scheme: str, code: str | None) -> tuple[str, ...]:
    """The code, and those of the wider shelves around it."""
    if code is None:
        return ()
    code = code[:40]
    if scheme == codes.THEMA:
        wider = range(min(len(code) - 1, _LONGEST_THEMA), 0, -1)
        return (code, *(code[:length] for length in wider))
    if scheme in codes.THEMA_QUALIFIERS:
        return (code,)
    if scheme == codes.BISAC:
        return (code, f"{code[:3]}000000")
    return ()
