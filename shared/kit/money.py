"""Money as integer minor units and a currency, never a float."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_CURRENCY = re.compile(r"[A-Z]{3}")


def _currency(code: str) -> str:
    if not _CURRENCY.fullmatch(code):
        raise ValueError("is not an ISO 4217 code such as GBP")
    return code


Currency = Annotated[
    str,
    AfterValidator(_currency),
    Field(json_schema_extra={"pattern": "^[A-Z]{3}$", "example": "GBP"}),
]


class Money(BaseModel):
    """`amount` counts the currency's minor units: 1299 GBP is twelve pounds ninety-nine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Annotated[int, Field(strict=True, ge=0, le=10**12)]
    currency: Currency
