"""Which tokens are accepted, with real keys and no server."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import example, given
from hypothesis import strategies as st

from shared.auth import IdentityProviderUnavailable, InvalidToken, Principal, Unauthenticated
from shared.auth.jwks import VerificationKey
from shared.auth.jwt import JwtVerifier
from shared.kit.clock import ManualClock

ISSUER, AUDIENCE = "https://issuer.example/v2.0", "bookstore"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_PEM = RSA_KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


@dataclass
class KnownKeys:
    keys: dict[str, VerificationKey] = field(
        default_factory=lambda: {
            "rsa": VerificationKey("RS256", RSA_KEY.public_key()),
            "ec": VerificationKey("ES256", EC_KEY.public_key()),
        }
    )
    asked: list[str] = field(default_factory=list)
    unavailable: bool = False

    def find(self, key_id: str) -> VerificationKey | None:
        self.asked.append(key_id)
        if self.unavailable:
            raise IdentityProviderUnavailable("away", retry_after=5)
        return self.keys.get(key_id)


CLOCK = ManualClock()
NOW = int(CLOCK.machine_now().timestamp())


def claims(**changes: Any) -> dict[str, Any]:
    """A good token's, with changes; None takes a claim away."""
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "exp": NOW + 600, "iat": NOW}
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(
    content: dict[str, Any] | None = None,
    key: Any = RSA_KEY,
    algorithm: str = "RS256",
    **header: Any,
) -> str:
    return jwt.encode(content or claims(), key, algorithm, headers={"kid": "rsa", **header})


