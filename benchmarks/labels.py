"""How long labels take: relabelling by each method, partitions by each loss.

Run `python -m benchmarks.labels`, with `--quick` for few draws. Draws are the truth
with noise, their components in random order; kernels are compiled on few draws first.
Each figure is the median of three runs: seconds on the clock, and of all processors.

The goals: ECR and Stephens below 5 seconds each, 4,000 draws of 5 components and 1,000
rows; the partition by variation of information below 10 seconds, 1,000 rows and 1,000
draws; similarity of 5,000 rows below 30 seconds and 1 GB, which is the most memory that
the process ever had, measured first.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np
import pandas as pd
import xarray as xr

import bayesgmm as bg
from bayesgmm.partitions.losses import LOSSES
from bayesgmm.relabel import METHODS
from benchmarks.machine import cpu_name, peak

N_COMPONENTS, N_FEATURES, N_CHAINS = 5, 2, 4
N_ROUNDS = 3
GOALS = {"relabel, ecr": 5.0, "relabel, stephens": 5.0}
GOALS |= {"similarity": 30.0, "partition, vi": 10.0}


def make_posterior(n_rows: int, n_draws: int) -> xr.DataTree:
    """Return draws of five groups that touch, labels switching all the time."""
    rng, shape = np.random.default_rng(0), (N_CHAINS, n_draws, N_COMPONENTS)
    centres = 2.5 * rng.normal(size=(N_COMPONENTS, N_FEATURES))
    X = centres[rng.integers(N_COMPONENTS, size=n_rows)]
    X += rng.normal(size=X.shape)
    scales = np.exp(0.1 * rng.normal(size=shape))
    arrays = {
        "weights": rng.dirichlet(np.full(N_COMPONENTS, 200.0), shape[:2]),
        "means": centres + 0.1 * rng.normal(size=(*shape, N_FEATURES)),
        "covariances": scales[..., None, None] * np.eye(N_FEATURES),
    }
    order = rng.permuted(np.tile(np.arange(N_COMPONENTS), (*shape[:2], 1)), axis=-1)
    inner = ("component", "feature", "feature_bis")
    draws = {}
    for name, array in arrays.items():
        index = order.reshape(*shape, *(1 for _ in array.shape[3:]))
        dims = ("chain", "draw", *inner[: array.ndim - 2])
        draws[name] = (dims, np.take_along_axis(array, index, axis=2))
    data = xr.Dataset({"X": (("obs_id", "feature"), X)})
    return xr.DataTree.from_dict(
        {"posterior": xr.Dataset(draws), "constant_data": data}
    )


def relabelling(quick: bool) -> dict[str, Callable]:
    """Return what to time: every method."""
    posterior = make_posterior(1000, 50 if quick else 1000)
    for method in METHODS:
        bg.relabel(posterior.isel(draw=slice(0, 3)), method)
    return {
        f"relabel, {method}": lambda method=method: bg.relabel(posterior, method)
        for method in METHODS
    }


def similarity(quick: bool) -> dict[str, Callable]:
    """Return what to time: all pairs of many rows."""
    posterior = make_posterior(5000, 50 if quick else 1000)
    bg.similarity(posterior, posterior["constant_data"]["X"][:9])
    return {"similarity": lambda: bg.similarity(posterior)}


def partitions(quick: bool) -> dict[str, Callable]:
    """Return what to time: every loss, and the other summaries of partitions."""
    draws = bg.draw_labels(make_posterior(1000, 1000), n_draws=20 if quick else 250)
    tasks = {
        f"partition, {loss}": partial(bg.partition, loss=loss) for loss in LOSSES
    } | {
        "confident core": bg.confident_core,
        "three partitions": partial(bg.several_partitions, n_partitions=3),
    }
    for task in tasks.values():
        task(draws[:, :3, :9])
    return {name: partial(task, draws) for name, task in tasks.items()}


def measure(run: Callable) -> dict[str, float]:
    clocks = {"seconds": time.perf_counter, "processor": time.process_time}
    rounds = []
    for _ in range(N_ROUNDS):
        starts = {name: clock() for name, clock in clocks.items()}
        run()
        rounds.append({name: clock() - starts[name] for name, clock in clocks.items()})
    return {name: median(each[name] for each in rounds) for name in clocks}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    found = {name: measure(run) for name, run in similarity(quick).items()}
    gigabytes = peak() / 1000
    for group in (partitions, relabelling):
        found |= {name: measure(run) for name, run in group(quick).items()}
    table = pd.DataFrame(found).T.assign(goal=pd.Series(GOALS))
    print(cpu_name())
    print(table.to_string(float_format="{:.2f}".format, na_rep=""))
    print(f"Memory of similarity: {gigabytes:.2f} GB")


if __name__ == "__main__":
    main()
