"""One page of books, as JSON."""

import json
from collections.abc import Sequence
from typing import Any

from functions.inventory.ports import ShelfView
from functions.inventory.read_model import NO_COUNTS, RELEVANT_HITS, BookQuery, Filters, Listed
from functions.inventory.service.paging import Pager
from functions.inventory.service.rendering import Renderer, compact, facets, needs_details

_FEW_HITS = 3


class BookList:
    """Read on one view, so that its parts agree."""

    def __init__(self, view: ShelfView, renderer: Renderer, query: BookQuery, pager: Pager) -> None:
        self._view = view
        self._renderer = renderer
        self._query = query
        self._pager = pager

    def body(self) -> bytes:
        filters = self._filters()
        parts: dict[str, Any] = {}
        books: Sequence[Listed] = ()
        cursor: str | None = None
        if filters is not None and self._query.q:
            books, cursor, parts = self._found(self._query.q, filters)
        elif filters is not None:
            page = self._view.page(
                filters, self._pager.sort, self._pager.after, self._pager.limit + 1
            )
            books, cursor = self._pager.shown(page)
        if self._query.facets:
            parts["facets"] = self._facets(filters)
        head = f'{{"items":[{",".join(self._items(books))}],"next_cursor":{json.dumps(cursor)}'
        return (head + (f",{compact(parts)[1:]}" if parts else "}")).encode()

    def _found(
        self, text: str, filters: Filters
    ) -> tuple[Sequence[Listed], str | None, dict[str, Any]]:
        pager = self._pager
        if pager.sort == "relevance":
            hits = self._view.ranked(text, filters)
            books = self._view.cards(hits.isbns[pager.start : pager.start + pager.limit])
            cursor, approximate = pager.next_start(len(hits.isbns)), hits.approximate
            count = len(hits.isbns)
        else:
            page, approximate = self._view.found_page(
                text, filters, pager.sort, pager.after, pager.limit + 1
            )
            count = RELEVANT_HITS if pager.after else len(page)
            books, cursor = pager.shown(page)
        parts: dict[str, Any] = {"approximate": approximate}
        if count < _FEW_HITS and (better := self._view.suggestion(text)):
            parts["did_you_mean"] = better
        return books, cursor, parts

    def _items(self, books: Sequence[Listed]) -> list[str]:
        renderer, chosen = self._renderer, self._query.fields
        if chosen is None:
            return [renderer.summary(book) for book in books]
        fields = chosen.split(",")
        if not needs_details(fields):
            return [renderer.selected(renderer.summary(book), fields) for book in books]
        details = self._view.details([book.isbn for book in books])
        return [renderer.selected(renderer.detail(details[book.isbn]), fields) for book in books]

    def _facets(self, filters: Filters | None) -> dict[str, Any]:
        _, categories = self._view.category_tree()
        if filters is None:
            return facets(NO_COUNTS, categories).model_dump()
        return facets(self._view.counts(self._query.q, filters), categories).model_dump()

    def _filters(self) -> Filters | None:
        """None where a filter names what is not in the catalogue: nothing fits it."""
        query = self._query
        category = self._view.category_id(query.category) if query.category else None
        contributor = self._view.contributor_id(query.author) if query.author else None
        if (query.category and category is None) or (query.author and contributor is None):
            return None
        return Filters(
            category_id=category,
            contributor_id=contributor,
            language=query.language,
            format=query.format,
            min_price=query.min_price,
            max_price=query.max_price,
            in_stock=query.in_stock,
            published_from=query.published_from,
            published_to=query.published_to,
        )
