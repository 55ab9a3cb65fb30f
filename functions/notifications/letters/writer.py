"""Letters out of templates: each kind says its words once, and two layouts set them as text and as
HTML.

A template of `en/` has the blocks `subject`, `headline`, `words` (paragraphs between empty lines),
and perhaps `details` (lines of a label and, behind a bar, a value), `shows` (which of `lines`,
`totals` and `address`) and `button`. Another language is another folder.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, get_currency_precision
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from functions.notifications.model import Kind, Letter
from shared.contracts.catalogue import DIGITAL
from shared.contracts.orders import Receipt, ReceiptLine

if TYPE_CHECKING:
    from shared.kit.money import Currency

_FOLDER = Path(__file__).parent / "templates"
_LANGUAGE = "en"
_USUAL = Locale("en", "GB")


class JinjaLetters:
    """`shop` is the name that mails are signed with."""

    def __init__(self, shop: str) -> None:
        self._shop = shop
        self._words = _environment()
        # A value from outside must not break a line: lines mean something in a template of words.
        self._words.finalize = lambda value: " ".join(str(value).split())
        layouts = _environment()
        self._text = layouts.get_template("layout.txt")
        self._html = layouts.get_template("layout.html")

    def write(
        self,
        kind: Kind,
        locale: str,
        facts: Mapping[str, Any],
        *,
        receipt: Receipt | None = None,
        order_page: str | None = None,
        unsubscribe_page: str | None = None,
    ) -> Letter:
        where = writing_locale(locale)
        said = {
            "shop": self._shop,
            "facts": facts,
            "receipt": receipt,
            # The text and the HTML say the same sums.
            "money": cache(lambda amount, currency: money(amount, currency, where)),
            "day": lambda when: day(when, where),
            "country": lambda code: where.territories.get(code, code),
            "has_parcel": receipt is not None
            and any(line.format not in DIGITAL for line in receipt.lines),
        }
        words = self._words.get_template(f"{_LANGUAGE}/{kind}.j2")
        block = _Blocks(words, said)
        subject = " ".join(block("subject").split())
        page = facts.get("page", order_page)
        shown = {
            **said,
            "language": _LANGUAGE,
            "subject": subject,
            "headline": block("headline").strip(),
            "greeting": _greeting(receipt),
            "paragraphs": _paragraphs(block("words")),
            "details": _details(block("details")),
            "lines": _lines(receipt, facts.get("lines")),
            "is_parcel": bool(facts.get("lines")),
            "shows": block("shows").split(),
            "button": block("button").strip(),
            "page": page,
            "unsubscribe_page": unsubscribe_page,
        }
        return Letter(subject, self._text.render(shown).strip() + "\n", self._html.render(shown))


class _Blocks:
    def __init__(self, template: Template, said: Mapping[str, Any]) -> None:
        self._template = template
        self._said = dict(said)

    def __call__(self, name: str) -> str:
        block = self._template.blocks.get(name)
        return "" if block is None else "".join(block(self._template.new_context(self._said)))


def writing_locale(tag: str) -> Locale:
    """English, the language of the words, as it is written where `tag` comes from: `de-DE` gives
    the dates and sums that English texts have in Germany."""
    try:
        asked = Locale.parse(tag, sep="-")
        territory = asked.territory or Locale.parse(f"und_{asked.language}").territory
        return Locale(_LANGUAGE, territory) if territory else _USUAL
    except (ValueError, UnknownLocaleError):
        return _USUAL


def money(amount: int, currency: "Currency", locale: Locale) -> str:
    """`amount` counts minor units."""
    value = Decimal(amount).scaleb(-get_currency_precision(currency))
    return format_currency(value, currency, locale=locale)


def day(when: date | datetime | str, locale: Locale) -> str:
    """Of a time, its date in UTC; a text is ISO 8601."""
    if isinstance(when, str):
        when = datetime.fromisoformat(when)
    return format_date(when, "long", locale=locale)


def _environment() -> Environment:
    """Only HTML is escaped: words become HTML in its layout."""
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _greeting(receipt: Receipt | None) -> str:
    contact = None if receipt is None else receipt.contact
    name = "" if contact is None else " ".join(contact.name.split())
    return f"Hello {name}," if name else "Hello,"


def _paragraphs(words: str) -> list[str]:
    parts = (" ".join(part.split()) for part in words.split("\n\n"))
    return [part for part in parts if part]


def _lines(
    receipt: Receipt | None, parcel: Mapping[str, int] | None
) -> list[tuple[ReceiptLine, int]]:
    """The order's lines with how many copies: of those in a parcel, where one is told of."""
    lines = () if receipt is None else receipt.lines
    if not parcel:
        return [(line, line.quantity) for line in lines]
    return [(line, parcel[str(line.line)]) for line in lines if str(line.line) in parcel]


def _details(lines: str) -> list[tuple[str, str]]:
    found = (line.partition("|") for line in lines.splitlines())
    return [(label.strip(), value.strip()) for label, _, value in found if value.strip()]
