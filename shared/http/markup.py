"""Words and tables of the documentation page, as escaped HTML."""

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from shared.http.schemas import NULL, REF_PREFIX, Schema

_CODE = re.compile(r"`([^`]+)`")
_LIMITS = (
    ("minimum", "≥ {}"),
    ("maximum", "≤ {}"),
    ("minLength", "length ≥ {}"),
    ("maxLength", "length ≤ {}"),
    ("minItems", "items ≥ {}"),
    ("maxItems", "items ≤ {}"),
    ("pattern", "matches {}"),
)


def type_words(schema: Schema) -> str:
    """The type in a few words, with links to the schemas that it names."""
    words = _kind(schema)
    if schema.get("nullable"):
        words += " or null"
    notes = [_limit(text, key, schema) for key, text in _LIMITS if key in schema]
    if schema.get("default") not in (None, [], {}):
        notes.append(f"default {_json(schema['default'])}")
    return words + (f" <small>{', '.join(notes)}</small>" if notes else "")


def _limit(text: str, key: str, schema: Schema) -> str:
    exclusive = schema.get("exclusive" + key[:1].upper() + key[1:])
    shown = text.replace("≥", ">").replace("≤", "<") if exclusive else text
    return escape(shown.format(schema[key]))


def _kind(schema: Schema) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].removeprefix(REF_PREFIX))
        return f'<a href="#schema-{name}">{name}</a>'
    if "enum" in schema:
        return " · ".join(_json(value) for value in schema["enum"] if value is not None)
    for combination, joint in (("allOf", " and "), ("oneOf", " or "), ("anyOf", " or ")):
        if combination in schema:
            return joint.join(type_words(part) for part in schema[combination] if part != NULL)
    if schema.get("type") == "array":
        return f"list of {type_words(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"map to {type_words(schema['additionalProperties'])}"
    if "type" not in schema:
        return "anything"
    return escape(schema.get("format") or schema["type"])


def _json(value: object) -> str:
    return f"<code>{escape(json.dumps(value, ensure_ascii=False).strip(chr(34)))}</code>"


def required_mark(item: Mapping[str, Any]) -> str:
    return '<b class="required" title="required">*</b>' if item.get("required") else ""


def method_badge(method: str) -> str:
    return f'<b class="method {method}">{method.upper()}</b>'


def table(heads: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(f"<th>{name}</th>" for name in heads)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def paragraphs(text: str) -> str:
    parts = (part.strip() for part in text.split("\n\n"))
    return "".join(f"<p>{inline(part)}</p>" for part in parts if part)


def inline(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))
