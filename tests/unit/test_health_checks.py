"""What `ready` asks of others' services."""

import socket

import pytest

from functions.ops.service import Check
from shared.config import Settings
from shared.kit.clock import MachineClock
from shared.kit.provider import Provider
from shared.messaging.telling import Telling
from shared.telemetry.domain_events import LoggedEvents
from tests.support.ports import free_ports
from tests.unit.local_server import serving
from tests.unit.test_settings import COMPLETE
from wiring.health import NoAnswer, optional_checks
from wiring.inventory import Inventory


def checks(**changes: str) -> dict[str, Check]:
    settings = Settings.from_env({**COMPLETE, **changes})
    return optional_checks(
        settings, Inventory(settings, MachineClock(), Telling(Provider(LoggedEvents)))
    )


def test_each_service_that_the_settings_name_is_asked() -> None:
    assert set(checks()) == {"sign-in", "stripe", "carrier", "mail"}
    assert set(checks(REDIS_URL="redis://127.0.0.1")) - set(checks()) == {"redis"}
    assert set(checks(SERVICES="inventory")) == {"sign-in"}


@pytest.mark.parametrize(
    ("status", "is_there"), [(200, True), (401, True), (404, True), (503, False)]
)
def test_any_answer_that_is_not_of_a_broken_server_is_good(status: int, is_there: bool) -> None:
    with serving(lambda path, body: (status, b"")) as server:
        check = checks(MAIL_ENDPOINT=server.url)["mail"]
        if is_there:
            check()
        else:
            with pytest.raises(NoAnswer, match="503"):
                check()


def test_nobody_at_home_is_told_without_the_address() -> None:
    check = checks(STRIPE_API_BASE=f"http://127.0.0.1:{free_ports()}/s3cret")["stripe"]
    with pytest.raises(NoAnswer) as told:
        check()
    assert "s3cret" not in told.value.detail


def test_a_mail_server_is_asked_whether_it_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        changes = {"MAIL_ENDPOINT": "", "MAIL_SMTP_URL": f"smtp://shop:s3cret@127.0.0.1:{port}"}
        check = checks(**changes)["mail"]
        check()
    with pytest.raises(NoAnswer):
        check()


def test_azure_mail_by_connection_string_is_asked_at_its_endpoint() -> None:
    with serving(lambda path, body: (404, b"")) as server:
        text = f"endpoint={server.url};accesskey=a2V5"
        checks(MAIL_ENDPOINT="", MAIL_CONNECTION=text)["mail"]()
        assert len(server.requests) == 1
