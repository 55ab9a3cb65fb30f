"""Pydantic models as OpenAPI 3.0.3 schemas.

Pydantic writes JSON Schema 2020-12; OpenAPI 3.0 has a dialect of its own
(https://spec.openapis.org/oas/v3.0.3#schema-object): `nullable` instead of a null type, boolean
exclusive limits, one `example`, no `const`, no tuples, and nothing beside a `$ref`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

Schema = dict[str, Any]
Mode = Literal["validation", "serialization"]

REF_PREFIX = "#/components/schemas/"
_VARIANT = re.compile(r"(.+)-(?:Input|Output)")
_UNSAYABLE = frozenset(
    {
        "$defs",
        "title",
        "const",
        "examples",
        "prefixItems",
        "patternProperties",
        "propertyNames",
        "contentMediaType",
        "contentEncoding",
        "contentSchema",
        "contains",
        "minContains",
        "maxContains",
        "dependentRequired",
        "dependentSchemas",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)

_BEHIND_VALIDATORS = {
    "ge": "minimum",
    "le": "maximum",
    "gt": "exclusiveMinimum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
}
"""Pydantic keeps its own names for limits on a field that a validator of ours reads first."""

NULL: Schema = {"type": "object", "nullable": True, "enum": [None]}
"""Null and nothing else: a type that stands beside `nullable` is what lets the null in."""


class Schemas:
    """The schemas of all models that a document speaks of, under names that do not clash."""

    def __init__(self, models: Iterable[tuple[type[BaseModel], Mode]]) -> None:
        keys = list(dict.fromkeys(models))
        found, definitions = models_json_schema(keys, ref_template=REF_PREFIX + "{model}")
        renamed = _names(definitions.get("$defs", {}))
        self._schemas = {key: _renamed(schema, renamed) for key, schema in found.items()}
        self.components: dict[str, Schema] = {
            renamed[name]: converted(_renamed(schema, renamed))
            for name, schema in sorted(definitions.get("$defs", {}).items())
        }

    def of(self, model: type[BaseModel], mode: Mode) -> Schema:
        return converted(self._schemas[model, mode])

    def resolved(self, schema: Schema) -> Schema:
        """The schema itself where `schema` is no more than a reference to it."""
        while "$ref" in schema:
            schema = self.components[schema["$ref"].removeprefix(REF_PREFIX)]
        return schema


def converted(schema: Any) -> Schema:
    """One schema in OpenAPI's dialect. What the dialect cannot say is left out, never wrong."""
    if not isinstance(schema, Mapping):  # true: anything; false does not come from pydantic
        return {}
    schema = {_BEHIND_VALIDATORS.get(key, key): value for key, value in schema.items()}
    result: Schema = {key: value for key, value in schema.items() if key not in _UNSAYABLE}
    if "const" in schema:
        result["enum"] = [schema["const"]]
    if schema.get("examples"):
        result.setdefault("example", schema["examples"][0])
    for exclusive, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        value = schema.get(exclusive)
        if value is not None and not isinstance(value, bool):
            result[limit], result[exclusive] = value, True
    if "prefixItems" in schema:
        result["items"] = {"anyOf": _distinct(map(converted, schema["prefixItems"]))}
    elif "items" in schema or schema.get("type") == "array":
        result["items"] = converted(schema.get("items", True))
    if "properties" in schema:
        result["properties"] = {
            name: converted(inner) for name, inner in schema["properties"].items()
        }
    if isinstance(schema.get("additionalProperties"), Mapping):
        result["additionalProperties"] = converted(schema["additionalProperties"])
    return _alone(_without_null(result))


def _without_null(schema: Schema) -> Schema:
    """Turns a null among `anyOf` or `oneOf` into `nullable`."""
    for combination in ("anyOf", "oneOf"):
        if combination not in schema:
            continue
        members = schema.pop(combination)
        kept = [member for member in members if member.get("type") != "null"]
        if len(kept) < len(members):
            schema["nullable"] = True
        inner = _distinct(map(converted, kept))
        if len(inner) == 1 and "$ref" not in inner[0]:
            schema = {**inner[0], **schema}
        elif len(inner) == 1 and schema.get("nullable"):
            # `allOf` would hold null against the named schema, which is not nullable itself.
            schema |= {"type": "object", "anyOf": [*inner, dict(NULL)]}
        elif len(inner) == 1:
            schema["allOf"] = inner
        else:
            schema[combination] = inner
    if "allOf" in schema:
        schema["allOf"] = _distinct(map(converted, schema["allOf"]))
    if schema.get("type") == "null":
        schema |= {"type": "string", "nullable": True, "enum": [None]}
    if schema.get("nullable") and None not in schema.get("enum", [None]):
        schema["enum"] = [*schema["enum"], None]
    if schema.get("default", ...) is None:  # says no more than that the field may be left out
        del schema["default"]
    return schema


def _alone(schema: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    # Generators refuse a default that is an object; its parts' own defaults say as much.
    kept = {
        key: value
        for key, value in schema.items()
        if not (key == "default" and isinstance(value, Mapping))
    }
    return kept if len(kept) == 1 else {"allOf": [{"$ref": kept.pop("$ref")}], **kept}


def _distinct(schemas: Iterable[Schema]) -> list[Schema]:
    found: list[Schema] = []
    for schema in schemas:
        if schema not in found:
            found.append(schema)
    return found


def _names(definitions: Mapping[str, Schema]) -> dict[str, str]:
    """`Page_Book_` becomes `PageOfBook`; what is read and written alike needs one name only."""
    renamed: dict[str, str] = {}
    for name in definitions:
        base = _VARIANT.fullmatch(name)
        twins = {f"{base.group(1)}-Input", f"{base.group(1)}-Output"} if base else set()
        alike = twins <= definitions.keys() and (
            len({_unvaried(definitions[twin]) for twin in twins}) == 1
        )
        plain = base.group(1) if base and alike else name.replace("-", "")
        generic = re.fullmatch(r"(\w+?)_(\w+)_", plain)
        renamed[name] = f"{generic.group(1)}Of{generic.group(2)}" if generic else plain
    return renamed


def _unvaried(schema: Schema) -> str:
    return re.sub(r"-(?:Input|Output)'", "'", repr(schema))


def _renamed(value: Any, renamed: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {
            key: REF_PREFIX + renamed[inner.removeprefix(REF_PREFIX)]
            if key == "$ref"
            else _renamed(inner, renamed)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_renamed(inner, renamed) for inner in value]
    if isinstance(value, str) and value.startswith(REF_PREFIX):  # a discriminator's mapping
        return REF_PREFIX + renamed[value.removeprefix(REF_PREFIX)]
    return value
