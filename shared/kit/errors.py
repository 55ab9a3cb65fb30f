"""The errors that a caller may see. The HTTP edge renders each as an RFC 9457 problem document.

    AppError
    ├── BadInput              400  the request breaks a rule; `errors` names the fields
    ├── NotFound              404
    ├── Conflict              409  the state of the thing forbids it
    ├── PreconditionFailed    412  `If-Match` names an older version
    ├── PreconditionRequired  428  `If-Match` is missing
    ├── IdempotencyMismatch   422  an Idempotency-Key came again with another request
    ├── NotConfigured         503  a setting is missing; the operator must add it
    └── Unavailable           503  something that it takes does not answer now

Services subclass these; a subclass draws its own tree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

Place = Literal["body", "query", "path", "header"]


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field.

    `pointer` is an RFC 6901 JSON pointer in URI fragment form (`#/price/amount`), as RFC 9457
    writes it; for a query, path or header value it is `#/` and the value's name.
    """

    pointer: str
    detail: str
    place: Place = "body"


class AppError(Exception):
    """`kind` is the stable last part of the problem's `type`; `detail` is safe to show."""

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extensions = dict(extensions or {})


class BadInput(AppError):
    status = 400
    kind = "bad-input"
    title = "The request is not valid"

    @classmethod
    def at(cls, name: str, detail: str, place: Place = "query") -> "BadInput":
        """One wrong value, named by its field or parameter."""
        return cls(f"{name}: {detail}", errors=[FieldError(f"#/{name}", detail, place)])


class NotFound(AppError):
    status = 404
    kind = "not-found"
    title = "There is no such thing"


class Conflict(AppError):
    status = 409
    kind = "conflict"
    title = "The present state forbids this"


class PreconditionFailed(AppError):
    status = 412
    kind = "precondition-failed"
    title = "It was changed meanwhile"


class PreconditionRequired(AppError):
    status = 428
    kind = "precondition-required"
    title = "If-Match is required"


class IdempotencyMismatch(AppError):
    status = 422
    kind = "idempotency-mismatch"
    title = "This Idempotency-Key belongs to another request"


class Unavailable(AppError):
    status = 503
    kind = "unavailable"
    title = "This cannot be done just now"


class NotConfigured(AppError):
    status = 503
    kind = "not-configured"
    title = "The shop is not fully configured"
