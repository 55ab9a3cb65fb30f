"""Structured logs and redaction."""

import json
import logging
import string
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry import bind_correlation_id, get_correlation_id, get_logger, redact_text, span
from shared.telemetry.redaction import plain, plain_fields

ROOT = Path(__file__).resolve().parents[2]
Written = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def written(caplog: pytest.LogCaptureFixture) -> Written:
    caplog.set_level(logging.DEBUG)

    def read() -> list[dict[str, Any]]:
        return [json.loads(message) for message in caplog.messages]

    return read


def test_importing_telemetry_and_auth_loads_no_heavy_library() -> None:
    script = (
        "import shared.telemetry, shared.auth, shared.auth.jwt, shared.auth.jwks, sys;"
        "heavy = {'jwt', 'httpx', 'opentelemetry', 'opencensus', 'cryptography', 'requests'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True) == "[]\n"


def test_a_log_line_is_one_json_object_that_names_its_trace(written: Written) -> None:
    bind_correlation_id("corr-1")
    with span("test") as current:
        get_logger("inventory").info("book.updated", isbn="9780141439518", version=3)
    (entry,) = written()
    logged_at = datetime.fromisoformat(entry.pop("time"))
    assert logged_at.tzinfo == UTC
    assert entry == {
        "level": "info",
        "event": "book.updated",
        "service": "inventory",
        "correlation_id": "corr-1",
        "trace_id": current.context.trace_id,
        "span_id": current.context.span_id,
        "isbn": "9780141439518",
        "version": 3,
    }


def test_the_line_comes_from_the_callers_place(caplog: pytest.LogCaptureFixture) -> None:
    get_logger("inventory").warning("stock.low")
    assert caplog.records[0].funcName == "test_the_line_comes_from_the_callers_place"
    assert caplog.records[0].name == "bookstore.inventory"


def test_a_field_cannot_take_the_place_of_what_every_line_has(written: Written) -> None:
    get_logger("inventory").info("book.updated", service="other", level=9)
    assert written()[0]["service"] == "inventory"
    assert written()[0]["service_"] == "other"
    assert written()[0]["level_"] == 9


def test_an_event_with_line_breaks_stays_on_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    get_logger("inventory").info("a", title="one\ntwo\u2028three\x1b[31m")
    assert caplog.messages[0].isprintable()


def test_an_exception_is_logged_with_its_stack_and_without_its_secret(written: Written) -> None:
    def connect() -> None:
        raise ConnectionError("no way in: mssql://shop:hunter2@db/orders?Password=hunter2")

    try:
        connect()
    except ConnectionError as error:
        get_logger("inventory").error("store.unreachable", exc_info=error)
    exception = written()[0]["exception"]
    assert exception["type"] == "ConnectionError"
    assert "in connect" in exception["stack"]
    assert "hunter2" not in json.dumps(exception)


def test_an_exception_that_cannot_show_itself_is_logged_all_the_same(written: Written) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    get_logger("inventory").error("a", exc_info=Mute())
    assert written()[0]["exception"]["message"] == "<RuntimeError when shown>"


def test_values_that_json_does_not_know_are_shown_as_text(written: Written) -> None:
    class Colour(Enum):
        RED = "red"

    class Unshowable:
        def __str__(self) -> str:
            raise ValueError

    @dataclass
    class Line:
        isbn: str
        client_secret: str

    endless: dict[str, object] = {}
    endless["again"] = endless
    get_logger("inventory").info(
        "a",
        values=[
            *(datetime(2026, 1, 2, tzinfo=UTC), date(2026, 1, 2), timedelta(minutes=1)),
            *(Decimal("1.50"), UUID(int=1), Path("a"), Colour.RED, b"abc", {1}, None, True),
            *(float("nan"), 10**5000, Unshowable(), Line("978", "s3cr3t"), {1: 2}, "\ud800"),
        ],
        endless=endless,
    )
    entry = written()[0]
    assert entry["values"][:3] == ["2026-01-02T00:00:00+00:00", "2026-01-02", 60.0]
    assert entry["values"][3:7] == ["1.50", "00000000-0000-0000-0000-000000000001", "a", "red"]
    assert entry["values"][7:11] == ["<3 bytes>", [1], None, True]
    assert entry["values"][11:14] == ["nan", "<16610 bits>", "<Unshowable: ValueError when shown>"]
    assert entry["values"][14:16] == [{"isbn": "978", "client_secret": "[redacted]"}, {"1": 2}]


def test_a_huge_value_is_cut() -> None:
    wide: list[object] = ["x" * 50] * 50
    for _ in range(4):
        wide = [wide] * 50
    assert len(json.dumps(plain(wide))) < 200_000
    assert len(json.dumps(plain("x" * 10**6))) < 10_000


def test_a_level_that_nobody_reads_costs_no_rendering(caplog: pytest.LogCaptureFixture) -> None:
    class Untouched:
        def __str__(self) -> str:
            raise AssertionError

    caplog.set_level(logging.INFO, logger="bookstore")
    get_logger("inventory").debug("a", value=Untouched())
    assert caplog.messages == []


def test_the_correlation_id_falls_back_to_the_trace() -> None:
    bind_correlation_id("")
    with span("test") as current:
        assert get_correlation_id() == current.context.trace_id
        bind_correlation_id("mine")
        assert get_correlation_id() == "mine"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Authorization: Bearer S3CR3T-S3CR3T", "Authorization: [redacted]"),
        ("with bearer S3CR3T.S3CR3T-x/y+z== ok", "with bearer [redacted] ok"),
        ("'authorization': 'Basic S3CR3T='", "'authorization': [redacted]"),
        ("Cookie: a=S3CR3T; cart=S3CR3T\nHost: x", "Cookie: [redacted]\nHost: x"),
        ("/blobs/a?sv=1&sig=S3CR3T%2B%3D&se=2", "/blobs/a?sv=1&sig=[redacted]&se=2"),
        ("Server=db;Pwd=S3CR3T;Encrypt=yes", "Server=db;Pwd=[redacted];Encrypt=yes"),
        ("UID=a;PWD={S3CR3T;S3CR3T};Encrypt=yes", "UID=a;PWD=[redacted];Encrypt=yes"),
        ("AccountName=a;AccountKey=S3CR3T==;x", "AccountName=a;AccountKey=[redacted];x"),
        ("SharedAccessKey=S3CR3T=", "SharedAccessKey=[redacted]"),
        ("redis://:S3CR3T@cache:6380/0", "redis://:[redacted]@cache:6380/0"),
        ("mssql://shop:S3CR3T@S3CR3T@db/x", "mssql://shop:[redacted]@db/x"),
        ('{"client_secret": "S3CR3T \\" S3CR3T", "a": 1}', '{"client_secret": [redacted], "a": 1}'),
        ('{"access_token": "S3CR3T and cut of', '{"access_token": [redacted]'),
        ("GET /api/v1/checkouts/chk_S3CR3T-x_?wait=2", "GET /api/v1/checkouts/[redacted]?wait=2"),
        ("pi_3Nabc_secret_S3CR3T", "pi_3Nabc_secret_[redacted]"),
        ("key sk_test_S3CR3T whsec_S3CR3T", "key [redacted] [redacted]"),
        ("%20eyJhbGciOiJ9.eyJzdWIiOiJ9.S3CR3T", "%20[redacted]"),
        ("to S3CR3T.o'neill+a@mail.example: no", "to [redacted]: no"),
        ("/orders?email=S3CR3T%40example.org&a=1", "/orders?email=[redacted]&a=1"),
        ("<S3CR3T@localhost>", "<[redacted]>"),
    ],
)
def test_text_that_looks_like_a_secret_is_redacted(text: str, kept: str) -> None:
    assert redact_text(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "book.updated",
        "The basic idea: a tokenizer for secretaries",
        "http://127.0.0.1:7071/api/v1/books?q=pride",
        "https://user@example.org/",
        "v1/books/{isbn}",
    ],
)
def test_harmless_text_is_left_alone(text: str) -> None:
    assert redact_text(text) == text


