"""What counts as a number in a path or a query."""

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.http.values import PageSize

SIZES: TypeAdapter[int] = TypeAdapter(PageSize)


@pytest.mark.parametrize("text", ["1", "20", "100", "007"])
def test_digits_alone_are_a_number(text: str) -> None:
    assert SIZES.validate_python(text) == int(text)


@pytest.mark.parametrize(
    "text", ["", "5_0", " 50", "50\n", "5.0", "+5", "٥", "0x5", "1e1", "0", "101", "-5", "9" * 30]
)
def test_all_else_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        SIZES.validate_python(text)
