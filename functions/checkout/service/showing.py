"""Checkouts and orders as their buyers get them."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from functions.checkout.model import (
    CheckoutStatus,
    Difference,
    Order,
    OrderStatus,
    Refund,
    shown_status,
)
from functions.checkout.service.orders import Detail
from shared.contracts.orders import Delivery
from shared.contracts.payments import PaymentView
from shared.kit.isbn import Isbn
from shared.kit.money import Money


class ShownLine(BaseModel):
    line: int
    isbn: Isbn
    title: str
    format: str
    quantity: int
    unit_price: Money
    total: Money
    refunded_quantity: int


class Totals(BaseModel):
    """`tax` is the part of `total` that is tax."""

    items: Money
    shipping: Money
    tax: Money
    total: Money


class Checkout(BaseModel):
    """`payment` is there while `status` is `awaiting_payment`. `order` appears with `confirmed`."""

    id: str
    status: CheckoutStatus
    reason: str | None
    differences: list[Difference]
    lines: list[ShownLine]
    totals: Totals | None
    payment: PaymentView | None
    pay_until: datetime
    order_id: str | None
    order_number: str | None
    version: int


class TimelineEntry(BaseModel):
    at: datetime
    kind: str
    detail: dict[str, Any]


class OrderSummary(BaseModel):
    id: str
    order_number: str
    status: OrderStatus
    placed_at: datetime | None
    total: Money
    refunded: Money
    lines: list[ShownLine]


class OrderPage(BaseModel):
    items: list[OrderSummary]
    next_cursor: str | None


class ListedOrder(OrderSummary):
    """`email` is null once the customer was erased."""

    created_at: datetime
    email: str | None


class ListedOrders(BaseModel):
    items: list[ListedOrder]
    next_cursor: str | None


class ShownOrder(OrderSummary):
    totals: Totals
    shipping_method: str
    shipping_address: Delivery | None = Field(description="null once the customer was erased")
    email: str | None
    reason: str | None
    refunds: list[Refund]
    timeline: list[TimelineEntry]


def checkout(order: Order, checkout_id: str, view: PaymentView | None) -> Checkout:
    status = shown_status(order, payable=view is not None)
    is_priced = status not in ("validating", "rejected") or order.total > 0
    is_order = status == "confirmed"
    return Checkout(
        id=checkout_id,
        status=status,
        reason=order.end_reason,
        differences=list(order.differences),
        lines=[_line(order, place) for place in range(len(order.lines))] if is_priced else [],
        totals=_totals(order) if is_priced else None,
        payment=view if status == "awaiting_payment" else None,
        pay_until=order.pay_until,
        order_id=order.id if is_order else None,
        order_number=order.number if is_order else None,
        version=order.version,
    )


def summary(order: Order) -> OrderSummary:
    return OrderSummary(**_summary(order))


def listed(order: Order) -> ListedOrder:
    return ListedOrder(**_summary(order), created_at=order.created_at, email=order.email)


def shown(detail: Detail) -> ShownOrder:
    order = detail.order
    return ShownOrder(
        **_summary(order),
        totals=_totals(order),
        shipping_method=order.shipping_method,
        shipping_address=order.delivery,
        email=order.email,
        reason=order.end_reason,
        refunds=list(detail.refunds),
        timeline=[
            TimelineEntry(at=one.at, kind=one.kind, detail=dict(one.detail))
            for one in detail.timeline
        ],
    )


def _summary(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "order_number": order.number,
        "status": order.status,
        "placed_at": order.placed_at,
        "total": _money(order, order.total),
        "refunded": _money(order, order.refunded),
        "lines": [_line(order, place) for place in range(len(order.lines))],
    }


def _totals(order: Order) -> Totals:
    return Totals(
        items=_money(order, order.items_total),
        shipping=_money(order, order.shipping_total),
        tax=_money(order, order.tax_total),
        total=_money(order, order.total),
    )


def _line(order: Order, place: int) -> ShownLine:
    line = order.lines[place]
    return ShownLine(
        line=line.line,
        isbn=line.isbn,
        title=line.title,
        format=line.format,
        quantity=line.quantity,
        unit_price=_money(order, line.unit_price),
        total=_money(order, line.unit_price * line.quantity),
        refunded_quantity=line.refunded_quantity,
    )


def _money(order: Order, amount: int) -> Money:
    return Money(amount=amount, currency=order.currency)
