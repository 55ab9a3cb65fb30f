"""The sandbox's carrier: its API's refusals, its knobs, its webhooks and its pages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from easypost.util import validate_webhook

from functions.shipping.easypost.gateway import SdkCarrier
from functions.shipping.shipment_model import Content, Label, Sent
from shared.contracts.orders import Delivery
from shared.kit.isbn import Isbn
from tests.support.carrier import CarrierSandbox, carrier_sandbox
from tests.support.stripe import until
from tests.support.taker import open_shop

HOME = Delivery(
    name="Anna <b>Ray</b>",
    line1="12 Long Lane",
    line2=None,
    city="London",
    region=None,
    postcode="EC1A 9HF",
    country="GB",
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CarrierSandbox]:
    with carrier_sandbox(tmp_path_factory.mktemp("carrier")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: CarrierSandbox) -> Iterator[CarrierSandbox]:
    yield running
    running.turn_back()


@pytest.fixture(scope="module")
def carrier(running: CarrierSandbox) -> SdkCarrier:
    return running.carrier()


def bought(carrier: SdkCarrier, within_days: int = 4) -> Label:
    contents = (Content(1, Isbn("9780141439846"), 1, 899, 300),)
    return carrier.buy(carrier.draft(Sent("r", HOME, 360, contents, "GBP")), within_days)


def api(sandbox: CarrierSandbox, method: str, path: str, body: Any = None, **headers: str) -> Any:
    sent = {"Authorization": f"Bearer {sandbox.keys.api_key}", **headers}
    return sandbox.http.request(method, f"/carrier/v2/{path}", json=body, headers=sent)


def test_a_wrong_key_is_refused(sandbox: CarrierSandbox) -> None:
    refused = api(sandbox, "GET", "shipments/shp_1", Authorization="Bearer EZTKother")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "APIKEY.INACTIVE")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "shipment"),
        ({"shipment": {}}, "from_address"),
        ({"shipment": {"from_address": {"name": "A"}}}, "from.street1"),
    ],
)
def test_what_is_missing_is_named(sandbox: CarrierSandbox, body: Any, named: str) -> None:
    refused = api(sandbox, "POST", "shipments", body)
    assert refused.status_code == 422
    assert refused.json()["error"]["message"] == f"Missing required parameter: {named}"


def test_a_label_is_bought_once_and_used_labels_are_not_given_back(
    sandbox: CarrierSandbox, carrier: SdkCarrier
) -> None:
    tracker = bought(carrier, 1).tracker
    shipment = api(sandbox, "GET", f"trackers/{tracker}").json()["shipment_id"]
    rate = api(sandbox, "GET", f"shipments/{shipment}").json()["selected_rate"]
    assert rate["service"] == "Express"
    again = api(sandbox, "POST", f"shipments/{shipment}/buy", {"rate": {"id": rate["id"]}})
    assert again.json()["error"]["code"] == "SHIPMENT.POSTAGE.EXISTS"
    sandbox.advance("P1D")
    refused = api(sandbox, "POST", f"shipments/{shipment}/refund")
    assert refused.json()["error"]["code"] == "REFUND.UNAVAILABLE"


@pytest.mark.parametrize("fate", ["lost", "damaged", "returned", "delayed", "arrives"])
def test_each_fate_has_its_end(sandbox: CarrierSandbox, carrier: SdkCarrier, fate: str) -> None:
    sandbox.order("settings", fate=fate)
    tracker = bought(carrier).tracker
    sandbox.advance("P9D")
    ends = {"lost": "failure", "damaged": "failure", "returned": "return_to_sender"}
    shown = api(sandbox, "GET", f"trackers/{tracker}").json()
    assert shown["status"] == ends.get(fate, "delivered")
    times = [one["datetime"] for one in shown["tracking_details"]]
    assert times == sorted(times)


def test_a_parcel_that_was_to_be_lost_can_be_found(
    sandbox: CarrierSandbox, carrier: SdkCarrier
) -> None:
    sandbox.order("settings", fate="lost")
    label = bought(carrier)
    sandbox.advance("P3D")
    sandbox.order(f"parcels/{label.tracking_number}", fate="arrives")
    sandbox.advance("P2D")
    assert api(sandbox, "GET", f"trackers/{label.tracker}").json()["status"] == "delivered"


def test_webhooks_are_signed_and_come_again_until_they_are_taken(
    sandbox: CarrierSandbox, carrier: SdkCarrier
) -> None:
    with open_shop("X-Hmac-Signature") as (shop, address):
        sandbox.order("webhooks", endpoint=address)
        until(
            lambda: sandbox.http.get("/admin/carrier/deliveries").json()["waiting"],
            lambda waiting: waiting == 0,
        )
        shop.refuses = 2
        shop.got.clear()
        tracker = bought(carrier).tracker
        shop.wait_for(1)
        [(signature, body)] = [one for one in shop.got if tracker.encode() in one[1]]
        event = validate_webhook(body, {"X-Hmac-Signature": signature}, sandbox.keys.webhook_secret)
        assert event["result"]["status"] == "pre_transit"
        [delivery] = until(
            lambda: sandbox.http.get(
                "/admin/carrier/deliveries", params={"tracker": tracker}
            ).json()["deliveries"],
            lambda found: found[0]["state"] == "taken",
        )
        assert delivery["attempts"] == 3


def test_webhooks_can_come_twice_or_not_at_all(
    sandbox: CarrierSandbox, carrier: SdkCarrier
) -> None:
    sandbox.order("webhooks", duplicate=1, paused=True)
    assert len(set(sandbox.events(bought(carrier).tracker))) == 1
    assert len(sandbox.events(bought(carrier).tracker)) == 2
    sandbox.order("webhooks", drop=1, duplicate=0)
    tracker = bought(carrier).tracker
    shown = sandbox.http.get("/admin/carrier/deliveries", params={"tracker": tracker}).json()
    assert [one["state"] for one in shown["deliveries"]] == ["dropped"]


@pytest.mark.parametrize(
    ("page", "said", "why"),
    [
        ("faults", {"kind": "strike"}, "kind must be one of down, down_after."),
        ("faults", {"calls": 1}, "kind is missing."),
        ("settings", {"fate": "eaten"}, "fate must be one of"),
        ("webhooks", {"duplicate": 2}, "duplicate must be a share from 0 to 1."),
        ("webhooks", {"colour": 1}, "colour is not known"),
    ],
)
def test_a_wrong_knob_is_refused_with_a_sentence(
    sandbox: CarrierSandbox, page: str, said: Any, why: str
) -> None:
    refused = sandbox.http.post(f"/admin/carrier/{page}", json=said)
    assert refused.status_code == 400
    assert refused.json()["error_description"].startswith(why)


def test_an_unknown_parcel_is_not_found(sandbox: CarrierSandbox) -> None:
    for path in ("/carrier/parcels/SB1", "/carrier/labels/SB1"):
        assert sandbox.http.get(path).status_code == 404
    assert sandbox.http.post("/admin/carrier/parcels/SB1", json={"fate": "lost"}).status_code == 404


def test_the_pages_show_parcels_and_turn_their_fate(
    sandbox: CarrierSandbox, carrier: SdkCarrier
) -> None:
    label = bought(carrier)
    code = label.tracking_number
    assert label.tracking_url is not None
    assert code in sandbox.http.get("/carrier").text
    assert "A label was printed" in sandbox.http.get(label.tracking_url).text
    shown = sandbox.http.get(label.label_url).text
    assert "Anna &lt;b&gt;Ray" in shown
    answer = sandbox.http.post(f"/carrier/parcels/{code}/lost")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/carrier/parcels/{code}")
    sandbox.advance("P9D")
    assert "failure" in sandbox.http.get(label.tracking_url).text


def test_parcels_outlive_the_sandbox(tmp_path: Path) -> None:
    with carrier_sandbox(tmp_path) as first:
        label = bought(first.carrier())
    with carrier_sandbox(tmp_path) as second:
        second.advance("P9D")
        shown = api(second, "GET", f"trackers/{label.tracker}").json()
    assert shown["status"] == "delivered"
    assert shown["tracking_code"] == label.tracking_number
