"""Blobs in a folder that a static server shows to browsers."""

from pathlib import Path

from shared.blobs.port import Blob, BlobExists, checked, content_type_of
from shared.kit.files import write_whole


class FolderBlobs:
    """The server tells types by extension and sends its own Cache-Control."""

    def __init__(self, root: Path, base_url: str) -> None:
        self._root = root
        self._base_url = base_url.rstrip("/")

    def put(self, name: str, data: bytes, content_type: str, cache_control: str) -> None:
        file = self._file(name)
        if content_type != content_type_of(name):
            raise ValueError(f"{name} is not named as {content_type}")
        if file.exists():
            if file.read_bytes() != data:
                raise BlobExists(name)
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, data)

    def get(self, name: str) -> Blob | None:
        try:
            return Blob(self._file(name).read_bytes(), content_type_of(name))
        except (FileNotFoundError, IsADirectoryError):
            return None

    def exists(self, name: str) -> bool:
        return self._file(name).is_file()

    def delete(self, name: str) -> None:
        self._file(name).unlink(missing_ok=True)

    def url(self, name: str) -> str:
        return f"{self._base_url}/{checked(name)}"

    def _file(self, name: str) -> Path:
        return self._root / checked(name)
