"""Carriers to test with: the sandbox's, and EasyPost as it was recorded."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx
from pydantic import BaseModel, ConfigDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from functions.shipping.easypost.gateway import SdkCarrier
from sandbox.app import create_app
from sandbox.carrier.keys import CarrierKeys, carrier_keys
from sandbox.carrier.webhooks import sign
from shared.config.settings import Sender
from shared.kit.clock import SharedOffsetClock
from tests.support.sandbox import listening, serving

RECORDED = Path(__file__).parents[1] / "contract" / "shipping" / "easypost"
SENDER = Sender(
    name="The Bookstore",
    line1="1 Paternoster Row",
    city="London",
    postcode="EC4M 7DX",
    country="GB",
    phone="+44 20 7946 0000",
)


class CarrierClock(SharedOffsetClock):
    """The sandbox's business time; a test moves machine time on by `ahead`."""

    ahead = timedelta()

    def machine_now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True)
class CarrierSandbox:
    url: str
    folder: Path
    keys: CarrierKeys
    http: httpx.Client

    def carrier(self) -> SdkCarrier:
        keys = self.keys
        return SdkCarrier(keys.api_key, keys.webhook_secret, SENDER, f"{self.url}/carrier/v2")

    def clock(self) -> CarrierClock:
        return CarrierClock(self.folder / "clock.json")

    def order(self, page: str, **said: Any) -> Any:
        """Turns a knob: `faults`, `settings`, `webhooks` or `parcels/{tracking number}`."""
        answer = self.http.post(f"/admin/carrier/{page}", json=said)
        assert answer.is_success, answer.text
        return answer.json()

    def turn_back(self) -> None:
        for page in ("faults", "webhooks", "settings"):
            self.order(page, reset=True)

    def advance(self, by: str) -> None:
        """Moves business time by an ISO 8601 duration."""
        assert self.http.post("/admin/clock", json={"advance": by}).is_success

    def events(self, tracker: str) -> list[bytes]:
        """The bodies of all webhooks about a parcel, oldest first."""
        shown = self.http.get("/admin/carrier/deliveries", params={"tracker": tracker}).json()
        return [str(one["body"]).encode() for one in reversed(shown["deliveries"])]

    def signed(self, body: bytes) -> dict[str, str]:
        return {"x-hmac-signature": sign(body, self.keys.webhook_secret)}


@contextmanager
def carrier_sandbox(folder: Path, shop_url: str | None = None) -> Iterator[CarrierSandbox]:
    with (
        listening() as (listener, url),
        serving(create_app(folder, url, shop_url), listener),
        httpx.Client(base_url=url, timeout=30, trust_env=False) as http,
    ):
        yield CarrierSandbox(url, folder, carrier_keys(folder), http)


@dataclass
class Replay:
    """EasyPost as recorded. A GET shows what the last answer about the object showed; what is sent
    must have the form that EasyPost documents."""

    exchanges: list[dict[str, Any]]
    url: str = ""
    wrong: int | None = None
    """The status of the next answer, in place of what was recorded."""
    shown: dict[str, Any] = field(default_factory=dict)
    sent: list[tuple[str, str, Any]] = field(default_factory=list)

    def carrier(self) -> SdkCarrier:
        return SdkCarrier("EZTKreplay", "secret", SENDER, f"{self.url}/v2")

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.sent.append((method, path, body))
        if self.wrong is not None:
            status, self.wrong = self.wrong, None
            recorded = [one for one in self.exchanges if one["status"] == status]
            down = {"error": {"code": "UNAVAILABLE", "message": "down", "errors": []}}
            return status, recorded[0]["answer"] if recorded else down
        if method == "GET" and path in self.shown:
            return 200, self.shown[path]
        for one in self.exchanges:
            if (one["method"], one["path"]) == (method, path) and one["status"] < 300:
                answer = one["answer"]
                if answer["object"] == "Shipment":
                    self.shown[f"/v2/shipments/{answer['id']}"] = answer
                return one["status"], answer
        return 404, {"error": {"code": "NOT_FOUND", "message": "not recorded", "errors": []}}


@contextmanager
def replayed() -> Iterator[Replay]:
    replay = Replay(json.loads((RECORDED / "recorded.json").read_text("utf-8")))

    async def run(request: Request) -> Response:
        said = await request.body()
        status, answer = replay.answer(
            request.method, request.url.path, json.loads(said) if said else None
        )
        return JSONResponse(answer, status)

    app = Starlette(routes=[Route("/{path:path}", run, methods=["GET", "POST"])])
    with listening() as (listener, url), serving(app, listener):
        replay.url = url
        yield replay


class Documented(BaseModel):
    """What https://docs.easypost.com says of a request, as far as shipping sends it."""

    model_config = ConfigDict(extra="forbid")


class SentAddress(Documented):
    name: str
    street1: str
    street2: str | None = None
    city: str
    state: str | None = None
    zip: str
    country: str
    phone: str | None = None
    email: str | None = None


class SentParcel(Documented):
    length: float
    width: float
    height: float
    weight: float


class SentCustomsItem(Documented):
    description: str
    quantity: int
    value: float
    weight: float
    hs_tariff_number: str
    origin_country: str
    currency: str | None = None


class SentCustoms(Documented):
    customs_certify: bool
    customs_signer: str
    contents_type: Literal["merchandise", "gift", "documents", "returned_goods", "other"]
    contents_explanation: str | None = None
    restriction_type: Literal["none", "other", "quarantine", "sanitary_phytosanitary_inspection"]
    non_delivery_option: Literal["return", "abandon"]
    eel_pfc: str | None = None
    customs_items: list[SentCustomsItem]


class SentOptions(Documented):
    label_format: Literal["PDF", "PNG", "ZPL", "EPL2"]
    invoice_number: str | None = None


class SentShipment(Documented):
    reference: str | None = None
    from_address: SentAddress
    to_address: SentAddress
    parcel: SentParcel
    customs_info: SentCustoms | None = None
    options: SentOptions | None = None
    carrier: str | None = None
    carrier_accounts: list[str] | None = None
    service: str | None = None


def unlike(shown: Any, recorded: Any, path: str = "") -> list[str]:
    """Where the stand-in shows a field that EasyPost has not, or one of another type."""
    if shown is None or recorded is None:
        return []
    if isinstance(shown, Mapping) and isinstance(recorded, Mapping):
        return [
            problem
            for name, value in shown.items()
            for problem in (
                unlike(value, recorded[name], f"{path}.{name}")
                if name in recorded
                else [f"{path}.{name} is not EasyPost's"]
            )
        ]
    if isinstance(shown, list) and isinstance(recorded, list):
        return [problem for one in shown for problem in unlike(one, *recorded[:1] or [one], path)]
    alike = isinstance(shown, type(recorded)) or {type(shown), type(recorded)} <= {int, float}
    return [] if alike else [f"{path} is {type(shown).__name__}"]
