"""Orders that are placed at once: one commit of checkout's own tables in a running shop.

Copies of one that was bought before, each with a buyer of its own, are written together with their
`order.placed` in the outbox, as the saga's last step does; checkout's relay finds them there. Every
tenth order is too heavy for one parcel.
"""

import secrets
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select

from functions.checkout.store.tables import order_lines, orders, outbox
from functions.shipping.tariff import HEAVIEST_GRAMS
from shared.contracts.orders import TOPIC, OrderLine, OrderPlaced
from shared.kit.clock import SharedOffsetClock
from shared.kit.isbn import Isbn
from shared.messaging.outbox import Outbox
from shared.sql.database import Database

_EVERY = 10
_HEAVY_COPIES, _HEAVY_GRAMS = 2, HEAVIEST_GRAMS // 2 + 1


def place(state: Path, count: int) -> int:
    """How many parcels they make. The shop has sold one paperback before."""
    database = Database(f"sqlite:///{(state / 'orders.db').as_posix()}")
    now = SharedOffsetClock(state / "clock.json").business_now()

    def work(connection: Connection) -> None:
        bought = select(orders).where(orders.c.status == "placed").limit(1)
        first = connection.execute(bought).mappings().one()
        line = connection.execute(
            select(order_lines).where(order_lines.c.order_id == first["id"])
        ).mappings().one()  # fmt: skip
        copies = [_copy(dict(first), number) | {"placed_at": now} for number in range(count)]
        lines = [
            dict(line) | {"order_id": one["id"]} | (_heavy() if is_heavy(number) else {})
            for number, one in enumerate(copies)
        ]
        connection.execute(insert(orders), copies)
        connection.execute(insert(order_lines), lines)
        told = Outbox(connection, outbox, "checkout", now)
        for order, bought_line in zip(copies, lines, strict=True):
            told.add(TOPIC, order["id"], _placed(order, bought_line))

    try:
        database.run(work)
    finally:
        database.dispose()
    return count + sum(map(is_heavy, range(count)))


def is_heavy(number: int) -> bool:
    return number % _EVERY == 0


def _heavy() -> dict[str, int]:
    return {"quantity": _HEAVY_COPIES, "weight_grams": _HEAVY_GRAMS}


def _copy(first: dict[str, Any], number: int) -> dict[str, Any]:
    order_id = secrets.token_hex(16)
    buyer = f"{order_id}@example.org"
    return first | {
        "id": order_id,
        "number": f"AT-{number:09d}",
        "checkout_hash": secrets.token_hex(32),
        "email": buyer,
        "email_key": buyer,
    }


def _placed(order: dict[str, Any], line: dict[str, Any]) -> OrderPlaced:
    return OrderPlaced(
        order_id=order["id"],
        order_number=order["number"],
        customer_id=None,
        cart_id=None,
        lines=(
            OrderLine(
                line=line["line"],
                isbn=Isbn(str(line["isbn"])),
                quantity=line["quantity"],
                unit_price=line["unit_price"],
                weight_grams=line["weight_grams"],
            ),
        ),
        total=order["total"],
        currency=order["currency"],
        shipping_method=order["shipping_method"],
        country=order["country"],
        placed_at=order["placed_at"],
    )
