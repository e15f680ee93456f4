"""The search of sizes and families against mclust.

The diabetes data (145 rows, 3 features), 1 to 9 components, fourteen families; the best
of three. mclust fits every cell once, from one hierarchical clustering; ours also keeps
every model at or above those that it contains. The goal is at most twice mclust's time.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import bayesgmm as bg
from benchmarks.asking import Setting
from benchmarks.results import Row, by_time
from benchmarks.timing import timed

GOAL, ROUNDS, SIZES, QUICK = 0.5, 3, range(1, 10), range(1, 3)
PROGRAM = """
suppressMessages(library(mclust))
X <- read.csv("{path}")
t <- proc.time()[["elapsed"]]
fit <- Mclust(X, G = {sizes}, verbose = FALSE)
cat(proc.time()[["elapsed"]] - t)
"""


def mclust_seconds(program, X, sizes):
    """Return the seconds of mclust's search."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.csv"
        X.to_csv(path, index=False)
        told = {"path": path.as_posix(), "sizes": f"{sizes[0]}:{sizes[-1]}"}
        command = [program, "-e", PROGRAM.format(**told)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def compare(setting: Setting) -> Iterator[Row]:
    X = bg.datasets.load("diabetes").select_dtypes("number")
    sizes, rounds = (QUICK, 1) if setting.quick else (SIZES, ROUNDS)
    search = {"n_components": sizes, "random_state": 0, "progress": False}
    first = timed(lambda: bg.select(X, **search))
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(timed(lambda: bg.select(X, **search)).wall)
        theirs.append(mclust_seconds(setting.program, X, sizes))
    size, family = first.result.choose("bic")
    yield by_time(
        f"{len(first.result.table)} cells",
        setting.peer,
        min(ours),
        min(theirs),
        GOAL,
        **{"first in a process": f"{first.wall:.1f} s", "best": f"{family}, {size}"},
    )


if __name__ == "__main__":
    from benchmarks.command import run_script

    run_script("select")
