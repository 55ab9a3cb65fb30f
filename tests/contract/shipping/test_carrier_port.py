"""The contract of shipping's port to carriers: on the sandbox over HTTP, and on EasyPost as it was
recorded. Both by EasyPost's own SDK."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from functions.shipping.easypost.gateway import SdkCarrier, chosen
from functions.shipping.easypost.shapes import Rate, label_from, shipment_from
from functions.shipping.shipment_model import (
    BadSignature,
    CarrierRefused,
    CarrierUnavailable,
    Content,
    Sent,
)
from sandbox.carrier.api import REFUSED_POSTCODE
from shared.contracts.orders import Delivery
from shared.kit.isbn import Isbn
from tests.support.carrier import (
    RECORDED,
    SENDER,
    CarrierSandbox,
    Replay,
    SentShipment,
    replayed,
    unlike,
)
from tests.support.shipping import LONDON

SECRET = "sécret"
SIGNATURE = "hmac-sha256-hex=38f3f53c103713df81616a0a186d77141957323ec21d5fe9363db93840f527db"
"""EasyPost's own, of `event.json`."""


def sent(to: Delivery = LONDON) -> Sent:
    contents = (Content(1, Isbn("9780141439846"), 2, 899, 300),)
    return Sent("reference", to, 660, contents, "GBP")


@dataclass
class Party:
    """A carrier behind the port, and how to make it refuse or be down."""

    carrier: SdkCarrier
    refused: Callable[[], Sent]
    go_down: Callable[[], object]
    voidable: Callable[[], str]
    """A draft of which the label was bought and not used."""
    tracker: Callable[[], str]


@pytest.fixture(scope="module")
def replay() -> Iterator[Replay]:
    with replayed() as running:
        yield running


@pytest.fixture(params=["sandbox", "recorded"])
def party(request: pytest.FixtureRequest, sandbox: CarrierSandbox, sdk: SdkCarrier) -> Party:
    if request.param == "sandbox":

        def bought() -> str:
            draft = sdk.draft(sent())
            sdk.buy(draft, 4)
            return draft

        return Party(
            sdk,
            lambda: sent(LONDON.model_copy(update={"postcode": REFUSED_POSTCODE})),
            lambda: sandbox.order("faults", kind="down", calls=1),
            bought,
            lambda: sdk.buy(sdk.draft(sent()), 4).tracker,
        )
    replay: Replay = request.getfixturevalue("replay")
    replay.shown.clear()

    def refuse() -> Sent:
        replay.wrong = 422
        return sent()

    def fall() -> None:
        replay.wrong = 503

    def of_kind(path: str, part: str) -> str:
        found = [one for one in replay.exchanges if part in one["path"]]
        identity = str(found[0]["answer"]["id"])
        # What the label was bought with is recorded as one call with the shipment's creation.
        if part == "/refund":
            before = {**found[0]["answer"], "refund_status": None}
            replay.shown[f"{path}/{identity}"] = before
        return identity

    return Party(
        replay.carrier(),
        refuse,
        fall,
        lambda: of_kind("/v2/shipments", "/refund"),
        lambda: of_kind("/v2/trackers", "/trackers/"),
    )


def test_a_draft_has_no_label_until_it_is_bought_and_then_one(party: Party) -> None:
    draft = party.carrier.draft(sent())
    assert party.carrier.label(draft) is None
    label = party.carrier.buy(draft, 4)
    assert label.tracking_number
    assert label.label_url.startswith("http")
    assert label.tracking_url is not None
    assert party.carrier.buy(draft, 4) == label
    assert party.carrier.label(draft) == label


def test_a_label_is_given_back_and_again_without_harm(party: Party) -> None:
    draft = party.voidable()
    party.carrier.void(draft)
    party.carrier.void(draft)


def test_a_parcel_that_was_not_handed_over_shows_its_label_alone(party: Party) -> None:
    tracking = party.carrier.track(party.tracker())
    assert tracking.scans
    assert {scan.state for scan in tracking.scans} == {None}
    assert [scan.at for scan in tracking.scans] == sorted(scan.at for scan in tracking.scans)
    assert tracking.expected is not None


def test_a_parcel_that_nobody_takes_is_refused(party: Party) -> None:
    refused = party.refused()
    with pytest.raises(CarrierRefused):
        party.carrier.draft(refused)


def test_a_carrier_that_is_down_is_unavailable(party: Party) -> None:
    party.go_down()
    with pytest.raises(CarrierUnavailable):
        party.carrier.draft(sent())


def test_what_the_carrier_does_not_know_is_refused(party: Party) -> None:
    for call in (party.carrier.label, party.carrier.void, party.carrier.track):
        with pytest.raises(CarrierRefused):
            call("shp_nobody")


def test_nobody_at_home_and_a_wrong_key_are_unavailable(sandbox: CarrierSandbox) -> None:
    for key, url in (("EZTKx", "http://127.0.0.1:9/v2"), ("EZTKx", f"{sandbox.url}/carrier/v2")):
        with pytest.raises(CarrierUnavailable):
            SdkCarrier(key, "secret", SENDER, url).draft(sent())


