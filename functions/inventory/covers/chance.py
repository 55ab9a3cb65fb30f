"""Repeatable choices: the same seed takes the same ones on every machine and Python version."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

Item = TypeVar("Item")


class Chance:
    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._drawn = 0

    def below(self, limit: int) -> int:
        self._drawn += 1
        salt = self._drawn.to_bytes(8, "big")
        digest = blake2b(self._seed, digest_size=8, salt=salt).digest()
        return int.from_bytes(digest, "big") % limit

    def between(self, low: int, high: int) -> int:
        """Both ends included."""
        return low + self.below(high - low + 1)

    def pick(self, items: Sequence[Item]) -> Item:
        return items[self.below(len(items))]
