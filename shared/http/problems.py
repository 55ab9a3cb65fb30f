"""Errors as RFC 9457 problem documents."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from shared.kit.errors import AppError, BadInput, FieldError, Place

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "/problems/"

_MOST_FIELDS = 100
_NAMED_IN_DETAIL = 3
_LONGEST_NAME = 100
_SUBJECTS = ("Input ", "String ", "Value ", "List ", "Dictionary ", "Tuple ", "Set ", "Data ")
_PLACES = {"body": "body", "query": "query", "path": "address", "header": "headers"}


class Unexpected(AppError):
    """A fault of ours; the caller learns no more than the correlation id."""

    def __init__(self) -> None:
        super().__init__("The fault is ours and has been logged. Please try again later.")


class Forbidden(AppError):
    status = 403
    kind = "forbidden"
    title = "The signed-in user may not do this"


class NoRoute(AppError):
    status = 404
    kind = "no-route"
    title = "There is no such address"


class MethodNotAllowed(AppError):
    status = 405
    kind = "method-not-allowed"
    title = "This address does not take that method"


class BodyTooLarge(AppError):
    status = 413
    kind = "body-too-large"
    title = "The body is too large"


class UnsupportedMediaType(AppError):
    status = 415
    kind = "unsupported-media-type"
    title = "The body has the wrong content type"


def document(error: AppError, correlation_id: str) -> bytes:
    """The problem document; `correlation_id` is what a caller quotes when asking for help."""
    content: dict[str, Any] = {
        "type": TYPE_PREFIX + error.kind,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        **error.extensions,
        "correlation_id": correlation_id,
    }
    if error.errors:
        content["errors"] = [
            {"pointer": item.pointer, "detail": item.detail, "in": item.place}
            for item in error.errors
        ]
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


def from_validation(error: ValidationError, place: Place) -> BadInput:
    """Each of pydantic's complaints as one named field; the value that was sent is not repeated."""
    count = error.error_count()
    where = _PLACES[place]
    if count > _MOST_FIELDS:
        crowd = f"has {count} faults, too many to list"
        return BadInput(f"The {where} {crowd}.", errors=[FieldError("#", crowd, place)])
    complaints = _innermost(error.errors(include_url=False, include_input=False))
    found = [FieldError(pointer(item["loc"]), _sentence(item), place) for item in complaints]
    named = [f"{_name(item, where)} {item.detail}" for item in found[:_NAMED_IN_DETAIL]]
    if len(found) > _NAMED_IN_DETAIL:
        named.append(f"and {len(found) - _NAMED_IN_DETAIL} more")
    return BadInput(f"The {where} is not valid: {'; '.join(named)}.", errors=found)


def _innermost(complaints: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Without those of lists that pydantic calls too short for having left out a faulty item."""
    around = {item["loc"][:end] for item in complaints for end in range(len(item["loc"]))}
    return [item for item in complaints if item["loc"] not in around]


def pointer(location: Sequence[int | str]) -> str:
    """RFC 6901, as a URI fragment but without percent-encoding, for people to read."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in location)
    return "#/" + "/".join(steps) if location else "#"


def _name(item: FieldError, where: str) -> str:
    return item.pointer.removeprefix("#").removeprefix("/")[:_LONGEST_NAME] or f"the {where}"


def _sentence(item: Mapping[str, Any]) -> str:
    if item["type"] == "extra_forbidden":
        return "is not known here"
    if item["type"] == "missing":
        return "is missing"
    if item["type"] == "json_invalid" and "recursion limit" in item["msg"]:
        return "is nested too deeply"
    text = str(item["msg"]).removeprefix("Value error, ")
    for subject in _SUBJECTS:
        text = text.removeprefix(subject)
    return text[:1].lower() + text[1:]
