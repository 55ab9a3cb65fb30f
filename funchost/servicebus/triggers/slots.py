"""How many functions of one trigger may run at the same time."""

import asyncio

__all__ = ["Slots"]


class Slots:
    def __init__(self, count: int) -> None:
        self.free = count
        self._changed = asyncio.Event()

    async def wait(self) -> int:
        """The number of free slots, once there is one."""
        while not self.free:
            self._changed.clear()
            await self._changed.wait()
        return self.free

    def take(self) -> None:
        self.free -= 1

    def give_back(self) -> None:
        self.free += 1
        self._changed.set()
