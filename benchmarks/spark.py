"""An iteration on many rows against Spark MLlib.

The same rows, 4 features of 8 overlapping groups: ours reads them from Zarr on disk in
every iteration, Spark's `GaussianMixture` (`local[*]`, `tol=0`) has read them from
Parquet and keeps them as vectors in memory before the clock starts. An iteration is
what a fit of thirteen steps takes longer than one of three, over the steps that were
made, so that starting is not counted; in turns, medians. Spark cannot be told a start
through Python and begins at means of rows drawn, so that only times are compared; the
log-likelihoods tell that both were at the same work.
"""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.asking import Setting, opened
from benchmarks.large_rows import N_COMPONENTS, N_FEATURES, write
from benchmarks.machine import memory_gb
from benchmarks.results import Row, by_time
from benchmarks.scale import fit
from benchmarks.timing import timed

SIZES, LARGE, QUICK = (10**6,), 10**7, 20_000
FEW, MANY, ROUNDS = 3, 13, 3
GOAL = 20
COLUMNS = [f"x{j}" for j in range(N_FEATURES)]


def to_parquet(path: Path, rows: Path) -> None:
    """Write the rows of a Zarr to a folder of Parquet, chunk by chunk."""
    import dask.array as da
    import dask.dataframe as dd

    dd.from_dask_array(da.from_zarr(str(rows)), columns=COLUMNS).to_parquet(str(path))


def ours(path, iterations):
    """Return what a peer would answer."""
    model, seconds, _ = timed(fit, path, iterations)
    return {
        "seconds": seconds,
        "iterations": model.n_iter_,
        "log_likelihood": model.log_likelihood_,
    }


def step_of(ask):
    """Return the seconds of a step, steps made, and the last log-likelihood."""
    few, many = ask(iterations=FEW), ask(iterations=MANY)
    steps = many["iterations"] - few["iterations"]
    step = (many["seconds"] - few["seconds"]) / steps
    return step, many["iterations"], many["log_likelihood"]


def compare_size(folder: Path, n_rows: int, setting: Setting) -> Row:
    """Return the row of one size; the rows are left in the folder."""
    path, table = folder / "rows.zarr", folder / "rows.parquet"
    write(path, n_rows)
    to_parquet(table, path)
    # Rows as vectors take 100 bytes and more each; half the memory is ours to use.
    told = {"path": str(table), "n_components": N_COMPONENTS}
    told["memory"] = f"{max(2, int(memory_gb() / 2))}g"
    with opened(setting.program, "spark", told) as ask:
        sides = partial(ours, path), ask
        for side in sides:
            side(iterations=FEW)  # compiled, and warm
        rounds = range(1 if setting.quick else ROUNDS)
        found = [[step_of(side) for side in sides] for _ in rounds]
    steps = [median(both[side][0] for both in found) for side in range(2)]
    (_, n_ours, end_ours), (_, n_theirs, end_theirs) = found[-1]
    return by_time(
        f"{n_rows:,} x {N_FEATURES}, {N_COMPONENTS} components",
        setting.peer,
        *steps,
        GOAL,
        **{
            "a row, ours": f"{1e9 * steps[0] / n_rows:.1f} ns",
            "theirs": f"{1e9 * steps[1] / n_rows:.0f} ns",
            "iterations made": f"{n_ours} and {n_theirs}",
            "log-likelihood a row": f"{end_ours / n_rows:.3f} and "
            f"{end_theirs / n_rows:.3f}",
        },
    )


def compare(setting: Setting) -> Iterator[Row]:
    sizes = (QUICK,) if setting.quick else SIZES + (LARGE,) * setting.large
    for n_rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            yield compare_size(Path(folder), n_rows, setting)


if __name__ == "__main__":
    from benchmarks.command import run_script

    run_script("spark")
