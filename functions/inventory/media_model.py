"""Covers and samples as a bookseller sends them in.

AppError
├── MediaMismatch          415  the body is not what its Content-Type says
├── PictureTooLarge        413  the picture has more pixels than are taken
└── MediaRefused           422  it is broken, cut short, too small, or moves
"""

from typing import Annotated
from urllib.parse import quote, unquote

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.kit.errors import AppError

UPLOADS = "uploads"
"""The private container: covers as they were sent in."""
PUBLIC = "public"
"""The container that browsers see: covers in their sizes, samples."""

PICTURE_TYPES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/avif": ".avif",
}
SAMPLE_TYPES = {"text/plain": ".txt", "application/pdf": ".pdf"}

MOST_PIXELS = 40_000_000
SHORTEST_SIDE = 200
"""In pixels: less is no cover that anyone could read."""
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


class CreatedBlob(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    url: str
    content_type: str
    content_length: Annotated[int, Field(ge=0)]
    e_tag: str


class BlobCreated(BaseModel):
    """What is read of Event Grid's `Microsoft.Storage.BlobCreated`; other fields are ignored.

    https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
    """

    model_config = ConfigDict(frozen=True)

    subject: str
    data: CreatedBlob

    @classmethod
    def of(cls, container: str, name: str, data: CreatedBlob) -> "BlobCreated":
        return cls(subject=_SUBJECT.format(container=container) + quote(name), data=data)

    def name_in(self, container: str) -> str | None:
        """The blob's name; None where it lies in another container."""
        beginning = _SUBJECT.format(container=container)
        if not self.subject.startswith(beginning):
            return None
        return unquote(self.subject.removeprefix(beginning))
