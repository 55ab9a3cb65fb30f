"""One plausible value for a schema, for a reader to start from."""

from collections.abc import Mapping
from typing import Any

from shared.http.schemas import REF_PREFIX, Schema

_DEEPEST = 8
_BY_FORMAT = {
    "date": "2026-11-22",
    "date-time": "2026-11-22T09:30:00Z",
    "email": "reader@example.org",
    "uri": "https://example.org/",
    "uuid": "7d8f6f0e-52a5-4d0e-9a3c-0d5f7c1e2b3a",
    "duration": "P1D",
    "binary": "(bytes)",
}
_BY_TYPE: Mapping[str, Any] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True}


def example(schema: Schema, components: Mapping[str, Schema], depth: int = 0) -> Any:
    """Takes examples and defaults where the schema has them; a tree ends after a few levels."""
    if "example" in schema:
        return schema["example"]
    if schema.get("default") not in (None, [], {}):
        return schema["default"]
    if "$ref" in schema:
        schema = components[schema["$ref"].removeprefix(REF_PREFIX)]
        return example(schema, components, depth + 1)
    for combination in ("allOf", "oneOf", "anyOf"):
        if combination in schema:
            return example(schema[combination][0], components, depth + 1)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "array":
        return [] if depth > _DEEPEST else [example(schema["items"], components, depth + 1)]
    if kind == "object":
        return _object(schema, components, depth)
    return _scalar(schema)


def _object(schema: Schema, components: Mapping[str, Schema], depth: int) -> dict[str, Any]:
    if depth > _DEEPEST:
        return {}
    properties: Mapping[str, Schema] = schema.get("properties", {})
    return {name: example(inner, components, depth + 1) for name, inner in properties.items()}


def _scalar(schema: Schema) -> Any:
    kind = schema.get("type")
    if kind == "string":
        return _BY_FORMAT.get(schema.get("format", ""), "text")
    value = _BY_TYPE.get(kind or "")
    if kind in ("integer", "number"):
        lowest, highest = schema.get("minimum"), schema.get("maximum")
        if lowest is not None and value <= lowest:
            return lowest + 1 if schema.get("exclusiveMinimum") else lowest
        if highest is not None and value > highest:
            return highest
    return value
