"""One route as registered: what the edge enforces and what the OpenAPI document says."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, RootModel

from shared.auth import IdentityProviderUnavailable, Unauthenticated
from shared.http import problems
from shared.http.calls import Look, Nothing, RawBody
from shared.kit.errors import (
    AppError,
    BadInput,
    NotConfigured,
    PreconditionFailed,
    PreconditionRequired,
)

_CONSTRAINT = re.compile(r":[^{}]*(?=\})")
SignIn = Literal["ignored", "optional", "required"]
JSON_TYPE = "application/json"
MERGE_PATCH_TYPE = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Operation:
    """`path` is the route below the host's prefix, with the placeholders of Azure Functions."""

    name: str
    method: str
    path: str
    tag: str
    summary: str
    description: str
    path_model: type[BaseModel]
    query_model: type[BaseModel]
    query_names: frozenset[str]
    body_model: type[BaseModel]
    body_types: tuple[str, ...]
    json_model: type[BaseModel] | None
    body_required: bool
    answers: Mapping[int, type[BaseModel] | None]
    problems: tuple[type[AppError], ...]
    sign_in: SignIn
    role: str | None
    idempotent: bool
    if_match: bool
    etag: bool
    largest_body: int
    media_type: str
    look: Callable[[Any, Any], Look] | None
    route: str = field(init=False)
    span_name: str = field(init=False)
    is_read: bool = field(init=False)
    takes_body: bool = field(init=False)
    checked: dict[str, tuple[BaseModel, BaseModel, Look | None]] = field(
        init=False, default_factory=dict
    )
    """Path and query that were found right lately, by their URL, and where an answer to that may be
    at hand. The models are frozen."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "route", f"/api/{_CONSTRAINT.sub('', self.path)}")
        object.__setattr__(self, "span_name", f"{self.method} {self.route}")
        object.__setattr__(self, "is_read", self.method == "GET")
        object.__setattr__(self, "takes_body", self.body_model is not Nothing)

    @property
    def methods(self) -> list[str]:
        return ["GET", "HEAD"] if self.method == "GET" else [self.method]

    def possible_problems(self) -> list[type[AppError]]:
        """Those that the handler declares, and those that the edge itself may answer."""
        found: list[type[AppError]] = [*self.problems, BadInput]
        if self.sign_in != "ignored":
            found += [Unauthenticated, IdentityProviderUnavailable]
        if self.role is not None:
            found.append(problems.Forbidden)
        if self.takes_body:
            found += [problems.BodyTooLarge, problems.UnsupportedMediaType]
        if self.if_match:
            found += [PreconditionRequired, PreconditionFailed]
        found += [problems.Unexpected, NotConfigured]
        return sorted(dict.fromkeys(found), key=lambda kind: (kind.status, kind.kind))


def body_types(method: str, model: type[BaseModel], given: tuple[str, ...]) -> tuple[str, ...]:
    """The content types that a route takes; empty for a raw body of any type."""
    if given or model is RawBody:
        return given
    return (JSON_TYPE, MERGE_PATCH_TYPE) if method == "PATCH" else (JSON_TYPE,)


def refuse_open(model: type[BaseModel]) -> None:
    """A request's model must name what it does not know, or a misspelt field would go unnoticed."""
    if issubclass(model, RawBody | RootModel):
        return
    if model.model_config.get("extra") != "forbid":
        raise TypeError(f"{model.__name__} takes requests, so it needs extra='forbid'")


def names_of(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(field.alias or name for name, field in model.model_fields.items())


def needs_body(model: type[BaseModel]) -> bool:
    """False where an empty body means `{}`, since no field is required."""
    return any(field.is_required() for field in model.model_fields.values())
