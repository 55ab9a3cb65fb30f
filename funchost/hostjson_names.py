"""Names in host.json that no host knows.

Azure's host drops them without a word, whereby a misspelt option goes unnoticed
(https://learn.microsoft.com/azure/azure-functions/functions-host-json).
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

__all__ = ["unknown_names"]

_EXTENSIONS = {
    "http": "routePrefix maxOutstandingRequests maxConcurrentRequests dynamicThrottlesEnabled"
    " customHeaders hsts",
    "serviceBus": "prefetchCount autoCompleteMessages maxAutoLockRenewalDuration maxConcurrentCalls"
    " maxConcurrentSessions maxConcurrentCallsPerSession maxMessageBatchSize minMessageBatchSize"
    " maxBatchWaitTime sessionIdleTimeout enableCrossEntityTransactions transportType webProxy"
    " clientRetryOptions messageHandlerOptions sessionHandlerOptions batchOptions",
    "serviceBus.clientRetryOptions": "mode tryTimeout delay maxDelay maxRetries",
    "durableTask": "hubName storageProvider maxConcurrentActivityFunctions"
    " maxConcurrentOrchestratorFunctions maxConcurrentEntityFunctions extendedSessionsEnabled"
    " extendedSessionIdleTimeoutInSeconds maxOrchestrationActions"
    " overridableExistingInstanceStates entityMessageReorderWindowInMinutes"
    " storeInputsInOrchestrationHistory maxEntityOperationBatchSize"
    " rollbackEntityOperationsOnExceptions throwStatusExceptionsOnRaiseEvent useGracefulShutdown"
    " useAppLease appLeaseOptions defaultVersion versionMatchStrategy versionFailureStrategy"
    " tracing notifications httpSettings localRpcEndpointEnabled maxGrpcMessageSizeInBytes"
    " grpcHttpClientTimeout local",
    "durableTask.local": "maxHistoryEvents maxPayloadBytes purgeFinishedAfter synchronous",
}
_KNOWN = {
    "": "version functionTimeout retry functions http watchDirectories watchFiles queues serviceBus"
    " eventHub singleton logging aggregator healthMonitor extensionBundle managedDependencies"
    " customHandler httpWorker extensions concurrency telemetryMode"
    " sendCanceledInvocationsToWorker $schema",
    "retry": "strategy maxRetryCount delayInterval minimumInterval maximumInterval",
    "logging": "fileLoggingMode logLevel console applicationInsights",
    "extensionBundle": "id version",
    **{f"extensions.{path}": names for path, names in _EXTENSIONS.items()},
}
"""By section. What lies in other sections is not looked at."""


def unknown_names(document: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each."""
    for section, text in _KNOWN.items():
        known = {name.lower(): name for name in text.split()}
        for name in _names(document, section):
            if name.lower() in known:
                continue
            path = f"{section}.{name}".lstrip(".")
            near = get_close_matches(name.lower(), known, 1)
            hint = f" Did you mean {known[near[0]]}?" if near else ""
            yield f"host.json: {path} is not known and is ignored.{hint}"


def _names(document: Mapping[str, Any], section: str) -> list[str]:
    """Of a section, found in any case; none where it is missing or no section."""
    found: Any = document
    for part in section.split(".") if section else ():
        found = next((value for key, value in found.items() if key.lower() == part.lower()), None)
        if not isinstance(found, Mapping):
            return []
    return list(found)
