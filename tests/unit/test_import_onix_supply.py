"""ONIX's block 6: prices, suppliers, markets, dates, and what is withdrawn."""

from datetime import date

import pytest

from shared.kit.money import Money
from tests.support import onix
from tests.support.onix_reading import ISBN, read, said_by


def prices(*inner: str) -> str:
    whole = "".join(f"<Price>{price}</Price>" for price in inner)
    return onix.SUPPLY[: onix.SUPPLY.index("<Price>")] + whole + "</SupplyDetail></ProductSupply>"


@pytest.mark.parametrize(
    ("inner", "minor"),
    [
        (["<PriceType>02</PriceType><PriceAmount>7.5</PriceAmount>"], 750),
        (
            [
                "<PriceType>01</PriceType><PriceAmount>10.00</PriceAmount><Tax><TaxType>01</TaxType>"
                "<TaxRatePercent>20</TaxRatePercent></Tax>"
            ],
            1200,
        ),
        (["<PriceType>01</PriceType><PriceAmount>10.00</PriceAmount>"], 1000),
        (
            [
                "<PriceType>01</PriceType><PriceAmount>5.00</PriceAmount>",
                "<PriceType>04</PriceType><PriceAmount>6.00</PriceAmount>",
                "<PriceType>02</PriceType><PriceAmount>7.00</PriceAmount>",
            ],
            700,
        ),
        (
            [
                "<PriceType>02</PriceType><PriceAmount>5.00</PriceAmount><PriceDate>"
                "<PriceDateRole>15</PriceDateRole><Date>20260228</Date></PriceDate>",
                "<PriceType>02</PriceType><PriceAmount>6.00</PriceAmount><PriceDate>"
                "<PriceDateRole>24</PriceDateRole><Date dateformat='06'>2026030120260331</Date>"
                "</PriceDate>",
            ],
            600,
        ),
        (
            [
                "<PriceType>02</PriceType><PriceAmount>9.00</PriceAmount><PriceDate>"
                "<PriceDateRole>14</PriceDateRole><Date>20270101</Date></PriceDate>"
            ],
            900,
        ),
        (
            [
                "<PriceType>02</PriceType><PriceAmount>30.00</PriceAmount><Territory>"
                "<CountriesIncluded>AU NZ</CountriesIncluded></Territory>",
                "<PriceType>02</PriceType><PriceAmount>12.00</PriceAmount><Territory>"
                "<RegionsIncluded>WORLD</RegionsIncluded></Territory>",
                "<PriceType>01</PriceType><PriceAmount>11.00</PriceAmount><Territory>"
                "<CountriesIncluded>IE GB</CountriesIncluded></Territory>",
            ],
            1100,
        ),
        (
            [
                "<PriceType>02</PriceType><PriceAmount>30.00</PriceAmount><Territory>"
                "<RegionsIncluded>WORLD</RegionsIncluded><CountriesExcluded>GB IE"
                "</CountriesExcluded></Territory>",
                "<PriceType>02</PriceType><PriceAmount>9.00</PriceAmount>",
            ],
            900,
        ),
        (
            [
                "<PriceType>02</PriceType><PriceAmount>30.00</PriceAmount><Territory>"
                "<RegionsIncluded>WORLD</RegionsIncluded><CountriesExcluded>GB IE"
                "</CountriesExcluded></Territory>",
                "<PriceType>02</PriceType><PriceAmount>9.00</PriceAmount><Territory>"
                "<CountriesIncluded>IE</CountriesIncluded></Territory>",
            ],
            None,
        ),
        (["<PriceType>05</PriceType><PriceAmount>4.00</PriceAmount>"], None),
        (["<PriceType>02</PriceType><UnpricedItemType>01</UnpricedItemType>"], 0),
        (["<UnpricedItemType>01</UnpricedItemType>"], 0),
        (["<PriceType>02</PriceType><UnpricedItemType>02</UnpricedItemType>"], None),
        (
            [
                "<PriceType>02</PriceType><UnpricedItemType>01</UnpricedItemType>",
                "<PriceType>04</PriceType><PriceAmount>6.00</PriceAmount>",
            ],
            600,
        ),
        (
            [
                "<PriceType>02</PriceType><UnpricedItemType>01</UnpricedItemType><Territory>"
                "<CountriesIncluded>IE</CountriesIncluded></Territory>"
            ],
            None,
        ),
    ],
)
def test_the_price_is_what_a_shopper_pays_today(inner: list[str], minor: int | None) -> None:
    inner = [f"{price}<CurrencyCode>GBP</CurrencyCode>" for price in inner]
    price = said_by(onix.DESCRIPTION, prices(*inner)).fields.get("price")
    assert (price and price.amount) == minor


