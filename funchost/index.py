"""Finds the functions of a Python v2 app and judges them as the Python worker does.

One function that fails here fails the whole app; the texts are those of the worker library
(azure-functions-runtime 1.3).
"""

import importlib
import inspect
import re
import sys
import types
import typing
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from azure.functions import FunctionRegister

from funchost.convert import accepts_input, accepts_output, has_implicit_output, is_sdk_type
from funchost.function import Function, Parameter, RetryPolicy
from funchost.settings import setting
from funchost.timers.schedule import parse_timespan

__all__ = [
    "FunctionLoadError",
    "InvalidFileNameError",
    "functions_of",
    "index_app",
    "script_file_name",
]

_SCRIPT_NAME = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_\-]*\.py")
_INOUT = 2
_UNDEFINED = 0
_MODULE_HELP = (
    "Cannot find module. Please check the requirements.txt file for the missing module. For more "
    "info, please refer the troubleshooting guide: https://aka.ms/functions-modulenotfound. "
    "Current sys.path: "
)


class InvalidFileNameError(Exception):
    """PYTHON_SCRIPT_FILE_NAME is not the name of a Python file."""


class FunctionLoadError(RuntimeError):
    def __init__(self, function_name: str, message: str) -> None:
        super().__init__(f"cannot load the {function_name} function: {message}")


def script_file_name() -> str:
    """Raises InvalidFileNameError."""
    name = setting("PYTHON_SCRIPT_FILE_NAME") or "function_app.py"
    if not _SCRIPT_NAME.fullmatch(name):
        raise InvalidFileNameError(f"Invalid file name: {name}")
    return name


def index_app(app_dir: Path) -> list[Function]:
    """Imports the app and returns its functions in registration order. Once per process.

    A folder without the entry file has no functions. Raises whatever the import raises, ValueError
    for an app that cannot be found or is inconsistent, and FunctionLoadError.
    """
    name = script_file_name()
    if not (app_dir / name).is_file():
        return []
    return functions_of(_find_app(Path(name).stem, name))


def functions_of(app: FunctionRegister) -> list[Function]:
    """In registration order. Raises FunctionLoadError."""
    return [_load(function) for function in app.get_functions()]


def _find_app(module_name: str, file_name: str) -> FunctionRegister:
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        message = (error.msg or str(error)).rstrip(".")
        text = f"{message}. {_MODULE_HELP}{' '.join(sys.path)}"
        raise type(error)(text).with_traceback(error.__traceback__) from None
    apps = [
        value
        for attribute in dir(module)
        if isinstance(value := getattr(module, attribute, None), FunctionRegister)
    ]
    if not apps:
        raise ValueError(f"Could not find top level function app instances in {file_name}.")
    if len(apps) > 1:
        raise ValueError(
            f"More than one {type(apps[0]).__name__} or other top level function app instances "
            "are defined."
        )
    return apps[0]


def _load(indexed: Any) -> Function:
    """`indexed` is an azure.functions Function, built and with its one trigger."""
    code = indexed.get_user_function()
    name: str = indexed.get_function_name()
    parameters = dict(inspect.signature(code).parameters)
    annotations = typing.get_type_hints(code)
    bindings = indexed.get_bindings()

    bound: dict[str, Any] = {}
    return_type: str | None = None
    explicit_return = implicit_return = False
    for binding in bindings:
        _check_direction(name, binding)
        if binding.name == "$return":
            explicit_return, return_type = True, binding.type
            continue
        bound[binding.name] = binding
        if has_implicit_output(binding.type):
            implicit_return = True
            if not explicit_return:
                return_type = binding.type

    requires_context = "context" in parameters and "context" not in bound
    if requires_context:
        del parameters["context"]
        _check_context(name, annotations)
    _check_names(name, parameters.keys(), bound.keys())

    inputs: dict[str, Parameter] = {}
    outputs: dict[str, Parameter] = {}
    for parameter in parameters:
        binding = bound[parameter]
        described = _describe(name, parameter, binding, annotations)
        (outputs if binding.direction == 1 else inputs)[parameter] = described

    return Function(
        name=name,
        code=code,
        id=str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
        directory=str(Path(inspect.getfile(code)).parent),
        raw_bindings=indexed.get_raw_bindings(),
        is_async=inspect.iscoroutinefunction(code),
        requires_context=requires_context,
        inputs=inputs,
        outputs=outputs,
        returns=_return_parameter(name, annotations, return_type, explicit_return, implicit_return),
        retry=_retry_policy(indexed),
    )


def _check_direction(name: str, binding: Any) -> None:
    if binding.direction == _INOUT:
        raise FunctionLoadError(name, '"inout" bindings are not supported')
    if binding.name == "$return" and binding.direction != 1:
        raise FunctionLoadError(name, '"$return" binding must have direction set to "out"')


