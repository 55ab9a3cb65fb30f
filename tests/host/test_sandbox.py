"""The sandbox as a process, over HTTP, and the token command that signs with its key."""

import base64
import json
import os
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest

from sandbox.clock.durations import parse_duration
from shared.auth import InvalidToken
from shared.auth.jwks import IssuerKeys
from shared.auth.jwt import JwtVerifier
from shared.kit.clock import ManualClock, SharedOffsetClock

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Sandbox:
    url: str
    state: Path
    process: "subprocess.Popen[str]"

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, body, names, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return Answer(response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def token(self, *, basic: str | None = None, **form: str) -> Answer:
        headers = {"Content_Type": "application/x-www-form-urlencoded"}
        if basic is not None:
            headers["Authorization"] = f"Basic {base64.b64encode(basic.encode()).decode()}"
        return self.call("POST", "/oidc/token", urllib.parse.urlencode(form).encode(), **headers)

    def clock(self, content: object) -> Answer:
        return self.call("POST", "/admin/clock", json.dumps(content).encode())

    def verifier(self) -> JwtVerifier:
        clock = ManualClock(datetime.now(UTC))
        return JwtVerifier(
            f"{self.url}/oidc", "bookstore", IssuerKeys(f"{self.url}/oidc", clock), clock
        )


@contextmanager
def running(state: Path, *options: str) -> Iterator[Sandbox]:
    command = [sys.executable, "-m", "sandbox", "--port=0", f"--state={state}", *options]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process, process.stdin, process.stdout:
        try:
            line = process.stdout.readline()
            assert line.startswith("The sandbox listens on http://127.0.0.1:"), line
            yield Sandbox(line.split()[-1], state, process)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox") / "state") as started:
        yield started


def token_command(state: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "local.token", f"--state={state}", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_it_says_what_it_stands_in_for(sandbox: Sandbox) -> None:
    answer = sandbox.call("GET", "/")
    assert answer.status == 200
    assert answer.json["stand_ins"]["oidc"]["issuer"] == f"{sandbox.url}/oidc"


def test_discovery_leads_to_the_keys(sandbox: Sandbox) -> None:
    found = sandbox.call("GET", "/oidc/.well-known/openid-configuration").json
    assert found["issuer"] == f"{sandbox.url}/oidc"
    keys = sandbox.call("GET", found["jwks_uri"].removeprefix(sandbox.url)).json["keys"]
    assert len(keys) >= 2
    assert all(set(key) == {"kty", "n", "e", "kid", "use", "alg"} for key in keys)


def authorize(sandbox: Sandbox, redirect_uri: str) -> int:
    query = {
        "response_type": "code",
        "client_id": "shop",
        "redirect_uri": redirect_uri,
        "code_challenge": "x" * 43,
        "code_challenge_method": "S256",
    }
    return sandbox.call("GET", f"/oidc/authorize?{urllib.parse.urlencode(query)}").status


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:7071/x", "http://localhost/", "http://[::1]:80/x?y", "https://127.0.0.1"],
)
def test_a_person_who_has_signed_in_comes_back_to_this_machine(
    sandbox: Sandbox, address: str
) -> None:
    assert authorize(sandbox, address) == 200


@pytest.mark.parametrize(
    "address",
    [
        "http://evil.example/",
        "http://127.0.0.1:7071@evil.example/",
        "http://127.0.0.1:7071.evil.example/",
        "http://evil.example\\@127.0.0.1/",
        "http://evil.example\\.localhost/",
        "http:///evil.example/",
        "http:/\\evil.example/",
        "javascript://127.0.0.1/%0aalert(1)",
        "//127.0.0.1/",
        "http://[",
        "",
    ],
)
def test_nobody_is_sent_to_another_address(sandbox: Sandbox, address: str) -> None:
    assert authorize(sandbox, address) == 400


def test_a_development_sign_in_gives_a_token_that_the_shop_accepts(sandbox: Sandbox) -> None:
    answer = sandbox.token(
        grant_type="password",
        username="ada",
        password="any",
        scope="catalogue.write orders.refund",
        email="ada@example.org",
    )
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", 3600)
    principal = sandbox.verifier().verify(answer.json["access_token"])
    assert principal.subject == "ada"
    assert principal.roles == {"catalogue.write", "orders.refund"}
    assert principal.email == "ada@example.org"


@pytest.mark.parametrize(
    "credentials",
    [
        {"client_id": "import: job", "client_secret": "any"},
        {"basic": "import%3A+job:any"},
    ],
)
def test_a_client_signs_in_with_its_credentials(
    sandbox: Sandbox, credentials: dict[str, str]
) -> None:
    answer = sandbox.token(grant_type="client_credentials", **credentials)
    principal = sandbox.verifier().verify(answer.json["access_token"])
    assert (principal.subject, principal.roles) == ("import: job", frozenset())


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "implicit"}, 400, "unsupported_grant_type"),
        ({"grant_type": "password", "username": "ada"}, 400, "invalid_request"),
        ({"grant_type": "client_credentials"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "a"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "basic": "a"}, 401, "invalid_client"),
        (
            {"grant_type": "password", "username": "a", "password": "b", "scope": 'a "b"'},
            400,
            "invalid_scope",
        ),
    ],
)
def test_a_wrong_token_request_is_refused_as_oauth_says(
    sandbox: Sandbox, form: dict[str, str], status: int, error: str
) -> None:
    answer = sandbox.token(**form)
    assert (answer.status, answer.json["error"]) == (status, error)
    assert answer.json["error_description"]
    assert ("www-authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{}", "application/json"),
        (b"grant_type=password&grant_type=password", "application/x-www-form-urlencoded"),
        (b"grant_type", "application/x-www-form-urlencoded"),
        (b"\xff", "application/x-www-form-urlencoded"),
        (b"a=1&" * 100, "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_that_is_no_form_is_refused(
    sandbox: Sandbox, body: bytes, content_type: str
) -> None:
    answer = sandbox.call("POST", "/oidc/token", body, Content_Type=content_type)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