def test_what_easypost_signed_is_taken_and_nothing_else() -> None:
    body = (RECORDED / "event.json").read_bytes()
    carrier = SdkCarrier("EZTKx", SECRET, SENDER)
    carrier.verify(body, {"x-hmac-signature": SIGNATURE})
    for wrong in ("", "hmac-sha256-hex=é", SIGNATURE[:-1], SIGNATURE.upper()):
        with pytest.raises(BadSignature):
            carrier.verify(body, {"x-hmac-signature": wrong})
    with pytest.raises(BadSignature):
        carrier.verify(body + b" ", {"x-hmac-signature": SIGNATURE})
    with pytest.raises(BadSignature):
        carrier.verify(body, {})


def test_an_event_of_easypost_is_read() -> None:
    notice = SdkCarrier("EZTKx", SECRET, SENDER).read((RECORDED / "event.json").read_bytes())
    assert (notice.id, notice.kind) == ("evt_1", "tracker.updated")
    assert notice.tracking is not None
    states = [scan.state for scan in notice.tracking.scans]
    assert states == [None, *["in_transit"] * 6]
    assert str(notice.tracking.expected) == "2024-08-05"
    assert notice.tracking.scans[1].place == "ORLANDO, FL, US"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"id": "evt", "description": "tracker.updated", "result": {}}']
)
def test_what_is_no_event_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the gateway's own promise
        SdkCarrier("EZTKx", SECRET, SENDER).read(body)


def test_an_event_of_another_kind_is_read_without_tracking() -> None:
    body = json.dumps({"id": "evt_2", "description": "batch.created", "result": {}}).encode()
    assert SdkCarrier("EZTKx", SECRET, SENDER).read(body).tracking is None


def test_what_is_sent_has_the_form_that_easypost_documents(replay: Replay) -> None:
    recorded = [one["sent"]["shipment"] for one in replay.exchanges if one["sent"] is not None
                and one["sent"].get("shipment")]  # fmt: skip
    for one in recorded:
        SentShipment.model_validate(one)
    replay.sent.clear()
    replay.carrier().draft(sent())
    abroad = LONDON.model_copy(update={"country": "FR", "postcode": "75001", "city": "Paris"})
    replay.carrier().draft(sent(abroad))
    home, foreign = (
        SentShipment.model_validate(body["shipment"], strict=True) for _, _, body in replay.sent
    )
    assert home.customs_info is None
    assert home.parcel.weight == 23.3
    assert foreign.customs_info is not None
    [item] = foreign.customs_info.customs_items
    assert (item.value, item.quantity, item.weight, item.currency) == (17.98, 2, 21.2, "GBP")


def test_the_sandbox_shows_no_field_that_easypost_does_not(
    sandbox: CarrierSandbox, sdk: SdkCarrier, replay: Replay
) -> None:
    draft = sdk.draft(sent())
    key = {"Authorization": f"Bearer {sandbox.keys.api_key}"}
    created, bought = replay.exchanges[:2]
    shown = sandbox.http.get(f"/carrier/v2/shipments/{draft}", headers=key).json()
    assert unlike(shown, created["answer"]) == []
    tracker = sdk.buy(draft, 4).tracker
    shown = sandbox.http.get(f"/carrier/v2/shipments/{draft}", headers=key).json()
    assert unlike(shown, bought["answer"]) == []
    event = json.loads(sandbox.events(tracker)[0])
    assert unlike(event, json.loads((RECORDED / "event.json").read_bytes())) == []


def test_an_answer_in_another_shape_is_unavailable_and_names_the_field(
    replay: Replay,
) -> None:
    replay.shown["/v2/trackers/trk_odd"] = {"object": "Tracker", "id": "trk_odd"}
    with pytest.raises(CarrierUnavailable, match="tracking_code"):
        replay.carrier().track("trk_odd")


def test_the_cheapest_rate_is_chosen_that_keeps_the_promise() -> None:
    def rate(name: str, price: float, days: int | None) -> Rate:
        return Rate(id=name, carrier="c", service=name, rate=price, delivery_days=days)

    rates = [rate("slow", 3, 5), rate("quick", 9, 2), rate("quicker", 12, 1), rate("odd", 4, None)]
    assert [chosen(rates, days).id for days in (8, 4, 1)] == ["slow", "quick", "quicker"]
    assert chosen(rates[:2], 1).id == "quick"
    assert chosen([rates[3], rates[0]], 1).id == "slow"
    assert chosen([rates[3]], 1).id == "odd"
    with pytest.raises(CarrierRefused):
        chosen([], 4)


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://track.easypost.com/1", True),
        ("http://127.0.0.1:7072/track/1", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//track.easypost.com/1", False),
        ("https://track.easypost.com/" + "1" * 400, False),
    ],
)
def test_only_the_address_of_a_page_is_kept_to_follow_a_parcel(address: str, kept: bool) -> None:
    tracker = {"id": "t", "tracking_code": "1", "status": "unknown", "carrier": "USPS"}
    shown = {
        "id": "s",
        "postage_label": {"label_url": "https://example.org/label.png"},
        "tracker": {**tracker, "public_url": address},
    }
    label = label_from(shipment_from(shown))
    assert label is not None
    assert label.tracking_url == (address if kept else None)
