"""Answers for shoppers, from the cache where it has what is new enough.

`at_hand` gives what is there without waiting, `read` an answer in any case. Both are for an event
loop: what is not there is built in a thread.
"""

import threading
from dataclasses import replace
from datetime import date

from functions.inventory.ports import Shelves
from functions.inventory.service.readings import CATALOGUE, Reading
from functions.inventory.service.rendering import Renderer
from shared.cache.answers import Answers
from shared.cache.port import Entry
from shared.kit.clock import Clock


class Browse:
    def __init__(self, shelves: Shelves, answers: Answers, clock: Clock, cdn: str) -> None:
        self._shelves = shelves
        self._answers = answers
        self._clock = clock
        self._renderer = Renderer(cdn, date.min)
        self._dawn = threading.Lock()

    def at_hand(self, reading: Reading) -> Entry | None:
        return self._answers.at_hand(_key(reading, self._today()))

    async def read(self, reading: Reading) -> Entry:
        """Raises what building raises."""
        today = self._today()

        def fill(primary: bool) -> Entry:
            renderer = self._renderer_of(today)
            with self._shelves.view(primary=primary) as view:
                version = view.version()
                body, etag, tag = reading.build(view, renderer)
            made_at = self._clock.machine_now().timestamp()
            return Entry(version, tag, etag, body, loose=tag == CATALOGUE, made_at=made_at)

        return await self._answers.read(_key(reading, today), reading.lifetime, fill)

    def _today(self) -> date:
        return self._clock.business_now().date()

    def _renderer_of(self, today: date) -> Renderer:
        """The first reader of a day puts its new books on sale, so that filters know."""
        with self._dawn:
            if today != self._renderer.today:
                self._shelves.end_embargoes(today)
                self._renderer = replace(self._renderer, today=today)
            return self._renderer


def _key(reading: Reading, today: date) -> str:
    """What is shown changes with the day, as books go on sale."""
    return f"{today}:{reading.name}"
