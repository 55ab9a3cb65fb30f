"""The page where a person signs in, as a browser and the shop's script use it (RFC 6749, RFC 7636)."""

import base64
import hashlib
import json
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import jwt
import pytest

from tests.host.test_sandbox import Sandbox, running

SHOP = "http://shop.example:8000"
BACK = f"{SHOP}/signed-in.html"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""Of RFC 7636, appendix B, as is its challenge."""
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
ASKED = {
    "response_type": "code",
    "client_id": "storefront",
    "redirect_uri": BACK,
    "scope": "openid email",
    "state": "a state",
    "nonce": "a nonce",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    state = tmp_path_factory.mktemp("sandbox") / "state"
    with running(state, f"--shop-url={SHOP}") as started:
        yield started


@pytest.fixture
def browser(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, trust_env=False, timeout=30) as opened:
        yield opened


def sign_in(browser: httpx.Client, **said: str) -> dict[str, str]:
    """What the address says that the browser is sent back to."""
    answer = browser.post("/oidc/authorize", data={**ASKED, "name": "ada", **said})
    assert answer.status_code == 303, answer.text
    target, _, query = answer.headers["location"].partition("?")
    assert target == BACK
    return dict(urllib.parse.parse_qsl(query))


def exchange(browser: httpx.Client, code: str, **said: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": "storefront",
        "redirect_uri": BACK,
        "code": code,
        "code_verifier": VERIFIER,
    }
    return browser.post("/oidc/token", data={**form, **said})


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def test_the_challenge_is_that_of_the_verifier() -> None:
    digest = hashlib.sha256(VERIFIER.encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == CHALLENGE


def test_discovery_says_where_a_person_signs_in_and_how(sandbox: Sandbox) -> None:
    found = sandbox.call("GET", "/oidc/.well-known/openid-configuration").json
    assert found["authorization_endpoint"] == f"{sandbox.url}/oidc/authorize"
    assert found["end_session_endpoint"] == f"{sandbox.url}/oidc/logout"
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert "authorization_code" in found["grant_types_supported"]
    assert "none" in found["token_endpoint_auth_methods_supported"]


def test_a_page_of_the_shop_may_ask_for_both_documents(browser: httpx.Client) -> None:
    """A script reads discovery and the token endpoint across origins."""
    for answer in (
        browser.get("/oidc/.well-known/openid-configuration", headers={"Origin": SHOP}),
        browser.post("/oidc/token", headers={"Origin": SHOP}),
    ):
        assert answer.headers["access-control-allow-origin"] in (SHOP, "*")


def test_a_person_with_roles_gets_tokens_for_the_shop_and_for_its_page(
    sandbox: Sandbox, browser: httpx.Client
) -> None:
    said = sign_in(browser, name="eve", role="operations", email="eve@shop.example")
    assert said.keys() == {"code", "state"}
    assert said["state"] == "a state"
    answer = exchange(browser, said["code"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    principal = sandbox.verifier().verify(tokens["access_token"])
    assert (principal.subject, principal.roles) == ("eve", {"operations"})
    assert principal.email == "eve@shop.example"
    identity = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert (identity["aud"], identity["nonce"]) == ("storefront", "a nonce")
    assert identity["sub"] == "eve"


def test_a_role_that_the_shop_does_not_know_is_not_given(
    sandbox: Sandbox, browser: httpx.Client
) -> None:
    tokens = exchange(browser, sign_in(browser, role="owner")["code"]).json()
    assert sandbox.verifier().verify(tokens["access_token"]).roles == frozenset()


def test_a_code_is_good_once(browser: httpx.Client) -> None:
    code = sign_in(browser)["code"]
    assert exchange(browser, code).status_code == 200
    assert refusal(exchange(browser, code)) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": VERIFIER[::-1]},
        {"code_verifier": ""},
        {"code_verifier": CHALLENGE},
        {"client_id": "another"},
        {"redirect_uri": f"{SHOP}/"},
    ],
    ids=lambda changed: "-".join(changed),
)
def test_a_code_is_good_for_the_one_who_asked_for_it_alone(
    browser: httpx.Client, changed: Mapping[str, str]
) -> None:
    code = sign_in(browser)["code"]
    assert refusal(exchange(browser, code, **changed)) == (400, "invalid_grant")
    # A code that somebody else tried is burnt.
    assert refusal(exchange(browser, code)) == (400, "invalid_grant")


def test_a_guessed_code_is_good_for_nothing(browser: httpx.Client) -> None:
    assert refusal(exchange(browser, "guessed")) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"redirect_uri": "https://evil.example/signed-in.html"}, "invalid_request"),
        ({"redirect_uri": f"{SHOP}.evil.example/"}, "invalid_request"),
        ({"redirect_uri": f"{SHOP}@evil.example/"}, "invalid_request"),
        ({"redirect_uri": ""}, "invalid_request"),
        ({"client_id": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_browser_is_sent_nowhere_for_a_wrong_question(
    browser: httpx.Client, method: str, changed: Mapping[str, str], error: str
) -> None:
    asked = {**ASKED, **changed, "name": "ada"}
    answer = browser.request(
        method,
        "/oidc/authorize",
        params=asked if method == "GET" else None,
        data=asked if method == "POST" else None,
    )
    assert refusal(answer) == (400, error)
    assert "location" not in answer.headers


def test_what_is_asked_for_is_no_markup_in_the_page(browser: httpx.Client) -> None:
    evil = '"><script>alert(1)</script>'
    answer = browser.get(
        "/oidc/authorize", params={**ASKED, "state": evil, "nonce": evil, "login_hint": evil}
    )
    assert answer.status_code == 200
    assert "<script" not in answer.text


def test_who_does_not_sign_in_goes_back_without_a_code(browser: httpx.Client) -> None:
    assert sign_in(browser, answer="no") == {"error": "access_denied", "state": "a state"}


@pytest.mark.parametrize("name", ["", "a b", "<b>", "x" * 65])
def test_a_name_is_a_plain_word(browser: httpx.Client, name: str) -> None:
    answer = browser.post("/oidc/authorize", data={**ASKED, "name": name})
    assert refusal(answer) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("asked", "target"),
    [(f"{SHOP}/", f"{SHOP}/"), ("https://evil.example/", "/"), ("//evil.example", "/"), ("", "/")],
)
def test_signing_out_leads_back_to_the_shop_and_nowhere_else(
    browser: httpx.Client, asked: str, target: str
) -> None:
    answer = browser.get("/oidc/logout", params={"post_logout_redirect_uri": asked})
    assert (answer.status_code, answer.headers["location"]) == (303, target)


def test_without_a_shop_of_its_own_it_sends_browsers_to_this_machine_alone(tmp_path: Path) -> None:
    with running(tmp_path / "state") as started:
        for address, status in (
            ("http://127.0.0.1:7071/signed-in.html", 200),
            ("http://localhost:7071/signed-in.html", 200),
            ("http://127.0.0.1@evil.example/", 400),
            ("https://evil.example/", 400),
            ("javascript://127.0.0.1/", 400),
        ):
            query = urllib.parse.urlencode({**ASKED, "redirect_uri": address})
            answer = started.call("GET", f"/oidc/authorize?{query}")
            assert answer.status == status, (address, answer.body)
            if status == 400:
                assert json.loads(answer.body)["error"] == "invalid_request"
