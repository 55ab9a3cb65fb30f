"""Runs the real Python worker library on an app, in a process of its own (it indexes once).

Usage: python real_worker.py APP_DIR < cases.json. Prints what it indexed and what each case gave,
in the form that our_worker.py prints too.
"""

import asyncio
import json
import sys
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as runtime
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.native_invocation import invocation_request_native
from worker_data import make_datum, plain


class _Message:
    """Stands for a protobuf message: the library only sets and reads attributes."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class _Protos:
    class BindingInfo(_Message):
        undefined = 0
        out = 1
        inout = 2

    class StatusResult(_Message):
        Failure = 0
        Success = 1


for _name in (
    *("RpcFunctionMetadata", "RpcRetryOptions", "WorkerInitResponse", "WorkerMetadata"),
    *("FunctionMetadataResponse", "FunctionLoadResponse", "RpcException"),
):
    setattr(_Protos, _name, type(_name, (_Message,), {}))


def _request(**inner: Any) -> SimpleNamespace:
    properties = {"host": "127.0.0.1", "protos": _Protos}
    return SimpleNamespace(request=SimpleNamespace(**inner), properties=properties)


async def _run(app_dir: str, cases: list[dict[str, Any]]) -> dict[str, Any]:
    start = SimpleNamespace(capabilities={}, function_app_directory=app_dir)
    started = await runtime.worker_init_request(_request(worker_init_request=start))
    if started.result.status != _Protos.StatusResult.Success:
        return {"error": started.result.exception.message}
    metadata = (await runtime.functions_metadata_request(_request())).function_metadata_results
    ids = {}
    for function in metadata:
        ids[function.name] = function.function_id
        load = SimpleNamespace(function_id=function.function_id)
        await runtime.function_load_request(_request(function_load_request=load))
    runtime.start_threadpool_executor()
    results = []
    for case in cases:
        ok, returned, outputs, error, _trace = await invocation_request_native(
            "invocation",
            ids[case["function"]],
            [(name, make_datum(Datum, *pair)) for name, pair in case["inputs"].items()],
            {name: make_datum(Datum, *pair) for name, pair in case.get("metadata", {}).items()},
        )
        results.append(
            {
                "ok": ok,
                "returned": plain(returned),
                "outputs": {name: plain(data) for name, data in outputs},
                "error": error,
            }
        )
    runtime.stop_threadpool_executor()
    functions = {
        function.name: {
            "id": function.function_id,
            "bindings": [json.loads(text) for text in function.raw_bindings],
            "retries": function.retry_options and function.retry_options.max_retry_count,
        }
        for function in metadata
    }
    return {"functions": functions, "results": results}


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    outcome = asyncio.run(_run(sys.argv[1], json.load(sys.stdin)))
    sys.stdout.write("\n" + json.dumps(outcome))
