"""docs/observability.md lists what is told, and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

# Every service's contract has to be loaded for its payloads to be known.
import shared.contracts.inventory
import shared.contracts.orders
import shared.contracts.payments
import shared.contracts.shipping  # noqa: F401
from shared.contracts.envelope import Payload
from shared.telemetry.metrics import ALL

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs/observability.md").read_text("utf-8")
PERSONAL = {"customer_id", "email", "name", "postcode", "cart_id", "tracking_number"}
ROW = re.compile(r"^\| `([a-z_.]+)` \|(.*)\|(.*)\|$", re.MULTILINE)


def kinds(payload: type[Payload] = Payload) -> Iterator[type[Payload]]:
    for kind in payload.__subclasses__():
        if kind.__module__.startswith("shared.contracts"):
            yield kind
        yield from kinds(kind)


def test_every_domain_event_is_listed_with_its_fields() -> None:
    told = {kind.kind: set(kind.told) for kind in kinds() if kind.told is not None}
    listed = {
        name: set(re.findall("`([a-z_]+)`", dimensions + measurements))
        for name, dimensions, measurements in ROW.findall(_section("Domain events"))
    }
    assert listed.pop("payment.mismatch") == {"order_id", "what"}
    assert listed == told


def test_what_is_told_exists_and_leads_to_nobody() -> None:
    for kind in kinds():
        assert set(kind.told or ()) <= kind.model_fields.keys()
        assert not set(kind.told or ()) & PERSONAL


def test_every_metric_is_listed_with_its_unit() -> None:
    section = _section("Metrics")
    assert [f"| `{one.name}` | {one.kind}, {one.unit} |" in section for one in ALL] == [True] * 7


def _section(title: str) -> str:
    return DOCUMENT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
