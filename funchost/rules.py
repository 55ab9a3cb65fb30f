"""What the host refuses after the worker has accepted it: single functions, never the app."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from funchost.function import Function
from funchost.hostjson import HostJson
from funchost.kinds import BindingError, BindingKinds, HostedFunction, InputSource, OutputSink
from funchost.settings import is_true, resolve_setting_names, setting

__all__ = ["FunctionErrors", "admit", "host_function", "sort_key"]

FunctionErrors = dict[str, list[str]]

_FUNCTION_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,127}", re.IGNORECASE)
_BINDING_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]{0,127}|\$return")
_UNRESOLVED_KEYS = frozenset({"name", "type", "direction", "connection"})


def sort_key(name: str) -> str:
    """Ordinal, ignoring case: the order that decides between routes."""
    return name.upper()


def admit(
    functions: Iterable[Function],
    host_json: HostJson,
    allowed: Iterable[str],
    environment: Mapping[str, str] = os.environ,
) -> tuple[list[Function], FunctionErrors]:
    """The functions to host, in the host's order, and why others are not. `allowed` (from the
    command line) and host.json's `functions` are allow-lists; empty means all."""
    names = {name.lower() for name in (*allowed, *map(str, host_json.items("functions")))}
    admitted: dict[str, Function] = {}
    errors: FunctionErrors = {}
    for function in functions:
        key = function.name.lower()
        if names and key not in names:
            continue
        problem = _problem(function)
        if problem is None and key in admitted:
            problem = f"Found duplicate FunctionMetadata with the name {function.name}"
        if problem is None:
            admitted[key] = replace(function, is_disabled=_is_disabled(function, environment))
        else:
            errors.setdefault(function.name, []).append(problem)
    return sorted(admitted.values(), key=lambda function: sort_key(function.name)), errors


def host_function(function: Function, kinds: BindingKinds) -> HostedFunction:
    """Raises BindingError or UnresolvedSettingError."""
    trigger: Mapping[str, Any] = {}
    inputs: list[tuple[str, Any, Mapping[str, Any], InputSource]] = []
    outputs: list[tuple[str, Any, Mapping[str, Any], OutputSink]] = []
    http_output = None
    unknown = []
    for declared in function.bindings:
        binding = _resolve(declared)
        kind, name = str(binding["type"]), str(binding["name"])
        is_output = str(binding["direction"]).lower() == "out"
        if is_output and kind.lower() == "http":
            http_output = name
        elif is_output:
            if (sink := kinds.outputs.get(kind.lower())) is None:
                unknown.append(kind)
            else:
                parameter = function.returns if name == "$return" else function.outputs[name]
                outputs.append((name, parameter, binding, sink))
        elif kind.lower() == str(function.trigger.get("type")).lower():
            trigger = binding
            if kind.lower() not in kinds.triggers:
                unknown.append(kind)
        elif (source := kinds.inputs.get(kind.lower())) is None:
            unknown.append(kind)
        else:
            inputs.append((name, function.inputs[name], binding, source))
    if unknown:
        raise BindingError(
            f"The binding type(s) '{', '.join(unknown)}' are not registered. Please ensure the "
            "type is correct and the binding extension is installed."
        )
    if any(parameter.is_sdk_type for parameter in function.inputs.values()):
        raise BindingError("SDK type bindings are not supported by this host.")
    return HostedFunction(function, trigger, inputs, outputs, http_output)


def _problem(function: Function) -> str | None:
    name = function.name
    if not _FUNCTION_NAME.fullmatch(name) or name.lower() == "host":
        return f"'{name}' is not a valid function name."
    seen = set()
    for binding in function.bindings:
        binding_name = str(binding.get("name"))
        if not _BINDING_NAME.fullmatch(binding_name):
            return (
                f"The binding name {binding_name} is invalid. "
                "Please assign a valid name to the binding."
            )
        if binding_name.lower() in seen:
            return f"Multiple bindings with name '{binding_name}' discovered."
        seen.add(binding_name.lower())
        if str(binding.get("direction")).lower() not in {"in", "out"}:
            return f"'{binding.get('direction')}' is not a valid binding direction."
    if not function.trigger:
        return "No trigger binding specified. A function must have a trigger input binding."
    return None


def _is_disabled(function: Function, environment: Mapping[str, str]) -> bool:
    names = (f"AzureWebJobs.{function.name}.Disabled", f"AzureWebJobs_{function.name}_Disabled")
    return any(is_true(setting(name, environment)) for name in names)


def _resolve(binding: Mapping[str, Any]) -> dict[str, Any]:
    resolved = dict(binding)
    for key, value in binding.items():
        if isinstance(value, str) and "%" in value and key not in _UNRESOLVED_KEYS:
            resolved[key] = resolve_setting_names(value)
    return resolved