secret_keys = st.sampled_from(
    (
        *("token", "accessToken", "client_secret", "Password", "x-signature", "sig", "api_key"),
        *("APPLICATIONINSIGHTS_CONNECTION_STRING", "Set-Cookie", "checkout_id", "SAS", "PWD"),
        "Authorization",
    )
)
secrets = st.text(string.ascii_letters + string.digits, min_size=12, max_size=40).map("S3".__add__)
noise = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(secrets, secret_keys, noise, st.integers(0, 3))
def test_a_secret_under_a_telling_key_never_gets_out(
    secret: str, key: str, other: object, depth: int
) -> None:
    value: object = {key: secret, "other": other}
    for _ in range(depth):
        value = [other, {"inner": value}]
    assert secret not in json.dumps(plain_fields({"value": value, key: [secret]}))


@given(
    secrets,
    st.sampled_from(["chk_{}", "bearer {}", "eyJhbGciOi.{}.{}", "?sig={}", "password={}"]),
    st.text(),
    st.text(),
)
def test_a_secret_of_telling_looks_never_gets_out(
    secret: str, form: str, before: str, after: str
) -> None:
    text = f"{before} {form.replace('{}', secret)} {after}"
    assert secret not in json.dumps(plain({"a": [text, ValueError(text)], text: 1}))


@given(noise)
def test_any_value_becomes_json(value: object) -> None:
    json.loads(json.dumps(plain(value), allow_nan=False))
