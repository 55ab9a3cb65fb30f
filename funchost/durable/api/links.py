"""The addresses under which an instance is managed, as the client binding and the responses of the
management API hand them out."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from funchost.settings import setting

__all__ = ["DEFAULT_CONNECTION", "WEB_HOOK_PATH", "Links", "public_origin"]

WEB_HOOK_PATH = "/runtime/webhooks/durabletask"
DEFAULT_CONNECTION = "Storage"
# Literal in a client binding; the SDK puts the id of the instance in its place.
_PLACEHOLDER = "INSTANCEID"


def public_origin(own: str, environment: Mapping[str, str]) -> str:
    """Where the app is reached from outside, without a slash at the end: `WEBSITE_HOSTNAME`, which
    means HTTPS unless it is this machine, or `own`, the address that the host listens on."""
    name = setting("WEBSITE_HOSTNAME", environment)
    if not name or name == own.partition("//")[2]:
        return own
    is_local = name.partition(":")[0] in {"localhost", "127.0.0.1"}
    return f"{'http' if is_local else 'https'}://{name}"


@dataclass(frozen=True)
class Links:
    """`code` is the key of the web hook, None where the host checks no keys."""

    origin: str
    task_hub: str
    connection: str = DEFAULT_CONNECTION
    code: str | None = None

    @property
    def base(self) -> str:
        return f"{self.origin}{WEB_HOOK_PATH}"

    @property
    def required_query(self) -> str:
        return "" if self.code is None else urlencode({"code": self.code})

    def creation(self) -> dict[str, str]:
        prefix = f"{self.base}/orchestrators/{{functionName}}[/{{instanceId}}]"
        wait = "timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}"
        code = self.required_query
        return {
            "createNewInstancePostUri": f"{prefix}?{code}" if code else prefix,
            "createAndWaitOnNewInstancePostUri": f"{prefix}?{wait}{'&' if code else ''}{code}",
        }

    def management(self, instance_id: str = _PLACEHOLDER) -> dict[str, str]:
        query = urlencode({"taskHub": self.task_hub, "connection": self.connection})
        if self.code is not None:
            query = f"{query}&{self.required_query}"
        instance = f"{self.base}/instances/{quote(instance_id, safe='@:')}"
        return {
            "id": instance_id,
            "statusQueryGetUri": f"{instance}?{query}",
            "sendEventPostUri": f"{instance}/raiseEvent/{{eventName}}?{query}",
            "terminatePostUri": f"{instance}/terminate?reason={{text}}&{query}",
            "rewindPostUri": f"{instance}/rewind?reason={{text}}&{query}",
            "purgeHistoryDeleteUri": f"{instance}?{query}",
            "restartPostUri": f"{instance}/restart?{query}",
            "suspendPostUri": f"{instance}/suspend?reason={{text}}&{query}",
            "resumePostUri": f"{instance}/resume?reason={{text}}&{query}",
        }

    def check_status(self, instance_id: str) -> dict[str, str]:
        """The body of the 202 that answers a start; the extension leaves out the rewind here."""
        links = self.management(instance_id)
        del links["rewindPostUri"]
        return links
