"""How many covers are drawn in a second, in all sizes, and what an uploaded one costs."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from typing import Any

from functions.inventory.covers.draw import CoverSpec, render
from functions.inventory.covers.uploaded import check, sized
from local.covers import cover_spec
from local.seed import starting_books


def run(quick: bool) -> list[dict[str, Any]]:
    """Rows {name, per_second, ...}; `kib` is what one cover takes in all sizes."""
    count = 60 if quick else 400
    books = [book for book in starting_books() if book.work_of is None]
    step = max(1, len(books) // count)
    specs = [cover_spec(number, book) for number, book in enumerate(books[::step][:count])]
    rows = [_drawn_alone(specs), *(_drawn_by(specs, number) for number in _processes())]
    return rows + [_sent_in(kind, 3 if quick else 10) for kind in ("JPEG", "PNG", "WEBP", "AVIF")]


def _processes() -> list[int]:
    cores = os.cpu_count() or 1
    return [cores] if cores > 1 else []


def _drawn_alone(specs: Sequence[CoverSpec]) -> dict[str, Any]:
    """`per_cpu_second` is the rate that one core has to itself, whatever else the machine does."""
    for spec in specs[:5]:
        render(spec)
    started, busy = time.perf_counter(), time.process_time()
    size = sum(_bytes(render(spec)) for spec in specs)
    busy, passed = time.process_time() - busy, time.perf_counter() - started
    return {
        "name": "drawn, one process",
        "per_second": round(len(specs) / passed, 1),
        "per_cpu_second": round(len(specs) / busy, 1),
        "kib": round(size / len(specs) / 1024, 1),
    }


def _drawn_by(specs: Sequence[CoverSpec], processes: int) -> dict[str, Any]:
    with ProcessPoolExecutor(processes) as painters:
        for _ in painters.map(render, specs[: 4 * processes]):  # the imports are not counted
            pass
        started = time.perf_counter()
        for _ in painters.map(render, specs):
            pass
        passed = time.perf_counter() - started
    return {"name": f"drawn, {processes} processes", "per_second": round(len(specs) / passed, 1)}


def _sent_in(kind: str, repeats: int) -> dict[str, Any]:
    """A scan of 2,400 by 3,600 pixels: checked, and brought into all sizes."""
    from PIL import Image

    buffer = BytesIO()
    noise = Image.effect_noise((600, 900), 60).resize((2_400, 3_600)).convert("RGB")
    noise.save(buffer, kind)
    content, media_type = buffer.getvalue(), f"image/{kind.lower()}"
    checking = _milliseconds(lambda: check(content, media_type), repeats)
    making = _milliseconds(lambda: sized(content, media_type), repeats)
    return {
        "name": f"sent in, {kind} of 8.6 megapixels",
        "per_second": round(1000 / (checking + making), 1),
        "check_ms": round(checking),
        "sizes_ms": round(making),
    }


def _milliseconds(work: Callable[[], object], repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - started) / repeats * 1000


def _bytes(pictures: dict[str, bytes]) -> int:
    return sum(map(len, pictures.values()))


if __name__ == "__main__":
    for shown in run(quick=True):
        print(shown)
