"""A postal address as a shopper types it, checked by the rules of its country."""

from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from shared.contracts.orders import Delivery
from shared.kit.texts import storable
from shared.postal.countries import read_country
from shared.postal.postcodes import read_postcode
from shared.postal.regions import read_region

_LONGEST = 100
_LINE = StringConstraints(
    strip_whitespace=True,
    min_length=1,
    max_length=_LONGEST,
    pattern=r"^[^\x00-\x1f\x7f\u2028\u2029]+$",
)
Line = Annotated[
    str, _LINE, storable(_LONGEST), Field(json_schema_extra={"example": "221B Baker Street"})
]
Country = Annotated[
    str,
    Field(max_length=10),
    AfterValidator(read_country),
    Field(json_schema_extra={"example": "GB"}),
]


class PostalAddress(BaseModel):
    """`region` and `postcode` are needed where the country's post sorts by them, and come back as
    the country writes them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Line
    line1: Line
    line2: Line | None = None
    city: Line
    # Before region and postcode, since they are checked by its rules.
    country: Country
    region: Annotated[Line | None, Field(validate_default=True)] = None
    postcode: Annotated[
        str,
        Field(max_length=40, validate_default=True, json_schema_extra={"example": "NW1 6XE"}),
    ] = ""

    @field_validator("region")
    @classmethod
    def _known_region(cls, region: str | None, info: ValidationInfo) -> str | None:
        country = info.data.get("country")
        return region if country is None else read_region(country, region)

    @field_validator("postcode")
    @classmethod
    def _known_postcode(cls, postcode: str, info: ValidationInfo) -> str:
        country = info.data.get("country")
        return postcode if country is None else read_postcode(country, postcode)

    def delivery(self) -> Delivery:
        return Delivery(
            name=self.name,
            line1=self.line1,
            line2=self.line2,
            city=self.city,
            region=self.region,
            postcode=self.postcode,
            country=self.country,
        )
