"""Files that an admin hands in: private, kept until they are read, each written by one signed PUT.

In Azure the address is a blob's with a user-delegation SAS. Locally the app itself takes the PUT,
and Functions hosts take bodies of at most 100 MiB.
"""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from shared.kit.files import write_whole

_NAME = re.compile(r"[a-z0-9]{1,64}\.[a-z]{1,8}")
_TOKEN = re.compile(r"([a-z0-9]{1,64}\.[a-z]{1,8})\.([0-9]{1,12})\.([0-9a-f]{64})")
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class SignedAddress:
    """Where one PUT with these headers is taken."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Uploads(Protocol):
    """A name is letters and digits, a point, and letters; ValueError for any other."""

    def address(self, name: str, expires_at: datetime) -> SignedAddress:
        """Good before that time by the machine's clock."""
        ...

    def put(self, name: str, content: bytes) -> None:
        """Whole or not at all, in place of what was there."""
        ...

    def open(self, name: str) -> BinaryIO | None:
        """To be read from any place; None where nothing has arrived. The caller closes it."""
        ...

    def delete(self, name: str) -> None:
        """Harmless where there is none."""
        ...


class FolderUploads:
    """In a folder that no server shows. The key that signs addresses lies in it, too."""

    def __init__(self, root: Path, address: str) -> None:
        """Tokens are appended to `address`."""
        self._root = root
        self._address = address

    def address(self, name: str, expires_at: datetime) -> SignedAddress:
        said = f"{checked_upload(name)}.{int(expires_at.timestamp())}"
        return SignedAddress(f"{self._address}/{said}.{self._signature(said)}")

    def named_by(self, token: str, now: datetime) -> str | None:
        """The name of the upload whose address ends so; None where it is not valid now."""
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            return None
        name, expires, signature = parts.groups()
        if not hmac.compare_digest(signature, self._signature(f"{name}.{expires}")):
            return None
        return name if now < datetime.fromtimestamp(int(expires), UTC) else None

    def put(self, name: str, content: bytes) -> None:
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(self._root / checked_upload(name), content, 0o600)

    def open(self, name: str) -> BinaryIO | None:
        try:
            return (self._root / checked_upload(name)).open("rb")
        except FileNotFoundError:
            return None

    def delete(self, name: str) -> None:
        (self._root / checked_upload(name)).unlink(missing_ok=True)

    def _signature(self, said: str) -> str:
        return hmac.new(self._key(), said.encode(), hashlib.sha256).hexdigest()

    def _key(self) -> bytes:
        """Made at the first use, by whichever process is first."""
        file = self._root / ".key"
        if not file.exists():
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            whole = self._root / f".key.{secrets.token_hex(8)}"
            write_whole(whole, secrets.token_bytes(_KEY_BYTES), 0o600)
            try:
                os.link(whole, file)
            except FileExistsError:
                pass
            finally:
                whole.unlink()
        return file.read_bytes()


def checked_upload(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of an upload")
    return name
