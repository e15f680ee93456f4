"""The page about all comparisons, made of what they found and of their docstrings."""

import ast
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from benchmarks import results
from benchmarks.comparisons import COMPARISONS, Comparison
from benchmarks.results import Result, Row

HEAD = """\
# Benchmarks

    python -m benchmarks

runs every comparison whose peer is installed and writes this page; `--only NAME` runs
some of them. Ratios are how many times better ours is, both sides in one run on the
same rows, in turns where that is said. A peer can live in a Python of its own:
`--pythons PATH`. Times alone are worth little where "load before" is not near zero:
other work ran on the machine.
"""
OTHERS = Path(__file__).with_name("others.md")
"""Figures of scripts that have no peer, kept by hand."""
UNITS = {"s": [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")]}


def write(folder: Path) -> str:
    """Return the page."""
    by_module = groupby(COMPARISONS, lambda comparison: comparison.module)
    sections = [section(module, list(group), folder) for module, group in by_module]
    return "\n".join([HEAD, *sections, OTHERS.read_text("utf-8")])


def section(module: str, comparisons: list[Comparison], folder: Path) -> str:
    """Return what one module compares, with whom, and what came out."""
    title, *text = _docstring(module).splitlines()
    parts = [f"## {title.rstrip('.')}", "\n".join(text).strip()]
    found = [(each, results.load(each.name, folder)) for each in comparisons]
    rows = [row for _, result in found if result for row in result.rows]
    if rows:
        parts.append(table(rows))
    return "\n\n".join([*parts, *(_origin(*each) for each in found)]) + "\n"


def _origin(comparison: Comparison, result: Result | None) -> str:
    """Return when and where figures were found, or why there are none."""
    if result is None:
        return f"{comparison.peer or 'Ours alone'}: not run."
    if not result.rows:
        return f"{comparison.peer}: not installed, not run ({result.date})."
    facts = [result.date, f"{result.minutes:.1f} minutes"]
    for name, value in (result.machine | result.peers).items():
        facts.append(value if name == "processor" else f"{name} {value}")
    return f"`{comparison.name}`: {', '.join(facts)}."


def _docstring(module: str) -> str:
    """Read the text of a module whose imports may not be there."""
    source = Path(__file__).with_name(f"{module}.py").read_text("utf-8")
    return ast.get_docstring(ast.parse(source)) or module


def table(rows: list[Row]) -> str:
    """Return rows in Markdown, with a column for every fact."""
    names = list(dict.fromkeys(name for row in rows for name in row.facts))
    head = ["task", "peer", "ours", "theirs", "ratio", "goal", *names]
    body = [
        [*cells(row)[:6], *(row.facts.get(name, "") for name in names)] for row in rows
    ]
    kept = [i for i, _ in enumerate(head) if any(line[i] for line in body)]
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(_line(line[i] for i in kept) for line in lines)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def cells(row: Row) -> list[str]:
    """Return a row as it is printed."""
    facts = [f"{name} {value}" for name, value in row.facts.items()]
    ours, theirs = amount(row.ours, row.unit), amount(row.theirs, row.unit)
    ratio, goal = digits(row.ratio), digits(row.goal)
    return [row.what, row.peer, ours, theirs, ratio, goal, *facts]


def amount(value: float | None, unit: str) -> str:
    """Return a value in a unit that suits it."""
    if value is None:
        return ""
    size, name = next((u for u in UNITS.get(unit, []) if value >= u[0]), (1.0, unit))
    return f"{digits(value / size)} {name}"


def digits(value: float | None) -> str:
    """Return a number with three digits that count."""
    return "" if value is None else f"{float(f'{value:.3g}'):,g}"
