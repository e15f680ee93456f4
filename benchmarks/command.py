"""Running comparisons, and telling of them."""

import argparse
import sys
import time
import traceback
from collections.abc import Iterable, Sequence
from datetime import date
from importlib import import_module
from pathlib import Path

from benchmarks import page, results
from benchmarks.asking import Setting
from benchmarks.comparisons import COMPARISONS, Comparison
from benchmarks.machine import facts
from benchmarks.results import Result, Row


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what the command and each script can be told."""
    parser.add_argument(
        "--quick", action="store_true", help="so small that figures mean nothing"
    )
    parser.add_argument("--large", action="store_true", help="10^8 rows, too")
    parser.add_argument(
        "--pythons",
        nargs="*",
        default=[],
        metavar="PATH",
        help="further Pythons in which a peer may be installed",
    )


def run(comparison: Comparison, told: argparse.Namespace) -> Result | None:
    """Run a comparison, None if its peer is not installed."""
    found = comparison.seek([sys.executable, *told.pythons])
    if found is None:
        return None
    begun, machine = time.perf_counter(), facts()
    setting = Setting(comparison.peer, found.program, told.quick, told.large)
    rows = list(_spoken(import_module(_path(comparison)).compare(setting)))
    minutes = (time.perf_counter() - begun) / 60
    today = date.today().isoformat()
    return Result(comparison.name, today, minutes, machine, found.versions, rows)


def _spoken(rows: Iterable[Row]) -> Iterable[Row]:
    for row in rows:
        print("|", " | ".join(page.cells(row)), "|", flush=True)
        yield row


def _path(comparison: Comparison) -> str:
    return f"benchmarks.{comparison.module}"


def nothing(comparison: Comparison) -> Result:
    """Return what is found of a peer that is not installed."""
    return Result(comparison.name, date.today().isoformat(), 0.0, facts(), {}, [])


def run_all(chosen: Sequence[str], told: argparse.Namespace, folder: Path) -> None:
    """Run the chosen comparisons, and keep what each found as soon as it is there."""
    for comparison in COMPARISONS:
        if comparison.name in chosen:
            print(f"\n{comparison.name}: about {comparison.minutes:g} minutes")
            try:
                result = run(comparison, told)
            except Exception:  # of a peer; the others are still to be run
                traceback.print_exc()
                continue
            if result is None:
                print(f"{comparison.peer} is not installed, not run")
            if result or not results.load(comparison.name, folder):
                results.save(result or nothing(comparison), folder)


def run_script(module: str) -> None:
    """Run the comparisons of one module, and print what they found."""
    parser = argparse.ArgumentParser(
        description=import_module(f"benchmarks.{module}").__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    told = parser.parse_args()
    for comparison in COMPARISONS:
        if comparison.module == module and run(comparison, told) is None:
            print(f"{comparison.peer} is not installed, not run")
