"""EasyPost's objects, as far as shipping reads them (https://docs.easypost.com/docs/shipments).

They are checked when they are read: an answer in another shape is an error that names the field,
not a parcel that goes astray.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    StringConstraints,
    ValidationError,
)

from functions.shipping.shipment_model import (
    CarrierUnavailable,
    Label,
    Notice,
    Reason,
    Scan,
    State,
    Tracking,
)

_ACCEPTED = frozenset({"package_accepted", "received_at_origin_facility"})
_STATES: Mapping[str, State] = {
    "in_transit": "in_transit",
    "out_for_delivery": "out_for_delivery",
    "available_for_pickup": "out_for_delivery",
    "delivered": "delivered",
    "return_to_sender": "returned",
    "failure": "failed",
}
"""Other statuses (`unknown`, `pre_transit`, `cancelled`, `error`) move nothing."""
_LONGEST_ADDRESS = 400
_TRACKER_EVENTS = ("tracker.created", "tracker.updated")


S = TypeVar("S", bound=BaseModel)


class Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside of the calendar") from None


class Location(Shape):
    city: str | None = None
    state: str | None = None
    country: str | None = None


class TrackingDetail(Shape):
    datetime: Annotated[AwareDatetime, AfterValidator(_in_utc)]
    status: str
    status_detail: str | None = None
    message: str | None = None
    tracking_location: Location | None = None


class Tracker(Shape):
    id: str
    tracking_code: str
    status: str
    carrier: str
    shipment_id: str | None = None
    est_delivery_date: AwareDatetime | None = None
    public_url: str | None = None
    tracking_details: tuple[TrackingDetail, ...] = ()


class Rate(Shape):
    id: str
    carrier: str
    service: str
    rate: float
    delivery_days: int | None = None


class PostageLabel(Shape):
    label_url: str


class CarrierMessage(Shape):
    carrier: str | None = None
    message: Any = None


class EasyPostShipment(Shape):
    id: str
    rates: tuple[Rate, ...] = ()
    messages: tuple[CarrierMessage, ...] = ()
    postage_label: PostageLabel | None = None
    tracker: Tracker | None = None
    refund_status: str | None = None


class Event(Shape):
    id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    description: str
    result: dict[str, Any]


def shipment_from(shown: Mapping[str, Any]) -> EasyPostShipment:
    """Raises CarrierUnavailable where it has another shape."""
    return checked(EasyPostShipment, shown)


def tracking_from(shown: Mapping[str, Any]) -> Tracking:
    """Raises CarrierUnavailable where it has another shape."""
    return _tracking(checked(Tracker, shown))


def label_from(shipment: EasyPostShipment) -> Label | None:
    """None where none was bought, or it was given back."""
    label, tracker = shipment.postage_label, shipment.tracker
    if label is None or tracker is None:
        return None
    return Label(
        carrier=tracker.carrier,
        tracker=tracker.id,
        tracking_number=tracker.tracking_code,
        tracking_url=_page(tracker.public_url),
        label_url=label.label_url,
        expected=_day(tracker.est_delivery_date),
    )


def _page(address: str | None) -> str | None:
    """What a reader may be led to: a link of another scheme would run in the shop's own page."""
    if address is None or not address.startswith(("https://", "http://")):
        return None
    return address if len(address) <= _LONGEST_ADDRESS else None


def notice_from(event: Mapping[str, Any]) -> Notice:
    """Raises ValueError where a part that every event has is not there."""
    try:
        read = Event.model_validate(event)
        if read.description not in _TRACKER_EVENTS:
            return Notice(read.id, read.description, None, None)
        tracker = Tracker.model_validate(read.result)
    except ValidationError as error:
        raise ValueError(_first(error)) from None
    return Notice(read.id, read.description, tracker.shipment_id, _tracking(tracker))


def _tracking(tracker: Tracker) -> Tracking:
    seen = sorted(tracker.tracking_details, key=lambda one: one.datetime)
    return Tracking(_scans(seen), _day(tracker.est_delivery_date))


def _scans(details: Sequence[TrackingDetail]) -> Sequence[Scan]:
    return tuple(_scan(one) for one in details)


def _scan(one: TrackingDetail) -> Scan:
    detail = one.status_detail or ""
    state = _STATES.get(one.status)
    if state == "in_transit" and detail in _ACCEPTED:
        state = "dispatched"
    where = one.tracking_location or Location()
    place = ", ".join(filter(None, (where.city, where.state, where.country)))
    return Scan(
        at=one.datetime,
        state=state,
        reason=_reason(state, detail),
        status=one.status if detail in ("", "status_update") else f"{one.status}/{detail}",
        message=one.message or "",
        place=place,
    )


def _reason(state: State | None, detail: str) -> Reason | None:
    if state == "returned":
        return "returned"
    if state != "failed":
        return None
    return "damaged" if detail in ("damaged", "package_disposed") else "lost"


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def checked(shape: type[S], shown: Mapping[str, Any]) -> S:
    try:
        return shape.model_validate(shown)
    except ValidationError as error:
        raise CarrierUnavailable(f"EasyPost answered in another shape: {_first(error)}") from None


def _first(error: ValidationError) -> str:
    """One line without the content, which is somebody's address."""
    found = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(map(str, found['loc']))} {found['msg']}"
