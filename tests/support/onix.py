"""ONIX messages for tests, in reference and in short tags, of either release."""

import re
from pathlib import Path

from functions.inventory.imports.onix_names import REFERENCE_NAMES

SHORT_TAGS = {name: short for short, name in REFERENCE_NAMES.items()}
SUPPLY = """
<ProductSupply><SupplyDetail>
 <Supplier><SupplierRole>01</SupplierRole><SupplierName>The Warehouse</SupplierName></Supplier>
 <ProductAvailability>20</ProductAvailability>
 <Price><PriceType>02</PriceType><PriceAmount>8.99</PriceAmount><CurrencyCode>GBP</CurrencyCode>
 </Price>
</SupplyDetail></ProductSupply>"""
DESCRIPTION = """
<DescriptiveDetail>
 <ProductComposition>00</ProductComposition><ProductForm>BC</ProductForm>
 <TitleDetail><TitleType>01</TitleType><TitleElement>
  <TitleElementLevel>01</TitleElementLevel><TitleText>Northanger Abbey</TitleText>
 </TitleElement></TitleDetail>
 <Contributor><SequenceNumber>1</SequenceNumber><ContributorRole>A01</ContributorRole>
  <PersonName>Jane Austen</PersonName></Contributor>
 <NoEdition/>
 <Language><LanguageRole>01</LanguageRole><LanguageCode>eng</LanguageCode></Language>
</DescriptiveDetail>"""


def product(isbn: str, *blocks: str, notification: str = "03") -> str:
    return f"""
<Product>
 <RecordReference>shop.test.{isbn}</RecordReference>
 <NotificationType>{notification}</NotificationType>
 <ProductIdentifier><ProductIDType>15</ProductIDType><IDValue>{isbn}</IDValue></ProductIdentifier>
{"".join(blocks) if blocks or notification in ("04", "05") else DESCRIPTION + SUPPLY}
</Product>"""


def message(
    *products: str, release: str = "3.0", namespace: bool = True, short: bool = False
) -> str:
    kind = "short" if short else "reference"
    space = f' xmlns="http://ns.editeur.org/onix/{release}/{kind}"' if namespace else ""
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<ONIXMessage release="{release}"{space}>
<Header><Sender><SenderName>The Warehouse</SenderName></Sender>
<SentDateTime>20260301</SentDateTime></Header>{"".join(products)}
</ONIXMessage>
"""
    return short_tags(text) if short else text


def short_tags(text: str) -> str:
    """The same message in short tags; what ONIX does not know (XHTML) stays."""
    return re.sub(r"(</?)(\w+)", lambda tag: tag[1] + SHORT_TAGS.get(tag[2], tag[2]), text)


def write(file: Path, text: str) -> Path:
    file.write_text(text, "utf-8")
    return file
