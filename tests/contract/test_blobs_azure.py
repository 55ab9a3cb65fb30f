"""What only a storage account does: the headers of its blobs, addresses that it signs itself."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import azure.identity
import httpx
import jwt
import pytest
from azure.core.credentials import AccessToken

from shared.blobs.azure import AzureBlobs, AzureStorage, AzureUploads, StorageAccount
from shared.blobs.port import IMMUTABLE, BlobsUnavailable
from tests.support.certificates import certificate_for_loopback
from tests.support.emulators import ACCOUNT, ACCOUNT_KEY, azurite
from tests.support.ports import free_ports

SOON = timedelta(minutes=5)


@pytest.fixture
def container(azure_storage: AzureStorage) -> str:
    name = f"uploads-{uuid4().hex}"
    azure_storage.container(name).create_container()
    return name


def test_a_blob_tells_every_cache_to_keep_it(azure_storage: AzureStorage, container: str) -> None:
    AzureBlobs(azure_storage, container).put("covers/a.webp", b"picture", "image/webp", IMMUTABLE)
    blob = azure_storage.container(container).get_blob_client("covers/a.webp")
    settings = blob.get_blob_properties().content_settings
    assert (settings.content_type, settings.cache_control) == ("image/webp", IMMUTABLE)


def test_a_file_is_sent_to_its_signed_address_alone(
    azure_storage: AzureStorage, container: str
) -> None:
    uploads = AzureUploads(azure_storage, container)
    signed = uploads.address("abc.feed", datetime.now(UTC) + SOON)
    content = b"isbn,title\n" * 1_000_000
    assert httpx.put(signed.url, content=content, headers=signed.headers).status_code == 201
    assert httpx.get(signed.url).status_code == 403
    other = signed.url.replace("abc.feed", "abd.feed")
    assert httpx.put(other, content=b"x", headers=signed.headers).status_code == 403
    with uploads.open("abc.feed") as file:  # type: ignore[union-attr]
        assert file.seek(0, 2) == len(content)
        file.seek(-22, 1)
        assert file.read() == content[-22:]
        file.seek(0)
        assert file.read() == content
    late = uploads.address("abc.feed", datetime.now(UTC) - SOON)
    assert httpx.put(late.url, content=b"x", headers=late.headers).status_code == 403


def test_uploads_are_put_replaced_and_deleted(azure_storage: AzureStorage, container: str) -> None:
    uploads = AzureUploads(azure_storage, container)
    assert uploads.open("abc.feed") is None
    uploads.delete("abc.feed")
    uploads.put("abc.feed", b"one")
    opened = uploads.open("abc.feed")
    assert opened is not None
    uploads.put("abc.feed", b"two")
    with pytest.raises(BlobsUnavailable):
        opened.read()  # half of one file and half of another would be worse
    uploads.delete("abc.feed")
    assert uploads.open("abc.feed") is None
    with pytest.raises(ValueError, match="is not the name of an upload"):
        uploads.put("../abc.feed", b"")


def test_an_account_that_does_not_answer_is_an_error_of_the_port() -> None:
    text = f"AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
    text += f"BlobEndpoint=http://127.0.0.1:{free_ports()}/{ACCOUNT}"
    blobs = AzureBlobs(AzureStorage(StorageAccount(None, text), retries=0), "public")
    with pytest.raises(BlobsUnavailable):
        blobs.get("covers/a.webp")
    with pytest.raises(BlobsUnavailable):
        blobs.put("covers/a.webp", b"", "image/webp", IMMUTABLE)


class Signs:
    """An identity as Entra would give one, which Azurite believes without looking at the key."""

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        now = int(time.time())
        claims = {
            "aud": "https://storage.azure.com",
            "iss": "https://sts.windows.net/00000000-0000-0000-0000-000000000000/",
            "iat": now,
            "nbf": now - 60,
            "exp": now + 3600,
            "oid": str(uuid4()),
            "tid": str(uuid4()),
        }
        return AccessToken(jwt.encode(claims, "k" * 32), now + 3600)


@pytest.fixture
def identified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureStorage]:
    certificate, key = certificate_for_loopback(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.setattr(azure.identity, "DefaultAzureCredential", Signs)
    options = ["--oauth", "basic", "--cert", str(certificate), "--key", str(key)]
    with azurite(tmp_path, *options, scheme="https") as url:
        yield AzureStorage(StorageAccount(url, None))


def test_an_identity_signs_addresses_by_a_key_that_was_delegated_to_it(
    identified: AzureStorage,
) -> None:
    """Azurite gives the key, but cannot check what this version of the SDK signs by it."""
    identified.container("imports").create_container()
    uploads = AzureUploads(identified, "imports")
    uploads.put("abc.feed", b"feed")
    opened = uploads.open("abc.feed")
    assert opened is not None
    assert opened.read() == b"feed"
    said = _query(uploads.address("abc.feed", datetime.now(UTC) + SOON).url)
    assert (said["sr"], said["sp"], said["spr"], said["sks"]) == ("b", "cw", "https", "b")
    assert "skoid" in said
    again = _query(uploads.address("abd.feed", datetime.now(UTC) + SOON).url)
    assert again["ske"] == said["ske"]  # the same key
    assert again["sig"] != said["sig"]


def _query(url: str) -> dict[str, str]:
    return dict(httpx.URL(url).params)
