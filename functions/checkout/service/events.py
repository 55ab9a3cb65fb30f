"""What checkout announces, made of an order."""

from typing import Literal

from functions.checkout.model import Order
from shared.contracts.orders import OrderCancelled, OrderLine, OrderPlaced


def placed(order: Order) -> OrderPlaced:
    assert order.placed_at is not None
    return OrderPlaced(
        order_id=order.id,
        order_number=order.number,
        customer_id=order.customer_id,
        cart_id=order.cart_id,
        lines=order_lines(order),
        total=order.total,
        currency=order.currency,
        shipping_method=order.shipping_method,
        country=order.country,
        placed_at=order.placed_at,
    )


def cancelled(
    order: Order, stage: Literal["before_placement", "after_placement"]
) -> OrderCancelled:
    return OrderCancelled(
        order_id=order.id,
        order_number=order.number,
        customer_id=order.customer_id,
        stage=stage,
        reason=order.end_reason or "cancelled",
        lines=order_lines(order),
    )


def order_lines(order: Order) -> tuple[OrderLine, ...]:
    return tuple(
        OrderLine(
            line=line.line,
            isbn=line.isbn,
            quantity=line.quantity,
            unit_price=line.unit_price,
            weight_grams=line.weight_grams,
        )
        for line in order.lines
    )