@pytest.mark.parametrize("turned", [1, -1])
def test_an_offer_counts_before_the_price_that_it_interrupts_and_its_end_is_noted(
    turned: int,
) -> None:
    plain = (
        "<PriceType>02</PriceType><PriceAmount>9.00</PriceAmount><CurrencyCode>GBP</CurrencyCode>"
    )
    dates = "".join(
        f"<PriceDate><PriceDateRole>{role}</PriceDateRole><Date>{day}</Date></PriceDate>"
        for role, day in (("14", "20260201"), ("15", "20260331"))
    )
    offer = plain.replace("9.00", "4.99") + dates
    supply = prices(*[plain, offer][::turned])
    (record,) = read(onix.message(onix.product(ISBN, onix.DESCRIPTION, supply)))
    assert record.said is not None
    assert record.said.fields["price"].amount == 499
    note = "a price until 2026-03-31 stays until a delivery says another"
    assert ("PriceDate", note) in record.notes


def test_an_item_that_is_free_of_charge_costs_nothing_which_is_noted() -> None:
    free = "</SupplyDetail>".join(prices().split("</SupplyDetail>")[:1])
    free += "<UnpricedItemType>01</UnpricedItemType></SupplyDetail></ProductSupply>"
    text = onix.message(onix.product(ISBN, onix.DESCRIPTION, free))
    text = text.replace("<SentDate", "<DefaultCurrencyCode>EUR</DefaultCurrencyCode><SentDate")
    (record,) = read(text)
    assert record.said is not None
    assert record.said.fields["price"] == Money(amount=0, currency="GBP")
    assert record.notes == [("Price", "is 0: the book is sold for nothing")]


@pytest.mark.parametrize("turned", [1, -1])
@pytest.mark.parametrize(
    ("gone", "here", "minor"), [("43", "20", 699), ("51", "31", 699), ("40", "48", 599)]
)
def test_a_supplier_who_supplies_comes_before_one_who_does_not(
    turned: int, gone: str, here: str, minor: int
) -> None:
    details = [
        onix.SUPPLY.replace(">20</Prod", f">{gone}</Prod").replace("8.99", "5.99"),
        onix.SUPPLY.replace(">20</Prod", f">{here}</Prod").replace("8.99", "6.99"),
    ]
    if minor == 699:
        details = details[::turned]
    one_supply = "".join(details).replace("</ProductSupply>\n<ProductSupply>", "")
    assert said_by(onix.DESCRIPTION, one_supply).fields["price"].amount == minor


def in_market(market: str, *, amount: str, stock: int) -> str:
    return (
        f"<ProductSupply>{market}<MarketPublishingDetail><MarketPublishingStatus>04"
        "</MarketPublishingStatus></MarketPublishingDetail><SupplyDetail><Supplier><SupplierRole>01"
        "</SupplierRole><SupplierName>S</SupplierName></Supplier><ProductAvailability>21"
        f"</ProductAvailability><Stock><OnHand>{stock}</OnHand></Stock><Price><PriceType>02"
        f"</PriceType><PriceAmount>{amount}</PriceAmount><CurrencyCode>EUR</CurrencyCode></Price>"
        "</SupplyDetail></ProductSupply>"
    )


def market(**said: str) -> str:
    parts = "".join(f"<{name}>{value}</{name}>" for name, value in said.items())
    return f"<Market><Territory>{parts}</Territory></Market>"


FRANCE = market(CountriesIncluded="FR")
EVERYWHERE_ELSE = market(RegionsIncluded="WORLD", CountriesExcluded="FR BE")
NO_EUROS = market(RegionsIncluded="WORLD", RegionsExcluded="ECZ")


