"""One host in one process: loads the app, serves it, starts its listeners, and ends in order."""

import asyncio
import contextlib
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from funchost.admin import AdminApi
from funchost.auth import Keys
from funchost.clock import StateClock, host_zone
from funchost.command import Command, Mount, Site
from funchost.convert import Datum
from funchost.cors import CorsPolicy
from funchost.durable.api.hosting import register_durable_api
from funchost.durable.extension import DurableExtension
from funchost.failures import failure_text
from funchost.function import Function, RetryPolicy
from funchost.hostjson import HostJson
from funchost.index import index_app
from funchost.invoke import HTTP_REASON, InvocationFailedError, Invoker
from funchost.kinds import (
    BindingError,
    BindingKinds,
    HostedFunction,
    Services,
    TriggerEvent,
    TriggerListener,
)
from funchost.logs import ERROR, WARNING, HostLog, install_user_logging
from funchost.redirect import Redirect
from funchost.routing import Route, RouteTable, TemplateError
from funchost.rules import FunctionErrors, admit, host_function
from funchost.server import FunctionServer, HttpOptions
from funchost.servicebus.extension import ServiceBusExtension
from funchost.servicebus.triggers.listener import manual_event
from funchost.settings import SettingsError, UnresolvedSettingError, is_true, setting
from funchost.spans import host_spans
from funchost.state import host_id
from funchost.static import StaticMount
from funchost.threads import ThreadPool, configured_size
from funchost.timer_trigger import TimerTrigger, manual_timer_event

__all__ = ["Host"]

_LISTENER_RETRY_SECONDS = 30.0
_IMMUTABLE = "public, max-age=31536000, immutable"


