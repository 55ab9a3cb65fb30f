"""Data of both workers to and from JSON, for real_worker.py and our_worker.py."""

from types import SimpleNamespace
from typing import Any


def make_datum(datum_class: Any, value: Any, kind: str) -> Any:
    """A `http` or `collection_*` value is made of data itself."""
    if kind == "http":
        return datum_class(
            {
                "method": datum_class(value["method"], "string"),
                "url": datum_class(value["url"], "string"),
                "body": datum_class(value["body"].encode(), "bytes"),
                **{
                    part: {key: datum_class(text, "string") for key, text in value[part].items()}
                    for part in ("headers", "params", "query")
                },
            },
            "http",
        )
    if kind == "bytes":
        return datum_class(value.encode(), "bytes")
    if kind.startswith("collection_"):
        return datum_class(SimpleNamespace(**{kind.removeprefix("collection_"): value}), kind)
    return datum_class(value, kind)


def plain(data: Any) -> Any:
    if data is None or data.type is None:
        return None
    if data.type == "http":
        return {
            "status": int(data.value["status_code"].value),
            "headers": {name: text.value for name, text in data.value["headers"].items()},
            "body": data.value["body"].value.decode(),
        }
    value = data.value.decode() if isinstance(data.value, bytes) else data.value
    return [data.type, value]