def test_an_endless_body_is_refused(sandbox: Sandbox) -> None:
    assert sandbox.call("POST", "/admin/clock", b" " * 70_000).status == 413


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/no", 404), ("PUT", "/", 405)])
def test_what_is_not_there_is_refused_in_json(
    sandbox: Sandbox, method: str, path: str, status: int
) -> None:
    answer = sandbox.call(method, path)
    assert (answer.status, set(answer.json)) == (status, {"error", "error_description"})


def test_rotation_keeps_old_tokens_and_a_shop_that_knows_the_keys_needs_no_new_read(
    sandbox: Sandbox,
) -> None:
    def sign_in() -> str:
        answer = sandbox.token(grant_type="password", username="ada", password="any")
        return str(answer.json["access_token"])

    verifier, before = sandbox.verifier(), sign_in()
    verifier.verify(before)
    assert sandbox.call("POST", "/admin/oidc/rotate").status == 200
    after = sign_in()
    assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(after)["kid"]
    assert verifier.verify(after)
    assert sandbox.verifier().verify(before)
    sandbox.call("POST", "/admin/oidc/rotate")
    with pytest.raises(InvalidToken):
        sandbox.verifier().verify(before)


def test_processes_that_start_together_share_one_key(tmp_path: Path) -> None:
    (tmp_path / "shop.json").write_text('{"issuer": "http://a/oidc", "audience": "b"}')
    with ThreadPoolExecutor(4) as pool:
        tokens = list(pool.map(lambda _: token_command(tmp_path).stdout, range(4)))
    assert len({jwt.get_unverified_header(token.strip())["kid"] for token in tokens}) == 1
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "sandbox" / "oidc.json").stat().st_mode) == 0o600


def test_keys_outlive_the_process(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        keys = first.call("GET", "/oidc/keys").json
    with running(tmp_path) as second:
        assert second.call("GET", "/oidc/keys").json == keys


def test_the_token_command_prints_a_token_of_the_local_issuer(sandbox: Sandbox) -> None:
    shop = {"issuer": f"{sandbox.url}/oidc", "audience": "bookstore"}
    (sandbox.state / "shop.json").write_text(json.dumps(shop))
    done = token_command(sandbox.state)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.split()) == 1
    principal = sandbox.verifier().verify(done.stdout.strip())
    assert (principal.subject, principal.roles, principal.email) == (
        "local-user",
        frozenset(),
        None,
    )

    done = token_command(
        sandbox.state,
        *("--role", "catalogue.write", "--role", "orders.refund"),
        *("--subject", "ada", "--email", "ada@example.org"),
    )
    principal = sandbox.verifier().verify(done.stdout.strip())
    assert (principal.subject, principal.email) == ("ada", "ada@example.org")
    assert principal.roles == {"catalogue.write", "orders.refund"}

    done = token_command(sandbox.state, "--expires=-61")
    with pytest.raises(InvalidToken, match="expired"):
        sandbox.verifier().verify(done.stdout.strip())


