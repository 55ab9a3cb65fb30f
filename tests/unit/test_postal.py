"""Postal addresses as shoppers type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from functions.shipping.countries import EUROPE, HOME, UNSERVED
from shared.postal.address import PostalAddress
from shared.postal.countries import COUNTRIES, codes, read_country
from shared.postal.postcodes import FORMS, read_postcode
from shared.postal.regions import REGIONS, read_region

BASE = {"name": "Anna Bell", "line1": "1 High Street", "city": "Town"}
LARGE = codes("GB IE US CA AU NZ DE FR ES IT NL BE AT CH SE DK NO FI PL PT JP IN")


@pytest.mark.parametrize(
    ("country", "typed", "written"),
    [
        ("GB", "sw1a1aa", "SW1A 1AA"),
        ("GB", " ec1a  1bb ", "EC1A 1BB"),
        ("GB", "M1 1AE", "M1 1AE"),
        ("GB", "b338th", "B33 8TH"),
        ("GB", "CR2 6XH", "CR2 6XH"),
        ("GB", "DN55 1PT", "DN55 1PT"),
        ("GB", "W1A-0AX", "W1A 0AX"),
        ("GB", "GIR 0AA", "GIR 0AA"),
        ("IE", "d02x285", "D02 X285"),
        ("IE", "D6W XY00", "D6W XY00"),
        ("US", "20500", "20500"),
        ("US", "20500 0003", "20500-0003"),
        ("CA", "k1a0b1", "K1A 0B1"),
        ("AU", "0800", "0800"),
        ("NZ", "6011", "6011"),
        ("DE", "D-10115", "10115"),
        ("FR", "75 001", "75001"),
        ("ES", "28013", "28013"),
        ("IT", "00184", "00184"),
        ("NL", "1012js", "1012 JS"),
        ("BE", "B-1000", "1000"),
        ("AT", "1010", "1010"),
        ("CH", "CH-8001", "8001"),
        ("SE", "11120", "111 20"),
        ("SE", "SE-111 20", "111 20"),
        ("DK", "DK-1050", "1050"),
        ("NO", "0150", "0150"),
        ("FI", "00100", "00100"),
        ("PL", "00950", "00-950"),
        ("PT", "1000001", "1000-001"),
        ("JP", "１００－０００１", "100-0001"),
        ("IN", "110 001", "110001"),
        ("HK", "", ""),
        ("BR", "01310-100", "01310-100"),
        ("CY", " cy 1010 ", "CY 1010"),
    ],
)
def test_a_postcode_is_written_as_its_country_writes_it(
    country: str, typed: str, written: str
) -> None:
    assert read_postcode(country, typed) == written
    assert read_postcode(country, written) == written


@pytest.mark.parametrize(
    ("country", "typed"),
    [
        ("GB", "SW1A 1A"),
        ("GB", "QA1 1AA"),
        ("GB", "M1 1CE"),
        ("GB", "12345"),
        ("IE", "B02 X285"),
        ("US", "2050"),
        ("US", "205000003000"),
        ("US", "SW1A 1AA"),
        ("CA", "D1A 0B1"),
        ("CA", "K1A 0O1"),
        ("AU", "08000"),
        ("DE", "00115"),
        ("FR", "99001"),
        ("ES", "53001"),
        ("NL", "0012 JS"),
        ("NL", "1012 SS"),
        ("BE", "0999"),
        ("AT", "0101"),
        ("CH", "800"),
        ("SE", "01120"),
        ("PL", "0095"),
        ("PT", "1000"),
        ("JP", "100"),
        ("IN", "010001"),
        ("BR", "!" * 5),
        ("BR", "1" * 17),
        ("BR", "-1-"),
        *((country, "") for country in sorted(LARGE)),
    ],
)
def test_what_is_no_postcode_there_is_refused(country: str, typed: str) -> None:
    with pytest.raises(ValueError, match=r"postcode|needed"):
        read_postcode(country, typed)


def test_each_large_country_has_a_form_that_takes_its_own_example() -> None:
    assert set(FORMS) == LARGE
    for country, form in FORMS.items():
        assert form.read(form.example) == form.example, country


@given(st.sampled_from(sorted(COUNTRIES)), st.text(max_size=40))
def test_whatever_is_typed_it_is_refused_or_read_the_same_again(country: str, typed: str) -> None:
    try:
        read = read_postcode(country, typed)
    except ValueError:
        return
    assert read_postcode(country, read) == read
    assert len(read) <= 16


def test_countries_are_those_of_iso_3166() -> None:
    assert len(COUNTRIES) == 249
    assert {*FORMS, *REGIONS, *HOME, *EUROPE, *UNSERVED} <= COUNTRIES
    assert not (HOME & EUROPE) | (UNSERVED & (HOME | EUROPE))
    assert read_country(" gb ") == "GB"
    for slip in ("UK", "England", "XX", "", "GBR"):
        with pytest.raises(ValueError, match="ISO 3166"):
            read_country(slip)


def test_regions_are_asked_for_where_the_post_sorts_by_them() -> None:
    assert read_region("US", "us-ny") == "NY"
    assert read_region("AU", "nsw") == "NSW"
    assert read_region("GB", None) is None
    assert read_region("GB", "North Yorkshire") == "North Yorkshire"
    for text in (None, "ZZ", "New York"):
        with pytest.raises(ValueError, match="such as NY"):
            read_region("US", text)


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({"country": "GB", "postcode": "nonsense"}, ["postcode"]),
        ({"country": "GB"}, ["postcode"]),
        ({"country": "US"}, ["region", "postcode"]),
        ({"country": "UK", "postcode": "nonsense"}, ["country"]),
        ({"country": "GB", "postcode": "SW1A 1AA", "name": " "}, ["name"]),
        ({"country": "GB", "postcode": "SW1A 1AA", "line1": "a\nb"}, ["line1"]),
        ({"country": "GB", "postcode": "SW1A 1AA", "city": "x" * 101}, ["city"]),
        ({"country": "GB", "postcode": "SW1A 1AA", "planet": "Earth"}, ["planet"]),
        ({"country": "GB", "postcode": 1}, ["postcode"]),
    ],
)
def test_each_fault_of_an_address_names_its_field(
    said: dict[str, object], fields: list[str]
) -> None:
    with pytest.raises(ValidationError) as caught:
        PostalAddress.model_validate({**BASE, **said})
    assert [error["loc"] for error in caught.value.errors()] == [(name,) for name in fields]


def test_a_sound_address_becomes_a_delivery() -> None:
    address = PostalAddress.model_validate(
        {**BASE, "country": "ca", "region": "on", "postcode": "k1a0b1", "line2": " Flat 2 "}
    )
    delivery = address.delivery()
    assert (delivery.country, delivery.region, delivery.postcode) == ("CA", "ON", "K1A 0B1")
    assert delivery.line2 == "Flat 2"
