"""Puts the web shop's files where Front Door finds them."""

import base64
import hashlib
import mimetypes
from collections.abc import Iterator
from pathlib import Path

from local.deployment.management import Azure, Stopped

SCOPE = "https://storage.azure.com/.default"
CONTAINER = "storefront"
_VERSION = "2024-11-04"
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2"}
_TEXT = ("text/", "application/json", "image/svg")


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Pages last, so that no page names a file that is not there yet."""
    found = [path for path in folder.rglob("*") if path.is_file() and not _hidden(folder, path)]
    if not found:
        raise Stopped(f"{folder} holds no files.")
    for path in sorted(found, key=lambda path: (path.suffix == ".html", path)):
        yield path.relative_to(folder).as_posix(), path


def _hidden(folder: Path, path: Path) -> bool:
    parts = path.relative_to(folder).parts
    return path.suffix == ".md" or any(part.startswith(".") for part in parts)


def headers(path: Path, content: bytes) -> dict[str, str]:
    """Names carry no hash, so Front Door and browsers keep files for minutes alone."""
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    kind = kind or "application/octet-stream"
    if kind.startswith(_TEXT):
        kind += "; charset=utf-8"
    seconds = 60 if path.suffix == ".html" else 300
    return {
        "x-ms-version": _VERSION,
        "x-ms-blob-type": "BlockBlob",
        "x-ms-blob-content-type": kind,
        "x-ms-blob-cache-control": f"public, max-age={seconds}",
        "Content-MD5": base64.b64encode(
            hashlib.md5(content, usedforsecurity=False).digest()
        ).decode(),
    }


def upload(azure: Azure, account: str, folder: Path) -> int:
    """How many files it sent."""
    count = 0
    for name, path in files(folder):
        content = path.read_bytes()
        url = f"https://{account}.blob.core.windows.net/{CONTAINER}/{name}"
        answer = azure.send("PUT", url, SCOPE, content=content, headers=headers(path, content))
        if answer.status_code == 404:
            raise Stopped(f"The account {account} has no container {CONTAINER}.")
        count += 1
    return count
