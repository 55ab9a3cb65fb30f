"""Orders and their lines as the columns hold them, and back."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from functions.checkout.model import Difference, Line, Order
from shared.contracts.orders import Delivery
from shared.kit.isbn import Isbn

_LINE_FIELDS = tuple(name for name in Line.model_fields if name != "isbn")
_BUILT_FIELDS = ("delivery", "differences", "cancel_requested", "lines")
_ORDER_FIELDS = tuple(name for name in Order.model_fields if name not in _BUILT_FIELDS)


def line_of(row: Row[Any]) -> Line:
    return Line.model_construct(
        isbn=Isbn(f"{row.isbn:013d}"), **{name: getattr(row, name) for name in _LINE_FIELDS}
    )


def order_of(row: Row[Any], lines: tuple[Line, ...]) -> Order:
    return Order.model_construct(
        **{name: getattr(row, name) for name in _ORDER_FIELDS},
        delivery=None if row.delivery is None else Delivery.model_validate_json(row.delivery),
        differences=tuple(Difference.model_validate(one) for one in json.loads(row.differences)),
        cancel_requested=bool(row.cancel_requested),
        lines=lines,
    )


def stored(values: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(values)
    if "differences" in kept:
        kept["differences"] = json.dumps(
            [one.model_dump(mode="json") for one in kept["differences"]]
        )
    if "cancel_requested" in kept:
        kept["cancel_requested"] = int(kept["cancel_requested"])
    return kept
