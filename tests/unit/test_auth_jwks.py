"""The issuer's keys, read from a real server that rotates them, lies, hangs up and comes back."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from shared.auth import IdentityProviderUnavailable, InvalidToken
from shared.auth.jwks import IssuerKeys
from shared.auth.jwt import JwtVerifier
from shared.kit.clock import ManualClock
from tests.unit.local_server import LocalServer, serving

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SMALL_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - what must be refused
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def rsa_jwk(key: rsa.RSAPrivateKey = RSA_KEY, **more: Any) -> dict[str, Any]:
    return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "one", **more}


class Issuer:
    """An identity provider; its parts can be broken one by one."""

    def __init__(self, server: LocalServer) -> None:
        self.server = server
        self.url = server.url
        self.keys: list[object] = [rsa_jwk()]
        self.discovery: dict[str, Any] = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        self.raw: dict[str, bytes] = {}
        self.status = 200
        self.before_answer = lambda: None
        server.answer = self.answer

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        self.before_answer()
        content: object = self.discovery if "openid" in path else {"keys": self.keys}
        return self.status, self.raw.get(path) or json.dumps(content).encode()

    @property
    def fetches(self) -> int:
        """How often the keys were asked for."""
        return [path for path, _ in self.server.requests].count("/.well-known/openid-configuration")


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving(lambda path, body: (500, b"")) as server:
        yield Issuer(server)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def keys(issuer: Issuer, clock: ManualClock) -> IssuerKeys:
    return IssuerKeys(issuer.url, clock)


def test_a_token_is_verified_with_a_key_found_by_discovery(
    issuer: Issuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    now = int(clock.machine_now().timestamp())
    content = {"iss": issuer.url, "aud": "bookstore", "sub": "user-1", "exp": now + 60}
    verifier = JwtVerifier(issuer.url, "bookstore", keys, clock)
    good = jwt.encode(content, RSA_KEY, "RS256", headers={"kid": "one"})
    assert verifier.verify(good).subject == "user-1"
    secret = b"a shared secret of sufficient length"
    for key, algorithm in ((secret, "HS256"), (EC_KEY, "ES256")):
        with pytest.raises(InvalidToken):
            verifier.verify(jwt.encode(content, key, algorithm, headers={"kid": "one"}))


def test_keys_are_read_once_an_hour(issuer: Issuer, keys: IssuerKeys, clock: ManualClock) -> None:
    for _ in range(3):
        assert keys.find("one")
    assert issuer.fetches == 1
    clock.advance(timedelta(hours=1))
    assert keys.find("one")
    assert issuer.fetches == 2


def test_a_rotated_key_is_found_at_once(
    issuer: Issuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    assert keys.find("one")
    clock.advance(timedelta(seconds=30))
    issuer.keys = [rsa_jwk(kid="two")]
    assert keys.find("two")
    assert keys.find("one") is None


def test_invented_key_ids_do_not_make_us_hammer_the_issuer(
    issuer: Issuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    for number in range(20):
        assert keys.find(f"invented-{number}") is None
    assert issuer.fetches == 1
    clock.advance(timedelta(seconds=30))
    assert keys.find("invented") is None
    assert issuer.fetches == 2


def test_a_withdrawn_key_stops_verifying_with_the_hourly_read(
    issuer: Issuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    assert keys.find("one")
    issuer.keys = [rsa_jwk(kid="two")]
    clock.advance(timedelta(hours=1))
    assert keys.find("one") is None


def test_known_keys_go_on_serving_for_a_day_without_the_issuer(
    issuer: Issuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    assert keys.find("one")
    issuer.status = 503
    clock.advance(timedelta(hours=2))
    assert keys.find("one")
    assert keys.find("one")
    assert issuer.fetches == 2, "an outage is looked into every 30 s, not at each call"
    clock.advance(timedelta(hours=22))
    with pytest.raises(IdentityProviderUnavailable):
        keys.find("one")
    issuer.status = 200
    clock.advance(timedelta(seconds=5))
    assert keys.find("one")


def test_an_unknown_key_during_an_outage_is_not_the_callers_fault(
    issuer: Issuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    assert keys.find("one")
    issuer.status = 500
    clock.advance(timedelta(minutes=1))
    with pytest.raises(IdentityProviderUnavailable):
        keys.find("two")


def test_an_issuer_that_was_never_there_is_asked_again_after_five_seconds(
    issuer: Issuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    issuer.status = 500
    for _ in range(3):
        with pytest.raises(IdentityProviderUnavailable) as refusal:
            keys.find("one")
        assert refusal.value.headers == {"Retry-After": "5"}
    assert issuer.fetches == 1
    issuer.status = 200
    clock.advance(timedelta(seconds=5))
    assert keys.find("one")


def test_an_issuer_that_refuses_connections_is_unavailable(clock: ManualClock) -> None:
    with serving(lambda path, body: (200, b"")) as gone:
        pass
    with pytest.raises(IdentityProviderUnavailable):
        IssuerKeys(gone.url, clock).find("one")


LIES: dict[str, dict[str, Any]] = {
    "another issuer": {"discovery": {"issuer": "https://evil.example"}},
    "no key address": {"discovery": {"jwks_uri": None}},
    "a key address that is a file": {"discovery": {"jwks_uri": "file:///etc/passwd"}},
    "a key address that is no address": {"discovery": {"jwks_uri": "http://[::1"}},
    "keys that are no list": {"raw": {"/keys": b'{"keys": {}}'}},
    "no keys": {"raw": {"/keys": b'{"keys": []}'}},
    "a list": {"raw": {"/keys": b"[]"}},
    "no JSON": {"raw": {"/keys": b"<html>"}},
    "bytes that are no text": {"raw": {"/keys": b"\xff\xfe\x00\xd8"}},
    "nesting without end": {"raw": {"/keys": b"[" * 100_000}},
    "an answer without end": {"raw": {"/keys": b" " * 300_000 + b'{"keys": []}'}},
    "a redirect": {"status": 302},
}


@pytest.mark.parametrize("lie", LIES)
def test_what_no_issuer_should_answer_counts_as_an_outage(
    lie: str, issuer: Issuer, keys: IssuerKeys
) -> None:
    issuer.discovery |= LIES[lie].get("discovery", {})
    issuer.raw = LIES[lie].get("raw", {})
    issuer.status = LIES[lie].get("status", 200)
    with pytest.raises(IdentityProviderUnavailable):
        keys.find("one")


def test_an_https_issuer_cannot_send_us_to_a_plain_address(clock: ManualClock) -> None:
    name = "https://issuer.example"
    keys = IssuerKeys(name, clock, lambda _: {"issuer": name, "jwks_uri": "http://issuer.example"})
    with pytest.raises(IdentityProviderUnavailable):
        keys.find("one")


def test_keys_that_are_not_for_us_are_passed_over(issuer: Issuer, keys: IssuerKeys) -> None:
    curve = ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True)
    issuer.keys = [
        *("text", None, {}, {"kid": "kind"}, rsa_jwk(kid=5)),
        rsa_jwk(SMALL_KEY, kid="small"),
        rsa_jwk(kid="encryption", use="enc"),
        rsa_jwk(kid="algorithm", alg="RS512"),
        rsa_jwk(kid="operations", key_ops=["encrypt"]),
        rsa_jwk(kid="operations-5", key_ops=5),
        rsa_jwk(kid="damaged", n="!"),
        rsa_jwk(kid="typed", n=5),
        {"kid": "secret", "kty": "oct", "k": "c2VjcmV0"},
        {**curve, "kid": "off-curve", "x": curve["y"]},
        {**curve, "kid": "curve", "alg": "ES256", "use": "sig", "key_ops": ["verify"]},
    ]
    refused = ["kind", "small", "encryption", "algorithm", "operations", "operations-5"]
    for key_id in [*refused, "damaged", "typed", "secret", "off-curve"]:
        assert keys.find(key_id) is None, key_id
    found = keys.find("curve")
    assert found is not None
    assert found.algorithm == "ES256"


def test_a_private_key_published_by_mistake_is_read_as_a_public_one(
    issuer: Issuer, keys: IssuerKeys
) -> None:
    private = RSAAlgorithm.to_jwk(RSA_KEY, as_dict=True)
    issuer.keys = [{**private, "kid": "one", "key_ops": ["verify"]}]
    found = keys.find("one")
    assert found is not None
    assert isinstance(found.key, rsa.RSAPublicKey)


def test_many_threads_that_need_keys_share_one_fetch(issuer: Issuer, keys: IssuerKeys) -> None:
    start = threading.Barrier(8)

    def find(_: int) -> bool:
        start.wait()
        return keys.find("one") is not None

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(find, range(8)))
    assert issuer.fetches == 1


def test_while_one_thread_renews_the_keys_others_use_the_old_ones(
    issuer: Issuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    assert keys.find("one")
    clock.advance(timedelta(hours=1))
    asked, go_on = threading.Event(), threading.Event()

    def wait_in_the_middle() -> None:
        asked.set()
        go_on.wait(30)

    issuer.before_answer = wait_in_the_middle
    with ThreadPoolExecutor(1) as pool:
        renewal = pool.submit(keys.find, "one")
        assert asked.wait(30)
        assert keys.find("one"), "nobody else waits"
        go_on.set()
        assert renewal.result()
    assert issuer.fetches == 2


def test_entra_external_id_needs_no_more_than_its_issuer_and_audience(clock: ManualClock) -> None:
    """As its documents are: keys without `alg` and with certificates, at an address of their own.
    https://learn.microsoft.com/entra/external-id/customers/"""
    tenant = "11111111-2222-4333-8444-555555555555"
    issuer = f"https://{tenant}.ciamlogin.com/{tenant}/v2.0"
    jwks = f"https://{tenant}.ciamlogin.com/{tenant}/discovery/v2.0/keys"
    key = rsa_jwk(kid="nOo3ZDrODXEK1jKWhXslHR_KXEg", use="sig", x5t="nOo3", x5c=["MIIDBTCC"])
    key |= {"issuer": issuer, "cloud_instance_name": "microsoftonline.com"}
    key.pop("alg", None)
    documents = {
        f"{issuer}/.well-known/openid-configuration": {"issuer": issuer, "jwks_uri": jwks},
        jwks: {"keys": [key]},
    }
    api = "99999999-8888-4777-8666-555555555555"
    verifier = JwtVerifier(issuer, api, IssuerKeys(issuer, clock, documents.__getitem__), clock)
    claims = {
        "iss": issuer, "aud": api, "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
        "oid": "00000000-0000-0000-66f3-3332eca7ea81", "tid": tenant, "ver": "2.0",
        "scp": "access_as_user", "roles": ["catalogue.write"], "azp": "a browser",
        "exp": int(clock.machine_now().timestamp()) + 3600,
    }  # fmt: skip
    token = jwt.encode(claims, RSA_KEY, "RS256", headers={"kid": key["kid"]})
    principal = verifier.verify(token)
    assert principal.subject == claims["sub"]
    assert principal.roles == {"catalogue.write"}
