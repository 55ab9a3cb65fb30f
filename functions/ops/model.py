"""What the app says about its own health."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

Outcome = Literal["ok", "failed", "missing"]


class Alive(BaseModel):
    model_config = ConfigDict(frozen=True)

    status: Literal["live"] = "live"


class CheckResult(BaseModel):
    """One dependency. `missing` means that a setting is not there; `detail` then names it."""

    model_config = ConfigDict(frozen=True)

    name: Annotated[str, Field(examples=["SQL_INVENTORY"])]
    status: Outcome
    detail: str | None = None
    duration_ms: Annotated[float, Field(ge=0, examples=[1.7])]


class Report(BaseModel):
    """Ready when every dependency is."""

    model_config = ConfigDict(frozen=True)

    status: Literal["ready", "not-ready"]
    checks: list[CheckResult]


class SignIn(BaseModel):
    """What a browser needs for OpenID Connect's authorization code flow with PKCE (RFC 7636): a
    public client, so without a secret. The addresses are in the issuer's discovery document."""

    model_config = ConfigDict(frozen=True)

    issuer: Annotated[str, Field(examples=["https://books.ciamlogin.com/tenant/v2.0"])]
    client_id: str
    scope: Annotated[str, Field(examples=["openid email"])]


class ShopFacts(BaseModel):
    """What a shop window must know before it can show anything. Without `sign_in`, all are guests."""

    model_config = ConfigDict(frozen=True)

    currency: Annotated[str | None, Field(examples=["GBP"])]
    sign_in: SignIn | None


class ApiDocument(RootModel[dict[str, Any]]):
    """An OpenAPI 3.0.3 document."""