def handmade(header: dict[str, Any], content: object, signature: bytes = b"") -> str:
    """What no library would make."""
    parts = [json.dumps(header).encode(), json.dumps(content).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def verifier(keys: KnownKeys | None = None, clock: ManualClock = CLOCK) -> JwtVerifier:
    return JwtVerifier(ISSUER, AUDIENCE, keys or KnownKeys(), clock)


def test_a_good_token_becomes_a_principal() -> None:
    token = signed(claims(roles=["catalogue.write", "orders.refund"], email="a@example.org"))
    assert verifier().verify(token) == Principal(
        "user-1", frozenset({"catalogue.write", "orders.refund"}), "a@example.org"
    )


def test_an_elliptic_curve_key_is_as_good() -> None:
    token = jwt.encode(claims(), EC_KEY, "ES256", headers={"kid": "ec"})
    assert verifier().verify(token).subject == "user-1"


@pytest.mark.parametrize(
    ("granted", "roles"),
    [
        ({}, set()),
        ({"roles": []}, set()),
        ({"roles": "one"}, {"one"}),
        ({"role": "one"}, {"one"}),
        ({"role": ["one", "two"]}, {"one", "two"}),
        ({"roles": ["one", 2, None, ""], "role": {"a": 1}}, {"one"}),
        ({"scp": "catalogue.write", "scope": "catalogue.write"}, set()),
    ],
)
def test_roles_come_from_role_claims_and_never_from_scopes(
    granted: dict[str, Any], roles: set[str]
) -> None:
    assert verifier().verify(signed(claims(**granted))).roles == roles


@pytest.mark.parametrize(
    "given_as", [{"email": 5}, {"email": ""}, {"email": "a@b.c", "email_verified": False}]
)
def test_an_email_that_means_nothing_is_left_out(given_as: dict[str, Any]) -> None:
    assert verifier().verify(signed(claims(**given_as))).email is None


def test_an_audience_may_be_one_of_several() -> None:
    assert verifier().verify(signed(claims(aud=["other", AUDIENCE])))


def forged_with_public_key_as_secret() -> str:
    """The classic: RS256's public key taken for HS256's secret."""
    unsigned = handmade({"alg": "HS256", "kid": "rsa"}, claims()).rstrip(".")
    signature = hmac.new(PUBLIC_PEM, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


REFUSED: dict[str, Callable[[], str]] = {
    "another issuer": lambda: signed(claims(iss="https://evil.example")),
    "an issuer with a slash more": lambda: signed(claims(iss=ISSUER + "/")),
    "another audience": lambda: signed(claims(aud="other")),
    "no audience": lambda: signed(claims(aud=None)),
    "no issuer": lambda: signed(claims(iss=None)),
    "no expiry": lambda: signed(claims(exp=None)),
    "no subject": lambda: signed(claims(sub=None)),
    "an empty subject": lambda: signed(claims(sub="")),
    "a subject that is a number": lambda: signed(claims(sub=5)),
    "a subject without end": lambda: signed(claims(sub="x" * 256)),
    "a subject with a space at its end": lambda: signed(claims(sub="user-1 ")),
    "a subject that is not ASCII": lambda: signed(claims(sub="us\u00e9r-1")),
    "expired": lambda: signed(claims(exp=NOW - 61)),
    "not valid yet": lambda: signed(claims(nbf=NOW + 61)),
    "issued in the future": lambda: signed(claims(iat=NOW + 61)),
    "an expiry in words": lambda: signed(claims(exp="tomorrow")),
    "an expiry that is true": lambda: signed(claims(exp=True)),
    "an infinite expiry": lambda: signed(claims(exp=float("inf"))),
    "an expiry beyond numbers": lambda: signed(claims(exp=10**400)),
    "another key": lambda: signed(key=OTHER_KEY),
    "an unknown key id": lambda: signed(kid="other"),
    "a key id that is a list": lambda: handmade({"alg": "RS256", "kid": ["rsa"]}, claims()),
    "no key id": lambda: jwt.encode(claims(), RSA_KEY, "RS256"),
    "algorithm none": lambda: handmade({"alg": "none", "kid": "rsa"}, claims()),
    "algorithm nOnE": lambda: handmade({"alg": "nOnE", "kid": "rsa"}, claims()),
    "an algorithm that is a list": lambda: handmade({"alg": ["RS256"], "kid": "rsa"}, claims()),
    "no algorithm": lambda: handmade({"kid": "rsa"}, claims()),
    "algorithm confusion": forged_with_public_key_as_secret,
    "another hash": lambda: signed(algorithm="RS512"),
    "PSS": lambda: signed(algorithm="PS256"),
    "the other key's algorithm": lambda: jwt.encode(
        claims(), EC_KEY, "ES256", headers={"kid": "rsa"}
    ),
    "an extension that must be understood": lambda: signed(crit=["b64"], b64=True),
    "a key brought along": lambda: signed(
        key=OTHER_KEY, jwk=json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(OTHER_KEY.public_key()))
    ),
    "changed content": lambda: ".".join(
        [signed().split(".")[0], signed(claims(sub="root")).split(".")[1], signed().split(".")[2]]
    ),
    "no signature": lambda: signed().rpartition(".")[0] + ".",
    "two parts": lambda: signed().rpartition(".")[0],
    "content that is a list": lambda: handmade({"alg": "RS256", "kid": "rsa"}, []),
    "nothing": lambda: "",
    "dots": lambda: "..",
    "letters beyond ASCII": lambda: signed() + "ä",
    "too long": lambda: signed(claims(more="x" * 20_000)),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_bad_token_is_refused(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    token = REFUSED[kind]()
    with pytest.raises(InvalidToken) as refusal:
        verifier().verify(token)
    assert refusal.value.status == 401
    assert refusal.value.headers == {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    assert len(token) < 8 or token not in caplog.text + str(refusal.value)


@given(st.text() | st.lists(st.text("eyJhbGciOi.=_-09"), min_size=3, max_size=3).map(".".join))
@example("eyJhbGciOiJSUzI1NiIsImtpZCI6MX0.e30.AA")
def test_no_text_does_worse_than_being_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        verifier().verify(text)


def test_the_leeway_is_a_minute_on_either_side() -> None:
    for content in (claims(exp=NOW - 59), claims(nbf=NOW + 59, iat=NOW + 59)):
        assert verifier().verify(signed(content))


def test_business_time_does_not_age_a_token() -> None:
    clock = ManualClock()
    checks, token = verifier(clock=clock), signed()
    clock.advance_business(timedelta(days=400))
    assert checks.verify(token)
    clock.advance(timedelta(seconds=661))
    with pytest.raises(InvalidToken, match="expired"):
        checks.verify(token)


def test_a_verified_token_is_remembered_for_five_minutes() -> None:
    clock, keys = ManualClock(), KnownKeys()
    checks, token = verifier(keys, clock), signed()
    first = checks.verify(token)
    clock.advance(timedelta(seconds=299))
    assert checks.verify(token) is first
    assert keys.asked == ["rsa"]
    keys.keys.clear()
    clock.advance(timedelta(seconds=1))
    with pytest.raises(InvalidToken):
        checks.verify(token)


def test_a_remembered_token_expires_on_time() -> None:
    clock = ManualClock()
    checks, token = verifier(clock=clock), signed(claims(exp=NOW + 10))
    checks.verify(token)
    clock.advance(timedelta(seconds=70))
    with pytest.raises(InvalidToken, match="expired"):
        checks.verify(token)


def test_a_refusal_is_not_remembered() -> None:
    keys = KnownKeys({})
    checks, token = verifier(keys), signed()
    with pytest.raises(InvalidToken):
        checks.verify(token)
    keys.keys = KnownKeys().keys
    assert checks.verify(token)


def test_without_keys_the_fault_is_not_the_callers() -> None:
    with pytest.raises(IdentityProviderUnavailable) as refusal:
        verifier(KnownKeys(unavailable=True)).verify(signed())
    assert (refusal.value.status, refusal.value.headers) == (503, {"Retry-After": "5"})


def test_a_token_that_cannot_be_right_asks_nobody_for_keys() -> None:
    keys = KnownKeys()
    for kind in ("algorithm none", "algorithm confusion", "no key id", "nothing", "too long"):
        with pytest.raises(InvalidToken):
            verifier(keys).verify(REFUSED[kind]())
    assert keys.asked == []


def test_missing_credentials_are_challenged_without_an_error_code() -> None:
    assert Unauthenticated("Sign in.").headers == {"WWW-Authenticate": "Bearer"}


def test_many_threads_get_their_own_callers() -> None:
    checks = verifier()
    tokens = {f"user-{n}": signed(claims(sub=f"user-{n}")) for n in range(8)}
    start, wrong = threading.Barrier(8), []

    def check(own: str) -> None:
        start.wait()
        for subject in [own, *tokens, own]:
            if checks.verify(tokens[subject]).subject != subject:
                wrong.append(subject)

    threads = [threading.Thread(target=check, args=(subject,)) for subject in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