class Host:
    def __init__(self, command: Command, host_json: HostJson, log: HostLog) -> None:
        """Within a running loop. Raises SettingsError."""
        self._command = command
        self._host_json = host_json
        self._log = log
        self._pool = ThreadPool(configured_size(setting("PYTHON_THREADPOOL_THREAD_COUNT")))
        self._spans = host_spans(host_json)
        self._invoker = Invoker(
            log,
            self._pool,
            host_json.function_timeout,
            _host_retry_policy(host_json),
            self._spans,
        )
        self._clock = StateClock(command.state, host_zone(os.environ))
        self._keys = _keys(command)
        self._kinds = _built_in_kinds(
            ServiceBusExtension(command.app_dir, command.state, command.servicebus, host_json, log)
        )
        self._services = Services(
            self._invoker.trigger, self._clock, command.state, host_json, log, self._spans
        )
        self._durable = DurableExtension(self._services)
        self._durable.register(self._kinds)
        register_durable_api(
            self._kinds, self._durable.hubs, command, keys=self._keys, clock=self._clock, log=log
        )
        self._hosted: dict[str, HostedFunction] = {}
        self._listeners: dict[str, TriggerListener] = {}
        self._retries: set[asyncio.Task[None]] = set()
        self._drain_state = "Disabled"
        self.functions: dict[str, Function] = {}
        self.errors: FunctionErrors = {}
        self.host_errors: list[str] = []
        self.server: FunctionServer

    async def start(self, *, takes_over_logging: bool = True) -> None:
        """Indexes the app, builds the server and starts the listeners. An app that cannot be
        loaded leaves a host without functions, with the error in the log. Raises SettingsError."""
        if takes_over_logging:
            install_user_logging(
                self._log,
                self._invoker.function_of_current_invocation,
                debug=is_true(setting("PYTHON_ENABLE_DEBUG_LOGGING")),
            )
        self._load()
        for name, texts in self.errors.items():
            for text in texts:
                self._log.log("Host.Startup", ERROR, f"The '{name}' function is in error: {text}")
        for extension in self._kinds.extensions:
            await extension.start(list(self._hosted.values()))
        command = self._command
        self.server = FunctionServer(
            self._build_routes(),
            self._invoker,
            HttpOptions(
                self._host_json,
                accepts_chunked=_accepts_chunked(),
                has_home_page=not is_true(setting("AzureWebJobsDisableHomepage")),
            ),
            admin=AdminApi(self, self._keys),
            webhooks=self._kinds.webhooks,
            admin_pages=self._kinds.admin_pages,
            mounts=[
                *(_mounted(mount) for mount in command.mounts),
                *((one.prefix, Redirect(one.prefix, one.target)) for one in command.forwards),
            ],
            site=None if command.site is None else _site(command.site),
            keys=self._keys,
            cors=CorsPolicy.from_text(command.cors, with_credentials=command.cors_credentials),
        )

    async def start_listeners(self) -> None:
        for name, hosted in self._hosted.items():
            factory = self._kinds.triggers[hosted.trigger_type]
            if factory is None:
                continue
            if hosted.function.is_disabled:
                self._log.host(f"Function 'Functions.{hosted.function.name}' is disabled")
                continue
            await self._start_listener(name, factory(hosted, self._services))
        await self._durable.start()
        self._drain_state = "Disabled"

    async def close(self) -> None:
        """After the last invocation: ends what the functions lived on, and the threads that wait
        for work."""
        for extension in reversed(self._kinds.extensions):
            await extension.close()
        self._durable.close()
        self._invoker.close()
        if self._spans is not None:
            self._spans.close()
        self._pool.close()

    @property
    def has_running_threads(self) -> bool:
        return self._pool.is_busy

    # What the management endpoints need

    @property
    def host_id(self) -> str:
        return setting("AzureFunctionsWebHost__hostid") or host_id(self._command.app_dir)

    @property
    def base_url(self) -> str:
        return self._command.base_url

    @property
    def configuration(self) -> Mapping[str, Any]:
        return self._host_json.document

    @property
    def is_available(self) -> bool:
        return self.server.is_available

    @property
    def drain_state(self) -> str:
        return self._drain_state

    @property
    def active_count(self) -> int:
        return self._invoker.active_count

    def hosted(self, name: str) -> HostedFunction | None:
        return self._hosted.get(name.lower())

    def url_template(self, function: Function) -> str | None:
        hosted = self.hosted(function.name)
        if hosted is None or hosted.trigger_type != "httptrigger":
            return None
        return f"{self.base_url}/{self._template(hosted)}"

    async def run_manually(self, hosted: HostedFunction, text: str) -> None:
        make = self._kinds.manual.get(hosted.trigger_type)
        event = TriggerEvent(Datum(text, "string")) if make is None else make(hosted, text)
        with contextlib.suppress(InvocationFailedError):  # its failure is in the log
            await self._invoker.trigger(hosted, replace(event, reason=HTTP_REASON))

    async def restart_listeners(self) -> None:
        await self.stop_listeners()
        await self.start_listeners()

    async def drain(self) -> None:
        self._drain_state = "InProgress"
        await self.stop_listeners()
        self._drain_state = "Completed"

    def set_available(self, available: bool) -> None:
        self.server.is_available = available

    def banner(self) -> list[str]:
        """Core Tools' list of what can be called, HTTP functions first."""
        http, others = [], []
        for hosted in self._hosted.values():
            name = hosted.function.name
            url = self.url_template(hosted.function)
            if url is None:
                others.append(f"\t{name}: {hosted.trigger['type']}")
            else:
                methods = ",".join(map(str.upper, hosted.trigger.get("methods") or ()))
                others_or_methods = f"[{methods}] " if methods else ""
                http.append(f"\t{name}: {others_or_methods}{url}")
        if not http and not others:
            return ["No job functions found."]
        return ["", "Functions:", *(line for item in http + others for line in ("", item)), ""]

    def _load(self) -> None:
        try:
            indexed = index_app(self._command.app_dir)
        except BaseException as error:
            # Whatever an app's module raises ends its loading, not the host; Ctrl-C is no exception
            # here, since the host handles the signal itself.
            text = failure_text(error)
            self.host_errors.append(text)
            self._log.log("Host.Startup", ERROR, f"Worker failed to index functions\n{text}")
            return
        functions, self.errors = admit(indexed, self._host_json, self._command.functions)
        for function in functions:
            try:
                hosted = host_function(function, self._kinds)
                if hosted.trigger_type == "httptrigger":
                    RouteTable([self._route(hosted)])
                elif factory := self._kinds.triggers[hosted.trigger_type]:
                    factory(hosted, self._services)
                for extension in self._kinds.extensions:
                    extension.check(hosted)
            except (BindingError, UnresolvedSettingError, TemplateError) as error:
                self.errors.setdefault(function.name, []).append(str(error))
                continue
            if function.retry is not None and not self._invoker.retries(hosted):
                self._log.log(
                    "Host.Startup",
                    WARNING,
                    f"Soon retries will not be supported for function '{function.name}'. For more "
                    "information, please visit http://aka.ms/func-retry-policies.",
                )
            self.functions[function.name.lower()] = function
            self._hosted[function.name.lower()] = hosted
            if self._keys is not None and hosted.trigger_type == "httptrigger":
                self._keys.ensure_function_key(function.name)

    def _build_routes(self) -> RouteTable[HostedFunction]:
        return RouteTable(
            [
                self._route(hosted)
                for hosted in self._hosted.values()
                if hosted.trigger_type == "httptrigger"
            ]
        )

    def _route(self, hosted: HostedFunction) -> Route[HostedFunction]:
        methods = hosted.trigger.get("methods")
        return Route(
            self._template(hosted),
            frozenset(str(method).upper() for method in methods) if methods else None,
            hosted,
        )

    def _template(self, hosted: HostedFunction) -> str:
        prefix = self._host_json.text("extensions", "http", "routePrefix", default="api").strip("/")
        route = str(hosted.trigger.get("route") or hosted.function.name).lstrip("/")
        return f"{prefix}/{route}" if prefix else route

    async def _start_listener(self, name: str, listener: TriggerListener) -> None:
        try:
            await listener.start()
        except Exception as error:
            # A service that is not there yet must not keep the other functions from running.
            function = self._hosted[name].function.name
            self._log.log(
                "Host.Startup",
                ERROR,
                f"The listener for function 'Functions.{function}' was unable to start.\n{error}",
            )
            task = asyncio.create_task(self._retry_listener(name, listener))
            self._retries.add(task)
            task.add_done_callback(self._retries.discard)
        else:
            self._listeners[name] = listener

    async def _retry_listener(self, name: str, listener: TriggerListener) -> None:
        await asyncio.sleep(_LISTENER_RETRY_SECONDS)
        await self._start_listener(name, listener)

    async def stop_listeners(self) -> None:
        """Returns when the invocations that they started have ended."""
        for task in self._retries:
            task.cancel()
        listeners, self._listeners = self._listeners, {}
        results = await asyncio.gather(
            *(listener.stop() for listener in listeners.values()),
            self._durable.stop(),
            return_exceptions=True,
        )
        for name, result in zip([*listeners, "durable functions"], results, strict=True):
            if isinstance(result, Exception):
                self._log.host(f"The listener of '{name}' did not stop: {result}", ERROR)