@pytest.mark.parametrize("mark", [None, "", "[]", "{}"])
def test_the_token_command_says_when_no_shop_was_started(tmp_path: Path, mark: str | None) -> None:
    if mark is not None:
        (tmp_path / "shop.json").write_text(mark)
    done = token_command(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "dev.py run" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_business_time_moves_for_every_process_that_reads_the_state_folder(
    sandbox: Sandbox,
) -> None:
    sandbox.clock({"reset": True})
    shop = SharedOffsetClock(sandbox.state / "clock.json")
    assert sandbox.clock({"advance": "P1D"}).json["offset_seconds"] == 86_400
    assert sandbox.clock({"advance": "PT1H30M"}).json["offset_seconds"] == 91_800
    assert shop.business_now() - shop.machine_now() > timedelta(hours=25)
    assert sandbox.call("GET", "/admin/clock").json["offset_seconds"] == 91_800
    assert sandbox.clock({"advance": "-PT1H30M"}).json["offset_seconds"] == 86_400

    target = datetime(2031, 5, 6, 7, 8, tzinfo=UTC)
    shown = sandbox.clock({"set": "2031-05-06T09:08:00+02:00"}).json
    assert abs(datetime.fromisoformat(shown["business_now"]) - target) < timedelta(minutes=5)
    assert sandbox.clock({"reset": True}).json["offset_seconds"] == 0


def test_advances_at_the_same_time_all_count(sandbox: Sandbox) -> None:
    sandbox.clock({"reset": True})
    with running(sandbox.state) as other, ThreadPoolExecutor(8) as pool:
        both = [sandbox, other] * 10
        answers = list(pool.map(lambda one: one.clock({"advance": "PT1S"}), both))
    assert {answer.status for answer in answers} == {200}
    assert sandbox.call("GET", "/admin/clock").json["offset_seconds"] == 20


@pytest.mark.parametrize(
    "order",
    [
        *({}, [], None, 5, "P1D", {"advance": 5}, {"advance": ""}, {"advance": "P"}),
        *({"advance": "1 day"}, {"advance": "P1M"}, {"advance": "P1DT"}, {"advance": "PT"}),
        *({"advance": "P999999999D"}, {"advance": "-P999999D"}, {"advance": "P400000D"}),
        *(
            {"set": "tomorrow"},
            {"set": "2031-05-06T09:08:00"},
            {"set": "9999-12-31T23:59:59-23:00"},
        ),
        *({"reset": False}, {"advance": "P1D", "reset": True}, {"forward": "P1D"}),
    ],
)
def test_an_order_to_the_clock_that_makes_no_sense_is_refused(
    sandbox: Sandbox, order: object
) -> None:
    before = sandbox.call("GET", "/admin/clock").json["offset_seconds"]
    answer = sandbox.clock(order)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    assert sandbox.call("GET", "/admin/clock").json["offset_seconds"] == before


def test_a_damaged_clock_says_so_and_can_be_reset(tmp_path: Path) -> None:
    (tmp_path / "clock.json").write_text("{")
    with running(tmp_path) as damaged:
        assert damaged.call("GET", "/admin/clock").status == 500
        assert "reset" in damaged.clock({"advance": "P1D"}).json["error_description"]
        assert damaged.clock({"reset": True}).status == 200
        assert damaged.call("GET", "/admin/clock").json["offset_seconds"] == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("P1D", 86_400),
        ("P2W", 1_209_600),
        ("PT1H1M1.5S", 3661.5),
        ("PT1,5H", 5400),
        ("P1DT12H", 129_600),
        ("+PT0S", 0),
        ("-P1D", -86_400),
    ],
)
def test_durations_are_read_as_iso_8601_writes_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


def test_the_public_address_names_the_issuer(tmp_path: Path) -> None:
    with running(tmp_path, "--public-url=https://sandbox.example/") as behind_a_proxy:
        found = behind_a_proxy.call("GET", "/oidc/.well-known/openid-configuration").json
    assert found["issuer"] == "https://sandbox.example/oidc"


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_a_signal_ends_it_well(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with running(tmp_path) as started:
            started.process.send_signal(number)
            assert started.process.wait(30) == 0


def test_it_goes_with_who_started_it(tmp_path: Path) -> None:
    with running(tmp_path, "--watch-stdin") as started:
        if os.name == "posix":
            started.process.send_signal(signal.SIGINT)
        assert started.call("GET", "/").status == 200, "Ctrl-C is the parent's"
        assert started.process.stdin is not None
        started.process.stdin.close()
        assert started.process.wait(30) == 0


def test_a_taken_port_is_said_in_a_sentence(sandbox: Sandbox, tmp_path: Path) -> None:
    port = sandbox.url.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", f"--port={port}", f"--state={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"The sandbox cannot listen on port {port}")
    assert len(done.stderr.splitlines()) == 1
