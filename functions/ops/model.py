"""What the app says about its own health."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel

from shared.kit.errors import NotFound
from shared.messaging.dead_letters import ENTITIES, DeadLetter


def _entity(name: str) -> str:
    if name not in ENTITIES:
        raise ValueError(f"is none of {', '.join(ENTITIES)}")
    return name


Outcome = Literal["ok", "failed", "missing"]


class Alive(BaseModel):
    model_config = ConfigDict(frozen=True)

    status: Literal["live"] = "live"


class CheckResult(BaseModel):
    """One dependency. `missing` means that a setting is not there; `detail` then names it. The shop
    goes on, as far as it can, without one that is not `required`."""

    model_config = ConfigDict(frozen=True)

    name: Annotated[str, Field(examples=["SQL_INVENTORY"])]
    status: Outcome
    required: bool
    detail: str | None = None
    duration_ms: Annotated[float, Field(ge=0, examples=[1.7])]


class Report(BaseModel):
    """Ready when every dependency is, and degraded when every one that is required is."""

    model_config = ConfigDict(frozen=True)

    status: Literal["ready", "degraded", "not-ready"]
    checks: list[CheckResult]


class SignIn(BaseModel):
    """What a browser needs for OpenID Connect's authorization code flow with PKCE (RFC 7636): a
    public client, so without a secret. The addresses are in the issuer's discovery document."""

    model_config = ConfigDict(frozen=True)

    issuer: Annotated[str, Field(examples=["https://books.ciamlogin.com/tenant/v2.0"])]
    client_id: str
    scope: Annotated[str, Field(examples=["openid email"])]


class ShopFacts(BaseModel):
    """What a shop window must know at first. Without `sign_in`, everybody is a guest."""

    model_config = ConfigDict(frozen=True)

    currency: Annotated[str | None, Field(examples=["GBP"])]
    sign_in: SignIn | None


class DeadLetters(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: tuple[DeadLetter, ...]


class Replayed(BaseModel):
    """Which dead letter is to be sent again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entity: Annotated[str, AfterValidator(_entity), Field(examples=["orders/shipping"])]
    sequence_number: Annotated[int, Field(strict=True, ge=1, le=2**63 - 1)]


class UnknownDeadLetter(NotFound):
    kind: ClassVar[str] = "unknown-dead-letter"
    title: ClassVar[str] = "There is no such dead letter"


class ApiDocument(RootModel[dict[str, Any]]):
    """An OpenAPI 3.0.3 document."""