def _built_in_kinds(service_bus: ServiceBusExtension) -> BindingKinds:
    return BindingKinds(
        triggers={
            "httptrigger": None,
            "warmuptrigger": None,
            "timertrigger": TimerTrigger,
            "servicebustrigger": service_bus.trigger,
        },
        outputs={"servicebus": service_bus.output},
        manual={"timertrigger": manual_timer_event, "servicebustrigger": manual_event},
        extensions=[service_bus],
    )


def _mounted(mount: Mount) -> tuple[str, StaticMount]:
    headers = {"cache-control": _IMMUTABLE} if mount.is_immutable else {}
    return mount.prefix, StaticMount(mount.prefix, mount.directory, headers)


def _site(site: Site) -> StaticMount:
    headers = {"cache-control": "no-cache", **site.headers}
    return StaticMount("", site.directory, headers, index="index.html", not_found="404.html")


def _keys(command: Command) -> Keys | None:
    if not command.checks_keys:
        return None
    return Keys(command.state, for_tests=is_true(setting("FUNCHOST_TEST_KEYS")))


def _accepts_chunked() -> bool:
    flags = (setting("AzureWebJobsFeatureFlags") or "").lower().split(",")
    return is_true(setting("enableChunkedRequestBinding")) or "enablechunkedrequestbinding" in [
        flag.strip() for flag in flags
    ]


def _host_retry_policy(host_json: HostJson) -> RetryPolicy | None:
    section = host_json.section("retry")
    if not section:
        return None
    try:
        return RetryPolicy.from_settings(
            host_json.text("retry", "strategy", default=""),
            host_json.number("retry", "maxRetryCount", default=0),
            host_json.timespan("retry", "delayInterval"),
            host_json.timespan("retry", "minimumInterval"),
            host_json.timespan("retry", "maximumInterval"),
        )
    except ValueError as error:
        raise SettingsError(f"retry in host.json is wrong: {error}") from error
