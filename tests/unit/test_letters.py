"""What mails say and how they look to those who read them."""

import re
from html.parser import HTMLParser
from typing import Any, get_args

import pytest
from babel import Locale

from functions.notifications.letters.writer import JinjaLetters, day, money, writing_locale
from functions.notifications.model import Kind, Letter
from tests.support.notifications import LETTERS, receipt_of

PAGE = "https://books.test/api/v1/orders/1?token=a.b"
PARCEL = {"carrier": "Royal Mail", "tracking_number": "RM1", "tracking_url": None}
FACTS: dict[str, dict[str, Any]] = {
    "dispatched": {**PARCEL, "remaining": 2, "expected": "2026-12-03", "lines": {"1": 1}},
    "out_for_delivery": PARCEL,
    "delivered": {"remaining": 1, "at": "2026-12-02T10:00:00+00:00"},
    "delayed": {**PARCEL, "expected": "2026-12-04"},
    "delivery_failed": {"reason": "lost", "lines": {}},
    "order_cancelled": {"reason": "cancelled"},
    "refunded": {"amount": 899, "refunded": 1798, "currency": "GBP"},
    "refund_failed": {
        "order_number": "B-123456",
        "code": "lost_or_stolen_card",
        "amount": 899,
        "currency": "GBP",
        "page": PAGE,
    },
    "stock_low": {"isbn": "978", "title": None, "available": 2, "threshold": 3, "page": PAGE},
}


def letter(kind: Kind, locale: str = "en-GB", **receipt: Any) -> Letter:
    return LETTERS.write(
        kind,
        locale,
        FACTS.get(kind, {}),
        receipt=receipt_of("order-123456", **receipt),
        order_page=PAGE,
        unsubscribe_page="https://books.test/stop?token=a&b",
    )


class Well(HTMLParser):
    """Checks that each element is closed where it must be, and collects the text and links."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.links: list[str] = []
        self.feed(content)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.links += [value or "" for name, value in attributes if name in ("href", "src")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_each_kind_says_the_same_as_text_and_as_html(kind: Kind) -> None:
    made = letter(kind)
    read = Well(made.html)
    shown = " ".join(" ".join(read.text).split())
    assert made.subject
    assert "\n" not in made.subject
    for line in re.findall(r"(?<=: )\S+$", made.text, re.MULTILINE):
        assert line in shown
    assert PAGE in made.text or kind == "payment_failed"
    assert PAGE in read.links or kind == "payment_failed"
    assert all(link.startswith("https://books.test/") for link in read.links), "nothing is loaded"
    assert "None" not in made.text
    assert "{" not in made.text
    assert max(map(len, re.sub(r"https?://\S+", "", made.text).splitlines())) <= 78


def test_a_long_address_is_shown_as_where_it_leads_to() -> None:
    """Else it is cut anywhere on a narrow screen."""
    address = "https://track.example/" + "djE6dHJrX" * 12
    facts = {**PARCEL, "tracking_url": address}
    made = LETTERS.write("out_for_delivery", "en-GB", facts, receipt=receipt_of("order-123456"))
    assert f"Follow it at: {address}" in made.text
    assert Well(made.html).links == [address]
    assert "track.example" in Well(made.html).text


def test_what_people_wrote_stays_text() -> None:
    made = letter("order_placed", title="<b>A&B</b>", name="<img src=x onerror=alert(1)>")
    assert "<b>A&B</b>" in made.text
    assert "&lt;b&gt;A&amp;B&lt;/b&gt;" in made.html
    assert "<img" not in made.html


def test_a_line_break_in_a_name_breaks_no_line() -> None:
    hostile = {**FACTS["dispatched"], "carrier": "Royal\nTracking number|evil"}
    made = LETTERS.write("dispatched", "en-GB", hostile, receipt=receipt_of("order-123456"))
    assert "Delivery company: Royal Tracking number|evil" in made.text
    made = LETTERS.write("stock_low", "en", {**FACTS["stock_low"], "title": "A\nBcc: b@c"})
    assert made.subject == "Low stock: A Bcc: b@c"


def test_nothing_is_promised_of_parcels_where_there_is_none() -> None:
    made = letter("order_placed", format="ebook")
    assert "dispatched" not in made.text + made.html
    assert "Baker Street" not in made.text + made.html
    assert "dispatched" in letter("order_placed").text


@pytest.mark.parametrize(
    ("tag", "total", "placed"),
    [
        ("en-GB", "£26.92", "28 November 2026"),
        ("en-US", "£26.92", "November 28, 2026"),
        ("de-DE", "26,92 £", "28 November 2026"),
        ("de", "26,92 £", "28 November 2026"),
        ("zh-Hans-CN", "£26.92", "28 November 2026"),
        ("xx-ZZ", "£26.92", "28 November 2026"),
        ("nonsense", "£26.92", "28 November 2026"),
    ],
)
def test_dates_and_sums_are_written_as_the_reader_writes_them(
    tag: str, total: str, placed: str
) -> None:
    text = letter("order_placed", tag).text.replace("\xa0", " ")
    assert f"Total:     {total}" in text
    assert f"Placed on: {placed}" in text


def test_minor_units_are_those_of_the_currency() -> None:
    english = Locale("en", "GB")
    shown = [money(123456, code, english) for code in ("GBP", "JPY", "KWD")]
    assert shown[0] == "£1,234.56"
    assert shown[1].endswith("123,456")
    assert shown[2].endswith("123.456")
    assert day("2026-12-04", english) == "4 December 2026"
    assert writing_locale("fr-CA") == Locale("en", "CA")


def test_a_mail_is_signed_with_the_shops_name() -> None:
    made = JinjaLetters("Bücher & Co").write(
        "order_link", "en-GB", {}, receipt=receipt_of("order-123456"), order_page=PAGE
    )
    assert made.text.endswith("-- \nBücher & Co\n")
    assert "Bücher &amp; Co" in made.html
