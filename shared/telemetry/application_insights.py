"""How to reach Application Insights: whichever library asks."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ApplicationInsights:
    """`connection_string` is `APPLICATIONINSIGHTS_CONNECTION_STRING`, and `authentication` is
    `APPLICATIONINSIGHTS_AUTHENTICATION_STRING`: `Authorization=AAD`, or `ClientId=<id of a managed
    identity>;Authorization=AAD`. Without it the instrumentation key is all that is asked for."""

    connection_string: str = field(repr=False)
    authentication: str | None = None

    def __post_init__(self) -> None:
        # A last semicolon, and the slash that ends an endpoint, trip the libraries up.
        parts = [part.strip().rstrip("/") for part in self.connection_string.split(";")]
        normalised = ";".join(part for part in parts if part)
        object.__setattr__(self, "connection_string", normalised)

    def credential(self) -> Any:
        """An `azure.core.credentials.TokenCredential`; None where none is asked for."""
        pairs = (part.partition("=") for part in (self.authentication or "").split(";"))
        said = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if said.get("authorization", "").upper() != "AAD":
            return None
        from azure.identity import ManagedIdentityCredential

        return ManagedIdentityCredential(client_id=said.get("clientid"))
