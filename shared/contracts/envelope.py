"""Messages as they travel: CloudEvents 1.0 in JSON (https://github.com/cloudevents/spec)."""

import builtins
import json
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

CONTENT_TYPE = "application/cloudevents+json"
LARGEST_BODY = 256 * 1024
"""Bytes: what a standard Service Bus namespace takes in one message."""


class UnreadableMessage(Exception):
    """A body that no consumer can use: it belongs in the dead letters, with this text."""


class Payload(BaseModel):
    """What a message says. `kind` is the CloudEvents `type`, past tense for events.

    `told` are the fields that a domain event of this kind shows in Application Insights: nothing
    that leads to a person. None says that it is no domain event.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: ClassVar[str]
    told: ClassVar[tuple[str, ...] | None] = None


P = TypeVar("P", bound=Payload)


class Envelope(BaseModel):
    """`id` is the message's identity for its consumers and survives a replay; the broker's own
    message id need not. `subject` names what it is about: the order's id, or the ISBN. Azure's own
    events name a resource and a blob by their whole paths."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, Field(min_length=1, max_length=64)]
    source: Annotated[str, Field(min_length=1, max_length=2048)]
    type: Annotated[str, Field(min_length=1, max_length=64)]
    subject: Annotated[str, Field(min_length=1, max_length=2048)]
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str | None = None
    tracestate: str | None = None
    data: dict[str, Any]

    def body(self) -> bytes:
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Raises UnreadableMessage. Only the body is read: a publisher cannot forge metadata."""
        try:
            return cls.model_validate(json.loads(body))
        except (ValueError, RecursionError, ValidationError) as error:
            raise UnreadableMessage(f"The body is not a CloudEvent: {_first(error)}") from None

    def payload(self, model: "builtins.type[P]") -> P:
        """Raises UnreadableMessage where `data` is not what the type promises."""
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            raise UnreadableMessage(f"{self.type} {self.id}: {_first(error)}") from None


def _first(error: Exception) -> str:
    """One line without the content, which may be somebody's."""
    if isinstance(error, ValidationError):
        found = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return f"{'.'.join(map(str, found['loc'])) or 'body'} {found['msg']}"
    return type(error).__name__
