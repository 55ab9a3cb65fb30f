"""Covers and samples as a bookseller sends them in.

AppError
├── MediaMismatch          415  the body is not what its Content-Type says
├── PictureTooLarge        413  the picture has more pixels than are taken
├── MediaRefused           422  it is broken, cut short, too small, or moves
└── MediaLeaving           503  the same file, long replaced, is being deleted at this moment
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar
from urllib.parse import quote, unquote

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.contracts.envelope import Payload
from shared.kit.errors import AppError

UPLOADS = "uploads"
"""The private container: covers as they were sent in."""
PUBLIC = "public"
"""The container that browsers see: covers in their sizes, samples."""
MEDIA_UPLOADS = "media-uploads"
"""The queue of what was uploaded. In Azure, Event Grid may deliver there too, without harm."""

PICTURE_TYPES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/avif": ".avif",
}
SAMPLE_TYPES = {"text/plain": ".txt", "application/pdf": ".pdf"}
ANY_TYPE = "application/octet-stream"
"""Says nothing of the content (RFC 9110, 8.3), which we look at anyway. Generated clients know no
other type of file."""

MOST_PIXELS = 40_000_000
SHORTEST_SIDE = 200
"""In pixels: less is no cover that anyone could read."""
KEPT_SHOWN = timedelta(days=365)
"""How long a public blob outlives its replacement: as long as caches may keep it, and what names
it."""
KEPT_UPLOADS = timedelta(days=30)
"""How long an original outlives its replacement, should the exchange have been a mistake."""
_COVERS = "covers/"
_SUBJECT = "/blobServices/default/containers/{container}/blobs/"


class MediaMismatch(AppError):
    status = 415
    kind = "media-mismatch"
    title = "The body is not what its Content-Type says"


class PictureTooLarge(AppError):
    status = 413
    kind = "picture-too-large"
    title = "The picture has too many pixels"


class MediaRefused(AppError):
    status = 422
    kind = "media-refused"
    title = "The file cannot be used"


class MediaLeaving(AppError):
    status = 503
    kind = "media-leaving"
    title = "The same file is being deleted"

    def __init__(self) -> None:
        super().__init__(
            "The same file was replaced long ago and is being deleted now; send it again then.",
            headers={"Retry-After": "60"},
        )


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """`container` is `UPLOADS` or `PUBLIC`; a public cover's name stands for all of its sizes."""

    container: str
    name: str


class BlobCreated(Payload):
    """What Event Grid tells of a blob that has come into the storage account; other fields are
    ignored. The event's subject names the blob.

    https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True
    )
    kind: ClassVar[str] = "Microsoft.Storage.BlobCreated"

    api: str
    blob_type: str
    url: str
    content_type: str
    content_length: Annotated[int, Field(ge=0)]
    e_tag: str


def subject_of(container: str, name: str) -> str:
    """By which Event Grid names a blob."""
    return _SUBJECT.format(container=container) + quote(name)


def named_by(subject: str, container: str) -> str | None:
    """The blob's name; None where it lies in another container."""
    beginning = _SUBJECT.format(container=container)
    return unquote(subject.removeprefix(beginning)) if subject.startswith(beginning) else None


def public_cover(cover: str) -> StoredBlob:
    """`cover` is what the names of its pictures begin with."""
    return StoredBlob(PUBLIC, f"{_COVERS}{cover}")


def cover_name(name: str) -> str:
    return name.removeprefix(_COVERS)
