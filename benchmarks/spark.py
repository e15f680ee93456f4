"""An iteration on many rows against Spark MLlib.

The same rows, 4 features of 8 overlapping groups: Spark's `GaussianMixture`
(`local[*]`, `tol=0`, as pip installs it) has read them from Parquet and keeps them as
vectors in memory before the clock starts. Ours has an array in memory; or it reads them
from Zarr on disk in every iteration, which Spark is spared. An iteration is
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
from typing import NamedTuple

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

    table = dd.from_dask_array(da.from_zarr(str(rows)), columns=COLUMNS)
    table.to_parquet(str(path), write_index=False)  # which would be a fifth feature


def ours(X, iterations):
    """Return what a peer would answer."""
    model, seconds, _ = timed(fit, X, iterations)
    return {
        "seconds": seconds,
        "iterations": model.n_iter_,
        "log_likelihood": model.log_likelihood_,
    }


class Side(NamedTuple):
    """Seconds of a step, steps made by the longer fit, its log-likelihood a row."""

    step: float
    n_steps: int
    end: float


def measure(ask, n_rows) -> Side:
    few, many = ask(iterations=FEW), ask(iterations=MANY)
    step = many["seconds"] - few["seconds"]
    step /= many["iterations"] - few["iterations"]
    return Side(step, many["iterations"], many["log_likelihood"] / n_rows)


def compare_size(folder: Path, n_rows: int, setting: Setting) -> Iterator[Row]:
    """Yield the rows of one size; the data are left in the folder."""
    import dask.array as da

    path, table = folder / "rows.zarr", folder / "rows.parquet"
    write(path, n_rows)
    to_parquet(table, path)
    lazy = da.from_zarr(str(path))
    own = {"in memory": partial(ours, lazy.compute()), "Zarr": partial(ours, lazy)}
    told = {"path": str(table), "n_components": N_COMPONENTS}
    told["memory"] = f"{max(2, int(memory_gb() / 2))}g"
    with opened(setting.program, "spark", told) as ask:
        sides = own | {setting.peer: ask}
        for side in sides.values():
            side(iterations=FEW)  # compiled, and warm
        turns = [
            {name: measure(side, n_rows) for name, side in sides.items()}
            for _ in range(1 if setting.quick else ROUNDS)
        ]
    steps = {name: median(turn[name].step for turn in turns) for name in sides}
    for name in own:
        yield tell(n_rows, name, setting.peer, steps, turns[-1])


def tell(n_rows, name, peer, steps, last) -> Row:
    ns = [f"{1e9 * steps[side] / n_rows:,.0f} ns" for side in (name, peer)]
    return by_time(
        f"{n_rows:,} x {N_FEATURES}, {N_COMPONENTS} components, {name}",
        peer,
        steps[name],
        steps[peer],
        GOAL,
        **{
            "a row": " and ".join(ns),
            "iterations made": f"{last[name].n_steps} and {last[peer].n_steps}",
            "log-likelihood a row": f"{last[name].end:.3f} and {last[peer].end:.3f}",
        },
    )


def compare(setting: Setting) -> Iterator[Row]:
    sizes = (QUICK,) if setting.quick else SIZES + (LARGE,) * setting.large
    for n_rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            yield from compare_size(Path(folder), n_rows, setting)


if __name__ == "__main__":
    from benchmarks.command import run_script

    run_script("spark")
