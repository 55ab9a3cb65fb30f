"""Opaque page cursors: versioned, checked, bound to the query that they page through."""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence

from shared.kit.errors import BadInput

_VERSION = 1
_LONGEST = 2048

Position = Sequence[str | int | None]


def fingerprint(*query_parts: object) -> str:
    """A short digest of a filter and sort; equal queries give equal digests in every process."""
    text = json.dumps(query_parts, ensure_ascii=True, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def encode(query: str, position: Position) -> str:
    """`query` is a fingerprint, `position` the sort key of the last item shown."""
    text = json.dumps([_VERSION, query, *position], ensure_ascii=False, separators=(",", ":"))
    body = text.encode()
    check = hashlib.blake2b(body, digest_size=3).digest()
    return base64.urlsafe_b64encode(check + body).rstrip(b"=").decode()


def decode(cursor: str, query: str, kinds: Sequence[tuple[type, ...]]) -> list[str | int | None]:
    """The position that `encode` was given.

    `kinds` holds the types allowed at each place of the position. Raises BadInput naming `cursor`
    when it is damaged, made by another version, or belongs to another query.
    """
    try:
        if len(cursor) > _LONGEST:
            raise ValueError
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        check, body = raw[:3], raw[3:]
        if hashlib.blake2b(body, digest_size=3).digest() != check:
            raise ValueError
        content: list[str | int | None] = json.loads(body)
        version, made_for, *position = content
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise BadInput.at("cursor", "is not a cursor of this shop") from None
    if version != _VERSION:
        raise BadInput.at("cursor", "is of an older version; start again from the first page")
    if made_for != query:
        raise BadInput.at("cursor", "belongs to another filter or sort")
    if len(position) != len(kinds) or not all(
        type(value) in allowed and _is_storable(value)
        for value, allowed in zip(position, kinds, strict=True)
    ):
        raise BadInput.at("cursor", "is not a cursor of this shop")
    return position


def _is_storable(value: str | int | None) -> bool:
    """The check digits have no key, so a cursor can be forged: what no row can hold is refused."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return value is None or (
        "\0" not in value and value.encode("utf-8", "replace").decode() == value
    )
