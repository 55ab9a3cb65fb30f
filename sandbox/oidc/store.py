"""The issuer's signing keys, in one file that its processes and `dev.py token` share."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from sandbox.files import locked, replace

ALGORITHM = "RS256"
_KEY_BITS = 2048
_PUBLIC_MEMBERS = ("kty", "n", "e")

Jwk = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Keys:
    """The retired key still verifies; the next one is published before it signs."""

    retired: Jwk | None
    current: Jwk
    following: Jwk

    def published(self) -> list[Jwk]:
        return [key for key in (self.current, self.following, self.retired) if key is not None]


class SigningKeys:
    """Keys are made at the first use, once, however many processes come at the same time."""

    def __init__(self, state: Path) -> None:
        self._file = state / "sandbox" / "oidc.json"

    def sign(self, claims: Mapping[str, Any]) -> str:
        current = self._load().current
        key = _private_key(json.dumps(current))
        return jwt.encode(dict(claims), key, ALGORITHM, headers={"kid": current["kid"]})

    def public_set(self) -> dict[str, list[Jwk]]:
        """The JWK Set of RFC 7517."""
        return {
            "keys": [
                {
                    **{name: key[name] for name in _PUBLIC_MEMBERS},
                    "kid": key["kid"],
                    "use": "sig",
                    "alg": ALGORITHM,
                }
                for key in self._load().published()
            ]
        }

    def rotate(self) -> str:
        """The next key signs from now on; returns its id. The last but one is forgotten."""
        with locked(self._file):
            before = self._read() or _first_keys()
            after = _Keys(before.current, before.following, _new_key())
            self._write(after)
        return str(after.current["kid"])

    def _load(self) -> _Keys:
        keys = self._read()
        if keys is None:
            with locked(self._file):
                keys = self._read()
                if keys is None:
                    keys = _first_keys()
                    self._write(keys)
        return keys

    def _read(self) -> _Keys | None:
        try:
            content = json.loads(self._file.read_text("utf-8"))
        except FileNotFoundError:
            return None
        return _Keys(content["retired"], content["current"], content["following"])

    def _write(self, keys: _Keys) -> None:
        content = {
            "retired": keys.retired,
            "current": keys.current,
            "following": keys.following,
        }
        replace(self._file, json.dumps(content))


def _first_keys() -> _Keys:
    return _Keys(None, _new_key(), _new_key())


def _new_key() -> Jwk:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    return {**RSAAlgorithm.to_jwk(key, as_dict=True), "kid": secrets.token_hex(8)}


@lru_cache(maxsize=4)
def _private_key(jwk: str) -> Any:
    """Kept, since checking the numbers of a private key takes longer than signing with it."""
    return RSAAlgorithm.from_jwk(jwk)
