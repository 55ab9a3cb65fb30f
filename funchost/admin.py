"""The management endpoints under `/admin`, as the Functions host has them."""

import asyncio
import json
import platform
import time
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol

from funchost.auth import Keys
from funchost.context import HOST_INSTANCE_ID
from funchost.function import Function
from funchost.http_messages import Response
from funchost.kinds import HostedFunction
from funchost.rules import FunctionErrors

__all__ = ["AdminApi", "ManagedHost"]

VERSION = "4.1037.0.0"
_NOT_FOUND = Response(404, [], b"")
_ACCEPTED = Response(202, [], b"")


class ManagedHost(Protocol):
    """What the endpoints show and do."""

    @property
    def functions(self) -> Mapping[str, Function]:
        """By lower-case name; disabled ones included."""

    @property
    def errors(self) -> FunctionErrors: ...
    @property
    def host_errors(self) -> list[str]: ...
    @property
    def host_id(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    @property
    def configuration(self) -> Mapping[str, Any]: ...
    @property
    def is_available(self) -> bool: ...
    @property
    def drain_state(self) -> str: ...
    @property
    def active_count(self) -> int: ...

    def hosted(self, name: str) -> HostedFunction | None: ...
    def url_template(self, function: Function) -> str | None: ...
    async def run_manually(self, hosted: HostedFunction, text: str) -> None: ...
    async def restart_listeners(self) -> None: ...
    async def drain(self) -> None: ...
    def set_available(self, available: bool) -> None: ...


class AdminApi:
    """All of it needs the master key once keys are checked at all."""

    def __init__(self, host: ManagedHost, keys: Keys | None) -> None:
        self._host = host
        self._keys = keys
        self._started = time.monotonic()
        self._background: set[asyncio.Task[None]] = set()

    async def __call__(self, method: str, path: str, key: str | None, body: bytes) -> Response:
        if self._keys is not None and not self._keys.is_master(key):
            return Response(401, [], b"")
        # Names of functions and keys are compared without case, so that the whole path may be.
        parts = path.lower().strip("/").split("/")[1:]
        match parts:
            case ["host", *rest]:
                return await self._host_endpoint(method, rest, body)
            case ["functions"] if method == "GET":
                functions = self._host.functions.values()
                return _json([self._describe(function) for function in functions])
            case ["functions", name, *rest]:
                return await self._function_endpoint(method, name, rest, body)
            case ["warmup"] if method == "POST":
                return await self._warm_up()
        return _NOT_FOUND

    async def _host_endpoint(self, method: str, rest: list[str], body: bytes) -> Response:
        match method, rest:
            case "GET", ["status"]:
                return _json(self._status())
            case (("GET" | "POST"), ["ping"]):
                return Response(200, [], b"")
            case "GET", ["config"]:
                return _json(self._host.configuration)
            case "POST", ["restart"]:
                self._in_background(self._host.restart_listeners())
                return _ACCEPTED
            case "POST", ["resume"]:
                self._in_background(self._host.restart_listeners())
                return _json({"state": "Running"})
            case "POST", ["drain"]:
                self._in_background(self._host.drain())
                return _ACCEPTED
            case "GET", ["drain", "status"]:
                return _json(
                    {
                        "state": self._host.drain_state,
                        "outstandingInvocations": self._host.active_count,
                        "outstandingRetries": 0,
                    }
                )
            case "PUT", ["state"]:
                return self._set_state(body)
            case "POST", ["synctriggers"]:
                return Response(204, [], b"")
            case _, ["keys" | "functionkeys", *name]:
                return self._keys_endpoint(method, "host", name, body)
            case _, ["systemkeys", *name]:
                return self._keys_endpoint(method, "system", name, body)
        return _NOT_FOUND

    def _status(self) -> dict[str, Any]:
        errors = self._host.host_errors
        state = "Error" if errors else "Running" if self._host.is_available else "Offline"
        status = {
            "id": self._host.host_id,
            "state": state,
            "version": VERSION,
            "versionDetails": VERSION,
            "platformVersion": platform.release(),
            "instanceId": HOST_INSTANCE_ID,
            "computerName": platform.node(),
            "processUptime": int((time.monotonic() - self._started) * 1000),
            "functionAppContentEditingState": "NotAllowed",
        }
        bundle = self._host.configuration.get("extensionBundle")
        if isinstance(bundle, Mapping):
            status["extensionBundle"] = {"id": bundle.get("id"), "version": bundle.get("version")}
        if errors:
            status["errors"] = errors
        return status

    def _set_state(self, body: bytes) -> Response:
        try:
            state = str(json.loads(body)).lower()
        except ValueError:
            return Response(400, [], b"")
        if state not in {"running", "offline"}:
            return Response(400, [], b"")
        self._host.set_available(state == "running")
        return _ACCEPTED

    async def _function_endpoint(
        self, method: str, name: str, rest: list[str], body: bytes
    ) -> Response:
        function = self._host.functions.get(name)
        failed = {known.lower(): texts for known, texts in self._host.errors.items()}.get(name)
        if function is None and failed is None:
            return _NOT_FOUND
        if rest == ["status"] and method == "GET":
            return _json({"errors": failed} if failed else {})
        if function is None:
            return _NOT_FOUND
        match method, rest:
            case "GET", []:
                return _json(self._describe(function))
            case "POST", []:
                return self._invoke(function, body)
            case _, ["keys", *key_name]:
                return self._keys_endpoint(method, "host", key_name, body, function.name)
        return _NOT_FOUND

    def _invoke(self, function: Function, body: bytes) -> Response:
        try:
            request = json.loads(body)
        except ValueError:
            return Response(400, [], b"")
        hosted = self._host.hosted(function.name)
        if hosted is None or not isinstance(request, dict):
            return Response(400, [], b"")
        if hosted.trigger_type == "httptrigger":
            return Response(400, [], b"")
        given = request.get("input")
        text = "" if given is None else given if isinstance(given, str) else json.dumps(given)
        self._in_background(self._host.run_manually(hosted, text))
        return _ACCEPTED

    async def _warm_up(self) -> Response:
        for function in self._host.functions.values():
            hosted = self._host.hosted(function.name)
            if hosted is not None and hosted.trigger_type == "warmuptrigger":
                await self._host.run_manually(hosted, "")
        return Response(200, [], b"")

    def _describe(self, function: Function) -> dict[str, Any]:
        base = f"{self._host.base_url}/admin"
        return {
            "name": function.name,
            "script_root_path_href": f"{base}/vfs/{function.name}/",
            "script_href": None,
            "config_href": f"{base}/vfs/{function.name}/function.json",
            "test_data_href": f"{base}/vfs/data/Functions/sampledata/{function.name}.dat",
            "href": f"{base}/functions/{function.name}",
            "invoke_url_template": self._host.url_template(function),
            "language": "python",
            "config": {"bindings": function.bindings},
            "files": None,
            "test_data": None,
            "isDisabled": function.is_disabled,
            "isDirect": False,
            "isProxy": False,
        }

    def _keys_endpoint(
        self, method: str, scope: str, rest: list[str], body: bytes, function: str | None = None
    ) -> Response:
        if self._keys is None or len(rest) > 1:
            # Without checks there are no keys; Core Tools lists none either.
            return _json({"keys": [], "links": []}) if method == "GET" and not rest else _NOT_FOUND
        keys = self._keys
        known = keys.host_keys(scope) if function is None else keys.function_keys(function)
        if not rest:
            if method != "GET":
                return _NOT_FOUND
            return _json({"keys": [_key(*item) for item in known.items()], "links": []})
        name = rest[0]
        if name == "_master":
            return self._master_key(method, body)
        match method:
            case "GET":
                return _json(_key(name, known[name])) if name in known else _NOT_FOUND
            case "POST" | "PUT":
                value = _given_value(body) if method == "PUT" else None
                status = 200 if name in known else 201
                return _json(_key(name, keys.set(scope, name, value, function)), status)
            case "DELETE":
                return Response(204 if keys.delete(scope, name, function) else 404, [], b"")
        return _NOT_FOUND

    def _master_key(self, method: str, body: bytes) -> Response:
        assert self._keys is not None
        match method:
            case "GET":
                return _json(_key("_master", self._keys.master))
            case "POST" | "PUT":
                value = _given_value(body) if method == "PUT" else None
                return _json(_key("_master", self._keys.renew_master(value)))
        return _NOT_FOUND

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _key(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "value": value, "links": []}


def _given_value(body: bytes) -> str | None:
    try:
        value = json.loads(body).get("value")
    except (ValueError, AttributeError):
        return None
    return value if isinstance(value, str) and value else None


def _json(content: Any, status: int = 200) -> Response:
    headers = [(b"content-type", b"application/json; charset=utf-8")]
    return Response(status, headers, json.dumps(content).encode())
