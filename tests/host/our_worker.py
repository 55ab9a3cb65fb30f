"""Runs the same cases as real_worker.py through the host's own index, converters and invoker.

Every trigger type is admitted here, also those that the host has no listener for, and outputs are
recorded instead of sent.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from azure.functions.meta import Datum
from worker_data import make_datum, plain

from funchost.index import index_app
from funchost.invoke import InvocationFailedError, Invoker
from funchost.kinds import BindingKinds, TriggerEvent
from funchost.logs import Console, HostLog
from funchost.rules import host_function
from funchost.threads import ThreadPool


async def _run(app_dir: Path, cases: list[dict[str, Any]]) -> dict[str, Any]:
    try:
        functions = {function.name: function for function in index_app(app_dir)}
    except Exception as error:
        # What the real worker puts into its answer, whatever the app raised.
        return {"error": f"{type(error).__name__}: {error}"}
    outputs: dict[str, Any] = {}

    async def record(binding: Any, data: Datum) -> None:
        outputs[binding["name"]] = plain(data)

    async def given(binding: Any, event: TriggerEvent) -> Datum:
        return make_datum(Datum, *case["inputs"][binding["name"]])

    triggers = {function.trigger["type"].lower(): None for function in functions.values()}
    kinds = BindingKinds(triggers, _Always(given), _Always(record))
    invoker = Invoker(HostLog(Console(sys.stderr)), ThreadPool(4))
    results = []
    for case in cases:
        outputs = {}
        hosted = host_function(functions[case["function"]], kinds)
        event = TriggerEvent(
            make_datum(Datum, *case["inputs"][hosted.trigger["name"]]),
            {name: make_datum(Datum, *pair) for name, pair in case.get("metadata", {}).items()},
        )
        try:
            outcome = await invoker.trigger(hosted, event)
        except InvocationFailedError as failure:
            error = repr(failure.__cause__)
            results.append({"ok": False, "returned": None, "outputs": {}, "error": error})
        else:
            # The host sends a return value through its binding; the real worker hands it over.
            returned = outputs.pop("$return", None) or plain(outcome.returned)
            results.append({"ok": True, "returned": returned, "outputs": outputs, "error": None})
    described = {
        name: {
            "id": function.id,
            "bindings": function.bindings,
            "retries": function.retry and function.retry.maximum_retries,
        }
        for name, function in functions.items()
    }
    return {"functions": described, "results": results}


class _Always(dict[str, Any]):
    def __init__(self, value: Any) -> None:
        self._value = value

    def get(self, key: str, default: Any = None) -> Any:
        return self._value


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    outcome = asyncio.run(_run(Path(sys.argv[1]), json.load(sys.stdin)))
    sys.stdout.write("\n" + json.dumps(outcome))
