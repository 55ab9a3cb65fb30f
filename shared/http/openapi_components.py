"""The parts of the OpenAPI document that are the same for every operation."""

from typing import Any

Part = dict[str, Any]

PROBLEM: Part = {
    "description": "What went wrong (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail", "correlation_id"],
    "properties": {
        "type": {"type": "string", "description": "Stable; what a program decides by."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "For people."},
        "correlation_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail", "in"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "The field as a JSON pointer (RFC 6901).",
                        "example": "#/price/amount",
                    },
                    "detail": {"type": "string"},
                    "in": {"type": "string", "enum": ["body", "query", "path", "header"]},
                },
            },
        },
    },
}

PARAMETERS: Part = {
    "CorrelationId": {
        "name": "x-correlation-id",
        "in": "header",
        "description": "Ties this call to yours; made for you where it is missing or unusable.",
        "schema": {"type": "string"},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": "Choose a new one for each intent; sent again, it does nothing twice.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "example": "5f0c2b1e-restock",
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": True,
        "description": "The ETag that you last read, so that nobody's change is overwritten.",
        "schema": {"type": "string"},
        "example": '"m3-s12"',
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag that you have; answered 304 while it still holds.",
        "schema": {"type": "string"},
        "example": '"m3-s12"',
    },
}

HEADERS: Part = {
    "CorrelationId": {
        "description": "Yours, or the one that was made for this call.",
        "schema": {"type": "string"},
    },
    "ETag": {"description": "The version that was shown.", "schema": {"type": "string"}},
    "Location": {"description": "Where to find what was made.", "schema": {"type": "string"}},
}
