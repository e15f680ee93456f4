"""Rows on disk: is the time of an iteration linear in rows, and memory bounded?

Rows of 4 features of 8 overlapping groups are written to Zarr chunk by chunk, with
Zarr's default codecs, and fitted by `GaussianMixture(8, ...).fit(da.from_zarr(...))` on
Dask's threads. Plain EM from the same start for every size; every size has a process of
its own, and memory is the most that it ever had, imports and kernels included. A fit is
twelve steps, and before them a pass that checks the rows and one that takes a sample.
An iteration is what a fit of twelve steps takes longer than one of two, over ten;
"processors" are the seconds of all cores together.

Chunks of 250,000 to 1,000,000 rows are best, here 500,000. Processor nanoseconds of a
row and step, 2,000,000 rows, median of nine, while other work ran on the two cores:

| chunk | 100,000 | 250,000 | 500,000 | 1,000,000 | 2,000,000 |
|---|---|---|---|---|---|
| default codec (zstd) | 120 | 95 | 90 | 85 | 135 |
| no codec | 80 | 55 | 55 | 50 | 70 |

Of the 90, 40 are the kernel, 45 reading and 5 Dask. The last digits of measured numbers
compress by 3 %: without a codec (`compressors=None`) reading takes 15, with Blosc's LZ4
and shuffle 25.
"""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from benchmarks.asking import Setting
from benchmarks.large_rows import CHUNK, N_COMPONENTS, N_FEATURES, on_disk, start, write
from benchmarks.machine import in_fresh_process, peak
from benchmarks.results import Row, alone
from benchmarks.timing import timed

SIZES, LARGE, QUICK = (10**6, 10**7), 10**8, 20_000
FEW, MANY = 2, 12
GOAL_GB = 4.0


def fit(X, n_steps):
    """Return a fit of so many steps."""
    import bayesgmm as bg

    plan = {"tol": 0.0, "max_iter": n_steps, "n_init": 1, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it does not converge
        return bg.GaussianMixture(N_COMPONENTS, **start(), **plan).fit(X)


def measure(path, small):
    """Return seconds of a step, by clock and processors, of a fit, and peak MB."""
    import dask.array as da

    fit(da.from_zarr(str(small)), FEW)  # kernels are read from disk
    X = da.from_zarr(str(path))
    few, many = (timed(fit, X, n_steps) for n_steps in (FEW, MANY))
    steps = many.result.n_iter_ - few.result.n_iter_
    step = (many.wall - few.wall) / steps, (many.cpu - few.cpu) / steps
    return *step, many.wall, peak()


def compare_size(folder: Path, n_rows: int) -> Row:
    path, small = folder / f"{n_rows}.zarr", folder / "small.zarr"
    write(small, QUICK)
    write(path, n_rows)
    step, processors, whole, megabytes = in_fresh_process(measure, path, small)
    return alone(
        f"{n_rows:,} x {N_FEATURES}, {N_COMPONENTS} components",
        step,
        **{
            "a row": f"{1e9 * step / n_rows:.0f} ns",
            "processors, a row": f"{1e9 * processors / n_rows:.0f} ns",
            f"fit of {MANY} steps": f"{whole:.1f} s",
            "memory": f"{megabytes / 1000:.2f} GB",
            "its goal": f"{GOAL_GB:g} GB",
            "on disk": f"{on_disk(path) / 1000:.2f} GB",
            "chunk": f"{min(CHUNK, n_rows):,} rows",
        },
    )


def compare(setting: Setting) -> Iterator[Row]:
    sizes = (QUICK,) if setting.quick else SIZES + (LARGE,) * setting.large
    with tempfile.TemporaryDirectory() as folder:
        for n_rows in sizes:
            yield compare_size(Path(folder), n_rows)
            shutil.rmtree(Path(folder, f"{n_rows}.zarr"))


if __name__ == "__main__":
    from benchmarks.command import run_script

    run_script("scale")
