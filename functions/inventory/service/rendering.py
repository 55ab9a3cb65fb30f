"""Books as JSON, put together from parts that are JSON already."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from zlib import crc32

from functions.inventory.model import availability, etag
from functions.inventory.read_model import (
    DETAILS,
    Category,
    Counts,
    Detail,
    FacetCount,
    Facets,
    Listed,
)

IMAGE_SIZES = ("thumbnail", "small", "large")


@dataclass(frozen=True, slots=True)
class Renderer:
    """`cdn` is the address under which public blobs lie; `today` the business date."""

    cdn: str
    today: date

    def summary(self, book: Listed, *, withdrawn: bool = False) -> str:
        images = compact(self._images(book))
        availability = compact(self.availability(book, withdrawn=withdrawn))
        return f'{book.card[:-1]},"images":{images},"availability":{availability}}}'

    def detail(self, found: Detail) -> str:
        sample = found.rest["sample"]
        rest = compact(
            {
                **found.rest,
                "sample": None if sample is None else f"{self.cdn}/{sample}",
                "other_formats": self._others(found),
            }
        )
        return f"{self.summary(found.book, withdrawn=found.withdrawn)[:-1]},{rest[1:]}"

    def etag(self, found: Detail) -> str:
        """The versions of metadata and stock; behind the latter, where other editions are shown or
        a day changes the status, a checksum of what moves without either."""
        moving = ""
        if found.others or found.book.embargoed_until is not None:
            level = self.availability(found.book, withdrawn=found.withdrawn)
            moving = f"{crc32(compact([level, self._others(found)]).encode()):010d}"
        return etag(found.version, f"{found.stock_version}{moving}")

    def selected(self, book: str, fields: Iterable[str]) -> str:
        content = json.loads(book)
        chosen = {"isbn": content["isbn"], **{name: content[name] for name in fields}}
        return compact(chosen)

    def availability(self, book: Listed, *, withdrawn: bool = False) -> dict[str, Any]:
        status, available = availability(
            withdrawn=withdrawn,
            on_sale_on=book.embargoed_until,
            on_hand=book.on_hand,
            reserved=book.reserved,
            today=self.today,
        )
        return {"status": status, "available": available}

    def _images(self, book: Listed) -> dict[str, str | None]:
        images: dict[str, str | None] = {
            size: None if book.cover is None else f"{self.cdn}/covers/{book.cover}-{size}.webp"
            for size in IMAGE_SIZES
        }
        return {**images, "placeholder_colour": book.cover_colour}

    def _others(self, found: Detail) -> list[dict[str, Any]]:
        shown = []
        for one in found.others:
            card = json.loads(one.card)
            shown.append(
                {
                    "isbn": card["isbn"],
                    "format": card["format"],
                    "price": card["price"],
                    "availability": self.availability(one),
                }
            )
        return shown


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def needs_details(fields: Iterable[str]) -> bool:
    return not DETAILS.isdisjoint(fields)


def facets(counts: Counts, categories: Mapping[int, Category]) -> Facets:
    """The commonest values first."""
    named = [
        FacetCount(value=categories[number].id, name=categories[number].name, count=count)
        for number, count in counts.category.items()
        if number in categories
    ]
    return Facets(
        at_least=counts.at_least,
        total=counts.total,
        category=_sorted(named),
        format=_sorted(_plain(counts.format)),
        language=_sorted(_plain(counts.language)),
        in_stock=_sorted(_plain({str(key).lower(): n for key, n in counts.in_stock.items()})),
    )


def _plain(counts: Mapping[str, int]) -> list[FacetCount]:
    return [FacetCount(value=value, name=value, count=count) for value, count in counts.items()]


def _sorted(found: list[FacetCount]) -> list[FacetCount]:
    return sorted(found, key=lambda one: (-one.count, one.value))
