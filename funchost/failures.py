"""How the failure of a function is told, in the log and to its next attempt."""

import traceback
from pathlib import Path

from funchost.context import RpcException

__all__ = ["as_rpc_exception", "failure_text"]

_OWN_FOLDER = str(Path(__file__).parent)


def failure_text(error: BaseException) -> str:
    """`Result: Failure`, the exception and its stack, in the worker's form."""
    rpc = as_rpc_exception(error)
    return f"Result: Failure\nException: {rpc.message}\nStack: {rpc.stack_trace}".rstrip()


def as_rpc_exception(error: BaseException) -> RpcException:
    try:
        message = f"{type(error).__name__}: {error}"
    except BaseException:
        # The exception is the app's: its __str__ may itself be broken, in any way.
        message = "Unhandled exception in function. Could not serialize original exception message."
    return RpcException("", message, "".join(traceback.format_exception(_without_host(error))))


def _without_host(error: BaseException) -> BaseException:
    """Drops the host's own frames, which tell the author of a function nothing."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
        frames = frames.tb_next
    return error.with_traceback(frames or error.__traceback__)
