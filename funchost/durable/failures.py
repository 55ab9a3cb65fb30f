"""How the failure of an activity or orchestrator is told to whoever waits for it."""

import json

from funchost.context import RpcException
from funchost.failures import as_rpc_exception
from funchost.invoke import FunctionTimeoutError

__all__ = ["activity_failure", "missing_activity", "orchestrator_failure"]

_RPC_EXCEPTION = "Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException"
_HRESULT = -2146233088


def activity_failure(name: str, error: BaseException) -> tuple[str, str]:
    """Reason and details. The details are JSON, as Newtonsoft prints the exception that carried the
    worker's answer: apps read `Message` and `InnerException` of it."""
    if isinstance(error, FunctionTimeoutError):
        return f"Activity function '{name}' failed: {error}", _exception(str(error), None)
    rpc = as_rpc_exception(error)
    # The blank is there: the host cuts the message out of `Exception: ...`.
    message = f" {rpc.message}"
    return f"Activity function '{name}' failed: {message}", _exception(message, rpc)


def missing_activity(name: str) -> tuple[str, str]:
    text = f"Activity function '{name}' does not exist."
    return f"Activity function '{name}' failed: {text}", _exception(text, None)


def orchestrator_failure(error: BaseException) -> str:
    """Of a run that gave no result at all: the SDK itself, or the host, failed."""
    return as_rpc_exception(error).message


def _exception(message: str, inner: RpcException | None) -> str:
    return json.dumps(
        {
            "$type": "System.Exception, System.Private.CoreLib",
            "ClassName": "System.Exception",
            "Message": message,
            "Data": None,
            "InnerException": None if inner is None else _inner(inner),
            **_REST,
        },
        separators=(",", ":"),
    )


_REST = {
    "HelpURL": None,
    "StackTraceString": None,
    "RemoteStackTraceString": None,
    "RemoteStackIndex": 0,
    "ExceptionMethod": None,
    "HResult": _HRESULT,
    "Source": None,
    "WatsonBuckets": None,
}


def _inner(rpc: RpcException) -> dict[str, object]:
    return {
        "$type": f"{_RPC_EXCEPTION}, Microsoft.Azure.WebJobs.Script.Grpc",
        "IsUserException": False,
        "RemoteStackTrace": rpc.stack_trace,
        "RemoteMessage": rpc.message,
        "RemoteTypeName": None,
        "ClassName": _RPC_EXCEPTION,
        "Message": f"Result: Failure\nException: {rpc.message}\nStack: {rpc.stack_trace}",
        "Data": None,
        "InnerException": None,
        **_REST,
    }
