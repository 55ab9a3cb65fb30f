"""Binding data to Python values and back, by the converters of the app's own azure-functions."""

import _strptime
import sys
from collections.abc import Mapping
from typing import Any

from azure.functions import get_binding_registry
from azure.functions.meta import Datum

from funchost import httpv2
from funchost.function import Parameter

__all__ = [
    "Datum",
    "accepts_input",
    "accepts_output",
    "decode",
    "encode",
    "has_implicit_output",
    "is_sdk_type",
]

_NO_METADATA: Mapping[str, Datum] = {}

# azure-functions tries up to twelve formats on each date of a message. The standard library keeps
# five compiled, so that it would compile each of them anew each time: most of a message's cost.
_strptime._CACHE_MAX_SIZE = 64


class _GenericConverter:
    """What the worker uses for a binding type without a converter, and for `str` and `bytes`."""

    @classmethod
    def has_trigger_support(cls) -> bool:
        return False

    @classmethod
    def check_input_type_annotation(cls, python_type: type) -> bool:
        return issubclass(python_type, str | bytes)

    @classmethod
    def check_output_type_annotation(cls, python_type: type) -> bool:
        return issubclass(python_type, str | bytes | bytearray)

    @classmethod
    def encode(cls, value: Any, *, expected_type: type | None) -> Datum:
        match value:
            case str():
                return Datum(value, "string")
            case bytes() | bytearray():
                return Datum(bytes(value), "bytes")
            case None:
                return Datum(None, None)
            case dict():
                return Datum(value, "dict")
            case list():
                return Datum(value, "list")
            case int():
                return Datum(value, "int")
            case float():
                return Datum(value, "double")
        raise NotImplementedError

    @classmethod
    def decode(cls, data: Datum | None, *, trigger_metadata: Mapping[str, Datum]) -> Any:
        if data is None or data.type is None:
            return None
        if data.type in {"string", "bytes", "json"}:
            return data.value
        raise ValueError(
            'unexpected type of data received for the "generic" binding ', repr(data.type)
        )


def accepts_input(kind: str, python_type: Any) -> bool:
    if kind == "httpTrigger" and httpv2.is_enabled():
        return httpv2.accepts_request(python_type)
    return bool(_converter(kind).check_input_type_annotation(python_type))


def accepts_output(kind: str, python_type: Any) -> bool:
    if kind == "http" and httpv2.is_enabled():
        return httpv2.accepts_response(python_type)
    return bool(_converter(kind).check_output_type_annotation(python_type))


def has_implicit_output(binding_type: str) -> bool:
    """Whether the return value is taken without a `$return` binding."""
    converter = _converter(binding_type)
    if converter is _GenericConverter:
        return binding_type != "durableClient"
    return bool(getattr(converter, "has_implicit_output", lambda: False)())


def is_sdk_type(annotation: Any) -> bool:
    """Whether an extension package would hand over an SDK client instead of the data."""
    base = sys.modules.get("azurefunctions.extensions.base")
    return base is not None and bool(base.get_binding_registry().check_supported_type(annotation))


def decode(
    parameter: Parameter, data: Datum | None, metadata: Mapping[str, Datum] = _NO_METADATA
) -> Any:
    """The Python argument. Raises whatever the converter raises for data that it cannot read."""
    converter = _converter(parameter.kind)
    try:
        return converter.decode(
            data, trigger_metadata=metadata if converter.has_trigger_support() else _NO_METADATA
        )
    except NotImplementedError:
        raise TypeError(
            "unable to decode incoming TypedData: unsupported combination of TypedData field "
            f"{None if data is None else data.type!r} and expected binding type {converter}"
        ) from None


def encode(parameter: Parameter, value: Any) -> Datum | None:
    """Raises TypeError for a value that the binding cannot carry."""
    try:
        data: Datum | None = _converter(parameter.kind).encode(
            value, expected_type=parameter.python_type
        )
    except NotImplementedError:
        raise TypeError(
            f'unable to encode outgoing TypedData: unsupported type "{parameter.kind}" for '
            f'Python type "{type(value).__name__}"'
        ) from None
    return data


def _converter(kind: str) -> Any:
    registry: Any = get_binding_registry()  # type: ignore[no-untyped-call]
    return registry.get(kind) or _GenericConverter
