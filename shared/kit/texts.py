"""Texts as the databases measure them."""

from pydantic import AfterValidator


def units(text: str) -> int:
    """How many signs SQL Server counts in an NVARCHAR: those of UTF-16, two for an emoji."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def storable(longest: int) -> AfterValidator:
    """Refuses what a column of that length cannot hold; `max_length` counts an emoji once."""

    def check(text: str) -> str:
        if units(text) > longest:
            raise ValueError(f"should have at most {longest} characters, an emoji counted twice")
        return text

    return AfterValidator(check)


def shortened(text: str, longest: int) -> str:
    """What a column of that length holds of a text from elsewhere: its beginning, without NUL, and
    with a question mark for what is no character."""
    whole = text.replace("\x00", "").encode("utf-16-le", "replace")
    return whole[: 2 * longest].decode("utf-16-le", "ignore")
