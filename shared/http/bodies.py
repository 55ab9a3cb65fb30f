"""Which JSON is taken in: strict, and only what every store behind it can hold."""

import json
import re
from collections import Counter
from math import isinf
from typing import Any

from shared.http.problems import pointer
from shared.kit.errors import BadInput, FieldError

_LARGEST = 2**63 - 1
_SMALLEST = -(2**63)

_WORTH_A_LOOK = re.compile(rb"\\u|[0-9]{19}|[0-9][eE]\+?[0-9]{2}")
"""Without an escape, many digits or an exponent, no value can be one that is refused."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class _RefusedJson(ValueError):
    """Valid for Python's lenient reader, refused here; the message follows `The body `."""


def check_json(content: bytes) -> None:
    """Raises BadInput for whatever is not strict JSON, or holds what cannot be stored.

    Refused besides broken JSON: invalid UTF-8, a byte order mark, NaN and infinities, one name
    twice in an object, NUL and lone surrogates in texts, integers beyond 64 bits, and nesting
    deeper than the interpreter follows.
    """
    try:
        parsed = _DECODER.decode(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _refused(f"is not valid UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise _refused("is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise _refused(_where(error)) from None
    except _RefusedJson as error:
        raise _refused(str(error)) from None
    except ValueError:  # Python's limit on the digits of an integer
        raise _refused("holds a number with too many digits") from None
    if _WORTH_A_LOOK.search(content):
        _refuse_unstorable(parsed)


def _where(error: json.JSONDecodeError) -> str:
    if error.doc.startswith("\ufeff"):
        return "starts with a byte order mark; leave it out"
    reason = error.msg[:1].lower() + error.msg[1:]
    return f"is not JSON: {reason} at line {error.lineno}, column {error.colno}"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise _RefusedJson(f"holds the name {json.dumps(twice[:100])} twice in one object")
    return found


def _refuse_constant(name: str) -> None:
    raise _RefusedJson(f"is not JSON: {name} is not a JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)


def _refuse_unstorable(parsed: Any) -> None:
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), parsed)]
    while waiting:
        at, value = waiting.pop()
        fault = _fault(value)
        if fault is not None:
            raise BadInput(
                f"The body is not valid: a value {fault}.",
                errors=[FieldError(pointer(at), fault, "body")],
            )
        if isinstance(value, dict):
            for name, inner in value.items():
                if _UNSTORABLE.search(name):
                    raise _refused("holds a name with NUL or an unpaired surrogate", at)
                waiting.append(((*at, name), inner))
        elif isinstance(value, list):
            waiting += [((*at, place), inner) for place, inner in enumerate(value)]


def _fault(value: Any) -> str | None:
    if isinstance(value, str):
        found = _UNSTORABLE.search(value)
        if found is None:
            return None
        nul = found.group() == "\x00"
        return "holds a NUL character" if nul else "holds an unpaired surrogate"
    too_large = (isinstance(value, int) and not _SMALLEST <= value <= _LARGEST) or (
        isinstance(value, float) and isinf(value)
    )
    return "is a number too large to keep" if too_large else None


def _refused(fault: str, at: tuple[str | int, ...] = ()) -> BadInput:
    return BadInput(f"The body {fault}.", errors=[FieldError(pointer(at), fault, "body")])
