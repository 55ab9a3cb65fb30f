"""What a cold start imports: the whole app, and the packages that cost most of it."""

import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from local.environment import embedded

_ROOT = Path(__file__).parent.parent
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")
_SHOWN = 8


def run(quick: bool) -> list[dict[str, Any]]:
    """Rows {package, ms, modules}: the time inside a package's own modules, medians of runs."""
    runs = [_one_run() for _ in range(3 if quick else 9)]
    packages = {name for one in runs for name in one}
    costs = {name: statistics.median(one.get(name, (0, 0))[0] for one in runs) for name in packages}
    dearest = sorted(costs, key=lambda name: -costs[name])[: _SHOWN + 1]
    return [
        {"package": name, "ms": round(costs[name] / 1000, 1), "modules": runs[0][name][1]}
        for name in dearest
    ]


def _one_run() -> dict[str, tuple[int, int]]:
    """Microseconds and modules of each top-level package, and of `the whole app`."""
    with tempfile.TemporaryDirectory() as state:
        answer = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", "import function_app"],
            cwd=_ROOT,
            env={**os.environ, **embedded(Path(state), 7071)},
            capture_output=True,
            text=True,
            check=True,
        )
    taken: dict[str, list[int]] = defaultdict(list)
    for own, module in _LINE.findall(answer.stderr):
        package = module.partition(".")[0]
        shown = "the shop" if package in ("functions", "shared", "wiring") else package
        taken[shown].append(int(own))
        taken["the whole app"].append(int(own))
    return {name: (sum(times), len(times)) for name, times in taken.items()}
