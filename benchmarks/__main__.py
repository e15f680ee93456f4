"""Every comparison with the peers that are installed, and the page about them.

    python -m benchmarks [--pythons PATH ...] [--only NAME ...]

Peers are looked for in this Python and in those of `--pythons`. What each comparison
found is kept in `benchmarks/results`, so that an interrupted run can go on with
`--only`; the page is made of all that is kept there.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks import command, page
from benchmarks.comparisons import COMPARISONS

ROOT = Path(__file__).parents[1]


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    names = [comparison.name for comparison in COMPARISONS]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument(
        "--page", action="store_true", help="run nothing, write the page again"
    )
    parser.add_argument("--folder", type=Path, help="where results are kept")
    parser.add_argument("--to", type=Path, help="where the page is written")
    command.add_options(parser)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    told = parse(arguments)
    # Figures that mean nothing stay away from those that do.
    place = Path(tempfile.mkdtemp()) if told.quick else None
    folder = told.folder or place or ROOT / "benchmarks" / "results"
    to = told.to or (place or ROOT / "docs") / "benchmarks.md"
    if not told.page:
        command.run_all(told.only, told, folder)
    to.write_text(page.write(folder), "utf-8")
    print(f"\nwritten: {to}")


if __name__ == "__main__":
    main()