def _check_context(name: str, annotations: Mapping[str, Any]) -> None:
    if "context" not in annotations:
        return
    annotation = annotations["context"]
    if not isinstance(annotation, type) or annotation.__name__ != "Context":
        raise FunctionLoadError(
            name,
            'the "context" parameter is expected to be of type azure.functions.Context, '
            f'got "{annotation!r}"',
        )


def _check_names(
    name: str, declared: typing.AbstractSet[str], bound: typing.AbstractSet[str]
) -> None:
    if unbound := set(declared) - set(bound):
        raise FunctionLoadError(
            name,
            "the following parameters are declared in Python but not in the function definition "
            f"(function.json or function decorators):  {unbound!r}",
        )
    if missing := set(bound) - set(declared):
        raise FunctionLoadError(
            name,
            "Extra parameters in binding definition — the following parameters are declared as "
            f"bindings but are not present in Python: {missing!r}",
        )


def _describe(name: str, parameter: str, binding: Any, annotations: Mapping[str, Any]) -> Parameter:
    if parameter not in annotations:
        return Parameter(binding.type, None)
    annotation = annotations[parameter]
    python_type = annotation
    is_out = getattr(typing.get_origin(annotation) or annotation, "__name__", None) == "Out"
    if is_out:
        arguments = typing.get_args(annotation)
        if len(arguments) != 1:
            raise FunctionLoadError(
                name, f"binding {parameter} has invalid Out annotation {annotation!r}"
            )
        python_type = arguments[0]
    if not isinstance(python_type, type) and not _is_generic_alias(python_type):
        raise FunctionLoadError(
            name, f"binding {parameter} has invalid non-type annotation {annotation!r}"
        )
    if binding.direction == 1 and not is_out:
        raise FunctionLoadError(
            name,
            f'binding {parameter} is declared to have the "out" direction, but its annotation in '
            "Python is not a subclass of azure.functions.Out",
        )
    if binding.direction != 1 and is_out:
        raise FunctionLoadError(
            name,
            f'binding {parameter} is declared to have the "in" direction in the binding '
            "decorator, but its annotation is azure.functions.Out in Python",
        )
    # Plain text and bytes are handed over as they come, whatever the binding.
    generic = python_type in (str, bytes) and not has_implicit_output(binding.type)
    kind = "generic" if generic else binding.type
    accepted: Callable[[str, Any], bool] = accepts_output if is_out else accepts_input
    if not accepted(kind, python_type):
        _refuse_annotation(name, parameter, binding, python_type)
    return Parameter(kind, python_type, is_sdk_type=is_sdk_type(annotation))


def _refuse_annotation(
    name: str, parameter: str, binding: Any, python_type: Any
) -> typing.NoReturn:
    if binding.data_type is not _UNDEFINED:
        raise FunctionLoadError(
            name,
            f'binding type "{parameter!r}" and dataType "{binding.type}" in the binding '
            "decorator do not match the corresponding function parameter's Python type "
            f"annotation {python_type.__name__}",
        )
    raise FunctionLoadError(
        name,
        f'type of {parameter} binding in the binding decorator "{binding.type}" does not match '
        f'its Python annotation "{python_type.__name__}"',
    )


def _return_parameter(
    name: str,
    annotations: Mapping[str, Any],
    return_type: str | None,
    explicit_return: bool,
    implicit_return: bool,
) -> Parameter | None:
    if return_type is None:
        return None
    python_type = annotations.get("return")
    if explicit_return and "return" in annotations:
        if getattr(typing.get_origin(python_type), "__name__", None) == "Out":
            raise FunctionLoadError(name, "return annotation should not be azure.functions.Out")
        if not isinstance(python_type, type):
            raise FunctionLoadError(name, f"has invalid non-type return annotation {python_type!r}")
        if not accepts_output(return_type, python_type):
            raise FunctionLoadError(
                name,
                f'Python return annotation "{python_type.__name__}" does not match binding type '
                f'"{return_type}"',
            )
    return Parameter(return_type, python_type if implicit_return or explicit_return else None)


def _is_generic_alias(annotation: Any) -> bool:
    """What the worker takes for a generic type: `typing.List[int]`, not `list[int]` or a union."""
    origin = typing.get_origin(annotation)
    return (
        origin is not None
        and not isinstance(annotation, types.GenericAlias | types.UnionType)
        and origin not in (typing.Union, tuple, typing.ClassVar, Callable)
    )


def _retry_policy(indexed: Any) -> RetryPolicy | None:
    settings = indexed.get_settings_dict("retry_policy")
    if not settings:
        return None
    return RetryPolicy.from_settings(
        settings.get("strategy"),
        int(settings["max_retry_count"]),
        *(
            parse_timespan(settings[key]) if settings.get(key) else None
            for key in ("delay_interval", "minimum_interval", "maximum_interval")
        ),
    )
