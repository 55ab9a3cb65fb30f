"""Records of a feed as they cross from one process to another.

What makes each anew takes less time, on both sides, than to fill in an empty one.
"""

import io
import pickle
from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from typing import Any

from pydantic import BaseModel

from functions.inventory.import_model import FeedRecord, Position, Prepared, Said, UnreadableFile
from functions.inventory.model import Contributor, Dimensions, NewBook, SeriesPlace
from functions.inventory.words import BookWords
from shared.kit.money import Money

_REMEMBERED = 4_096
_NAMES: dict[type[BaseModel], tuple[str, ...]] = {
    kind: tuple(kind.model_fields)
    for kind in (NewBook, Contributor, Dimensions, SeriesPlace, Money)
}


_SAID = {kind: set(names) for kind, names in _NAMES.items()}


def _checked(kind: type[BaseModel], *values: Any) -> BaseModel:
    """A value that the reader has checked; `model_construct` takes six times as long."""
    names = _NAMES[kind]
    made = kind.__new__(kind)
    made.__setstate__(
        {
            "__dict__": dict(zip(names, values, strict=True)),
            "__pydantic_fields_set__": _SAID[kind],
            "__pydantic_extra__": None,
            "__pydantic_private__": None,
        }
    )
    return made


@lru_cache(maxsize=_REMEMBERED)
def _shared(kind: type[BaseModel], *values: Any) -> BaseModel:
    """One that many books have."""
    return _checked(kind, *values)


_Sent = Callable[[Any], tuple[Any, tuple[Any, ...]]]


def _as_record(kind: type[Any]) -> _Sent:
    values = attrgetter(*(field.name for field in fields(kind)))
    return lambda record: (kind, values(record))


def _as_tuple(kind: type[Any]) -> _Sent:
    return lambda parts: (kind, tuple(parts))


def _as_value(kind: type[BaseModel]) -> _Sent:
    values = attrgetter(*_NAMES[kind])
    make = _checked if kind is NewBook else _shared
    return lambda value: (make, (kind, *values(value)))


_SENT_AS: dict[type, _Sent] = {
    **{kind: _as_record(kind) for kind in (FeedRecord, Said, Position)},
    **{kind: _as_tuple(kind) for kind in (Prepared, BookWords)},
    **{kind: _as_value(kind) for kind in _NAMES},
}


def pickled(chunk: list[FeedRecord] | UnreadableFile) -> bytes:
    """For `pickle.load`."""
    content = io.BytesIO()
    pickler = pickle.Pickler(content, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _SENT_AS
    pickler.dump(chunk)
    return content.getvalue()
