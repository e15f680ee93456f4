"""Time the whole search of sizes and families beside mclust's, where R has it.

    python -m benchmarks.select

The diabetes data, 1 to 9 components, fourteen families. mclust fits every cell once,
from one hierarchical clustering; ours also keeps every model at or above those that it
contains.
"""

import argparse
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import bayesgmm as bg

PROGRAM = """
suppressMessages(library(mclust))
X <- read.csv("{path}")
t <- proc.time()[["elapsed"]]
fit <- Mclust(X, G = 1:9, verbose = FALSE)
cat(proc.time()[["elapsed"]] - t)
"""


def seconds(X):
    """Return the seconds of one search, and its result."""
    start = time.perf_counter()
    selection = bg.select(X, random_state=0, progress=False)
    return time.perf_counter() - start, selection


def mclust_seconds(X):
    """Return the seconds of mclust, None where R or mclust is not there."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.csv"
        X.to_csv(path, index=False)
        command = ["Rscript", "-e", PROGRAM.format(path=path.as_posix())]
        done = subprocess.run(command, capture_output=True, text=True)
    return float(done.stdout) if done.returncode == 0 else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    X = bg.datasets.load("diabetes").select_dtypes("number")
    first, selection = seconds(X)
    ours = min(seconds(X)[0] for _ in range(rounds))
    size, family = selection.choose("bic")
    print(f"{len(selection.table)} cells; best by BIC: {family}, {size}")
    print(f"first run {first:.1f} s, best of {rounds} further ones {ours:.1f} s")
    theirs = [mclust_seconds(X) for _ in range(rounds)]
    if None in theirs:
        print("mclust: skipped, no R with mclust here")
    else:
        print(f"mclust {min(theirs):.1f} s, ratio {ours / min(theirs):.2f} (goal 2)")


if __name__ == "__main__":
    main()
