"""Runs the benchmarks one after the other, prints a table, writes JSON.

Rates depend on the machine; the ratios are of one run against a baseline in that same run, and
are what to compare.
"""

import argparse
import importlib
import json
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from funchost.pipes import run_quietly

BENCHMARKS = {
    "host": "bench.http_overhead",
    "cold start": "bench.cold_start",
    "inventory": "bench.inventory",
    "covers": "bench.covers",
    "imports": "bench.imports",
    "shipments": "bench.shipments",
    "service bus": "bench.servicebus",
    "durable": "bench.durable",
    "durable crashes": "bench.durable_crashes",
    "service bus triggers": "bench.servicebus_triggers",
    "cart": "bench.cart",
    "checkouts": "bench.checkouts",
    "notifications": "bench.notifications",
    "deliveries": "bench.deliveries",
    "storefront": "bench.storefront",
    "faults": "bench.faults",
}


def main(arguments: Sequence[str] | None = None) -> int:
    top = argparse.ArgumentParser(prog="dev.py bench", description=(__doc__ or "").split("\n")[0])
    top.add_argument("only", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    top.add_argument("--full", action="store_true", help="every size, up to a million books")
    top.add_argument("--json", default=".local/bench.json", metavar="FILE", type=Path)
    options = top.parse_args(arguments)
    if unknown := sorted(set(options.only) - set(BENCHMARKS)):
        top.error(f"there is no benchmark {', '.join(unknown)}")
    report: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "benchmarks": {},
    }
    for name in options.only or BENCHMARKS:
        rows = importlib.import_module(BENCHMARKS[name]).run(quick=not options.full)
        report["benchmarks"][name] = rows
        print(f"\n{name}\n{table(rows)}", flush=True)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(f"\nwritten to {options.json}")
    return 0


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as aligned columns; a row may lack what others have."""
    heads = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[_text(row.get(head)) for head in heads] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [heads, *cells]
    )


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) and value < 1000 else str(value)


if __name__ == "__main__":
    sys.exit(run_quietly(main))