@pytest.mark.parametrize(
    ("markets", "currency", "minor", "stock", "others"),
    [
        ((FRANCE, EVERYWHERE_ELSE), "EUR", 100, 3, 0),
        ((EVERYWHERE_ELSE, FRANCE), "EUR", 200, 3, 0),
        ((market(CountriesIncluded="US"), FRANCE), "EUR", 200, 2, 1),
        ((market(CountriesIncluded="US") + FRANCE, ""), "EUR", 100, 3, 0),
        ((NO_EUROS, ""), "EUR", 200, 2, 1),
        ((NO_EUROS, market(CountriesIncluded="GB")), "EUR", None, None, 2),
        ((FRANCE, EVERYWHERE_ELSE), "GBP", None, 2, 1),
    ],
)
def test_what_is_said_of_other_markets_is_not_the_shops(
    markets: tuple[str, str], currency: str, minor: int | None, stock: int | None, others: int
) -> None:
    supplies = [
        in_market(one, amount=f"{number}.00", stock=number)
        for number, one in enumerate(markets, start=1)
    ]
    text = onix.message(onix.product(ISBN, onix.DESCRIPTION, *supplies))
    (record,) = read(text, currency=currency)
    assert record.said is not None
    price = record.said.fields.get("price")
    assert ((price and price.amount), record.said.stock) == (minor, stock)
    noted = [what for what in record.notes if what[0].startswith("ProductSupply/Market")]
    assert noted == [("ProductSupply/Market", "is another than the shop's")] * others


def test_a_book_that_is_withdrawn_elsewhere_or_embargoed_there_is_sold_here() -> None:
    elsewhere = in_market(market(CountriesIncluded="US"), amount="1.00", stock=1)
    elsewhere = elsewhere.replace(">21<", ">46<").replace(
        "</MarketPublishingStatus>",
        "</MarketPublishingStatus><MarketDate><MarketDateRole>02</MarketDateRole>"
        "<Date>20990101</Date></MarketDate>",
    )
    here = in_market(FRANCE, amount="2.00", stock=2)
    said = said_by(onix.DESCRIPTION, elsewhere, here, currency="EUR")
    assert (said.withdraw, said.stock) == (False, 2)
    assert "on_sale_on" not in said.fields
    assert said_by(onix.DESCRIPTION, elsewhere, here, currency="USD").withdraw


def test_a_price_that_cannot_be_charged_costs_the_record() -> None:
    bad = (
        "<PriceType>02</PriceType><PriceAmount>7.999</PriceAmount><CurrencyCode>GBP</CurrencyCode>"
    )
    (record,) = read(onix.message(onix.product(ISBN, onix.DESCRIPTION, prices(bad))))
    assert record.fault == "the price 7.999 has more decimals than GBP has"
    grouped = prices(bad.replace("7.999", "1,234.50"))
    (record,) = read(onix.message(onix.product(ISBN, onix.DESCRIPTION, grouped)))
    assert record.fault == (
        "the price '1,234.50' is not a number as ONIX writes it: digits with a decimal point, and "
        "no sign between thousands"
    )


@pytest.mark.parametrize(
    ("status", "availability", "withdrawn"),
    [
        ("04", "20", False),
        ("04", "31", False),
        ("04", "40", False),
        ("04", "46", True),
        ("11", "20", True),
        ("17", "51", True),
        ("01", "01", True),
    ],
)
def test_what_is_withdrawn_from_sale_is_taken_off(
    status: str, availability: str, withdrawn: bool
) -> None:
    publishing = (
        f"<PublishingDetail><PublishingStatus>{status}</PublishingStatus></PublishingDetail>"
    )
    supply = onix.SUPPLY.replace(">20</Prod", f">{availability}</Prod")
    assert said_by(onix.DESCRIPTION, publishing, supply).withdraw is withdrawn


def test_a_forthcoming_book_goes_on_sale_when_it_is_expected() -> None:
    publishing = (
        "<PublishingDetail><PublishingStatus>02</PublishingStatus><PublishingDate>"
        "<PublishingDateRole>01</PublishingDateRole><Date dateformat='01'>202606</Date>"
        "</PublishingDate></PublishingDetail>"
    )
    assert said_by(onix.DESCRIPTION, publishing).fields["on_sale_on"] == date(2026, 6, 1)
    later = said_by(onix.DESCRIPTION, publishing, today=date(2026, 7, 1))
    assert "on_sale_on" not in later.fields


def test_a_span_of_days_that_are_none_is_noted_and_the_price_kept() -> None:
    span = (
        "<PriceType>02</PriceType><PriceAmount>6.00</PriceAmount><CurrencyCode>GBP</CurrencyCode>"
        "<PriceDate><PriceDateRole>24</PriceDateRole><Date dateformat='06'>2026023020260331</Date>"
        "</PriceDate>"
    )
    (record,) = read(onix.message(onix.product(ISBN, onix.DESCRIPTION, prices(span))))
    assert record.said is not None
    assert record.said.fields["price"].amount == 600
    assert [where.rpartition("/")[2] for where, _ in record.notes] == ["Date"]
