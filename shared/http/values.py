"""Values of a path or a query, which come as text."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,15}")


def _whole_number(value: Any) -> Any:
    if isinstance(value, str) and not _WHOLE_NUMBER.fullmatch(value):
        raise PydanticCustomError("whole_number", "must be a whole number")
    return value


WHOLE_NUMBER = BeforeValidator(_whole_number)
"""Digits alone: Python also reads `5_0`, ` 50` and digits of other scripts."""

PageSize = Annotated[int, WHOLE_NUMBER, Field(ge=1, le=100)]
Cursor = Annotated[str, Field(min_length=1, max_length=2048)]
