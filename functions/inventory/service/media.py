"""Covers and samples that booksellers send in.

A cover goes two ways. `accept_cover` checks it, keeps it as it is, makes it the one that is
expected and says so on a queue; `make_sizes` turns it into what browsers show. Who sent it in has
that done at once; the queue has it done for certain, should a process end between the two. So it
may come later, twice, or for a cover that is no longer wanted: only the one that is expected is
shown, once.
"""

import re
import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from functions.inventory.covers import uploaded
from functions.inventory.covers.draw import SIZES
from functions.inventory.media_model import (
    ANY_TYPE,
    KEPT_SHOWN,
    KEPT_UPLOADS,
    MEDIA_UPLOADS,
    PICTURE_TYPES,
    PUBLIC,
    SAMPLE_TYPES,
    UPLOADS,
    BlobCreated,
    MediaLeaving,
    MediaMismatch,
    MediaRefused,
    StoredBlob,
    cover_name,
    named_by,
    public_cover,
    subject_of,
)
from functions.inventory.model import Cover, WrittenBook
from functions.inventory.ports import Transaction, Transactions
from functions.inventory.service.editing import claim, matched, shown
from shared.blobs.port import IMMUTABLE, BlobStore, content_name
from shared.kit.isbn import Isbn

_PURGED_AT_ONCE = 100
_PRIVATE = "private, no-store"
_COVER = re.compile(r"covers/([0-9]{13})/[0-9a-f]{32}(\.[a-z]+)")
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\u0080-\u009f]")
_PDF, _PDF_ENDS = b"%PDF-", b"%%EOF"
_END = 1_024
"""A PDF's last mark stands among its last 1,024 bytes (ISO 32000-1, appendix H)."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Media:
    """`uploads` is private, `public` is what the address `cdn` shows."""

    def __init__(
        self, transactions: Transactions, uploads: BlobStore, public: BlobStore, cdn: str
    ) -> None:
        self._transactions = transactions
        self._uploads = uploads
        self._public = public
        self._cdn = cdn
        # A picture takes hundreds of megabytes while it is decoded, so they wait for each other.
        self._decoding = threading.Lock()
        # Who comes second finds the sizes made, instead of making them again.
        self._making = threading.Lock()

    def accept_cover(
        self, isbn: Isbn, content: bytes, media_type: str, if_match: Collection[str]
    ) -> str:
        """Keeps the picture and says so, as the blob store's own event would; returns the subject
        of that event.

        Raises UnknownBook, PreconditionFailed, MediaMismatch, PictureTooLarge, MediaRefused,
        MediaLeaving.
        """
        self._transactions.run(lambda transaction: matched(transaction, isbn, if_match))
        with self._decoding:
            media_type = uploaded.check(content, media_type)
        content_hash = content_name(content)
        name = f"covers/{isbn}/{content_hash}{PICTURE_TYPES[media_type]}"
        self._keep(StoredBlob(UPLOADS, name))
        self._uploads.put(name, content, media_type, _PRIVATE)

        def expect(transaction: Transaction) -> None:
            former = matched(transaction, isbn, if_match)
            claim(transaction, isbn, former, withdrawn=former.withdrawn)
            transaction.media.expect_cover(isbn, name)
            transaction.editions.show([isbn])
            transaction.outbox.add(
                MEDIA_UPLOADS, subject, created, in_session=False, aggregate=isbn
            )

        subject = subject_of(UPLOADS, name)
        created = BlobCreated(
            api="PutBlob",
            blob_type="BlockBlob",
            url=self._uploads.url(name),
            content_type=media_type,
            content_length=len(content),
            e_tag=content_hash,
        )
        self._transactions.run(expect)
        return subject

    def make_sizes(self, subject: str) -> None:
        """Shows the cover that was uploaded, unless another is expected by now. `subject` is that
        of its event; one that names no cover is left alone.

        Raises LookupError where the cover is expected and was not kept, or MediaLeaving, so that
        it is tried again.
        """
        name = named_by(subject, UPLOADS) or ""
        said = _COVER.fullmatch(name)
        if said is not None:
            with self._making:
                self._make_sizes(Isbn(said[1]), name)

    def _make_sizes(self, isbn: Isbn, name: str) -> None:
        if self._transactions.run(lambda it: it.media.expected_cover(isbn)) != name:
            return
        original = self._uploads.get(name)
        if original is None:
            raise LookupError(f"the upload {name} is not there")
        with self._decoding:
            made = uploaded.sized(original.data, original.content_type)
        cover = Cover(content_name(made.pictures["large"]), made.colour)
        self._keep(public_cover(cover.name))
        put_cover(self._public, made.pictures)

        def show(transaction: Transaction) -> None:
            if transaction.media.cover_made(isbn, name):
                former = transaction.editions.stored([isbn])[isbn].cover
                transaction.editions.put_covers({isbn: cover})
                if former is not None and former != cover.name:
                    transaction.media.retire(public_cover(former))

        self._transactions.run(show)

    def put_sample(
        self, isbn: Isbn, content: bytes, media_type: str, if_match: Collection[str]
    ) -> WrittenBook:
        """Raises UnknownBook, PreconditionFailed, MediaMismatch, MediaRefused, MediaLeaving."""
        self._transactions.run(lambda transaction: matched(transaction, isbn, if_match))
        if media_type == ANY_TYPE:
            media_type = "application/pdf" if content.startswith(_PDF) else "text/plain"
        kept = (
            content if media_type == "application/pdf" else content.removeprefix(_BYTE_ORDER_MARK)
        )
        _check_sample(kept, media_type)
        name = f"samples/{content_name(kept)}{SAMPLE_TYPES[media_type]}"
        self._keep(StoredBlob(PUBLIC, name))
        self._public.put(name, kept, media_type, IMMUTABLE)

        def work(transaction: Transaction) -> WrittenBook:
            former = matched(transaction, isbn, if_match)
            claim(transaction, isbn, former, withdrawn=former.withdrawn)
            transaction.media.put_sample(isbn, name)
            transaction.editions.show([isbn])
            return shown(transaction, isbn, self._cdn)

        return self._transactions.run(work)

    def purge(self) -> int:
        """Deletes what was replaced long enough ago and is shown nowhere; how many that were."""
        kept = (
            (PUBLIC, self._public, KEPT_SHOWN),
            (UPLOADS, self._uploads, KEPT_UPLOADS),
        )
        return sum(self._purge(*one) for one in kept)

    def _purge(self, container: str, blobs: BlobStore, kept: timedelta) -> int:
        count = 0
        while leaving := self._leaving(container, kept):
            for blob in leaving:
                for name in _files(blob):
                    blobs.delete(name)
            self._gone(leaving)
            count += len(leaving)
        return count

    def _leaving(self, container: str, kept: timedelta) -> Sequence[StoredBlob]:
        return self._transactions.run(
            lambda it: it.media.leaving(container, it.now - kept, _PURGED_AT_ONCE)
        )

    def _gone(self, blobs: Sequence[StoredBlob]) -> None:
        self._transactions.run(lambda it: it.media.gone(blobs))

    def _keep(self, blob: StoredBlob) -> None:
        """Before the blob is put. Raises MediaLeaving."""
        if not self._transactions.run(lambda transaction: transaction.media.keep(blob)):
            raise MediaLeaving

    def book(self, isbn: Isbn) -> WrittenBook:
        """A known edition as its readers get it now."""
        return self._transactions.run(lambda transaction: shown(transaction, isbn, self._cdn))


def put_cover(blobs: BlobStore, pictures: Mapping[str, bytes]) -> str:
    """Puts a picture for each size; returns what their names begin with."""
    name = content_name(pictures["large"])
    for size, picture in pictures.items():
        blobs.put(f"covers/{name}-{size}.webp", picture, "image/webp", IMMUTABLE)
    return name


def _files(blob: StoredBlob) -> list[str]:
    if blob.container == PUBLIC and blob == public_cover(cover_name(blob.name)):
        return [f"{blob.name}-{size}.webp" for size in SIZES]
    return [blob.name]


def _check_sample(content: bytes, media_type: str) -> None:
    is_pdf = content.startswith(_PDF)
    if is_pdf != (media_type == "application/pdf"):
        raise MediaMismatch(f"The body is {'' if is_pdf else 'not '}a PDF file.")
    if is_pdf:
        if _PDF_ENDS not in content[-_END:]:
            raise MediaRefused("The PDF file is cut short: it has no end mark.")
        return
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MediaMismatch(f"The text is not UTF-8: see byte {error.start}.") from None
    if found := _CONTROL.search(text):
        raise MediaRefused(
            f"The text holds a control character, U+{ord(found[0]):04X}, at character"
            f" {found.start() + 1}."
        )
    if not text.strip():
        raise MediaRefused("The text is empty.")
