"""What the app says about its own health."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

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


class ApiDocument(RootModel[dict[str, Any]]):
    """An OpenAPI 3.0.3 document."""
