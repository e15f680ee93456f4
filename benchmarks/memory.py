"""Memory of a posterior of many rows: sampling, memberships, leave-one-out.

Run `python -m benchmarks.memory`, with `--quick` for few draws. Every step has a
process of its own: kernels are compiled on small data, the rows are made, and the
figure is the highest resident memory from there on, above what was resident with the
rows in it. The goal is 1 GB at 1,000,000 rows and 4,000 draws.

Memberships and leave-one-out take a synthetic posterior, draws about the truth, so that
they can have 4,000 draws where sampling makes few.
"""

import argparse
import time
import warnings

import numpy as np
import xarray as xr

import bayesgmm as bg
from bayesgmm.errors import PosteriorWarning
from benchmarks.machine import in_fresh_process, peak, resident

N_ROWS, N_FEATURES, N_COMPONENTS, N_CHAINS, N_DRAWS = 1_000_000, 5, 5, 4, 1000
GOAL_MB = 1000.0
CENTRES = 3.0 * np.random.default_rng(1).normal(size=(N_COMPONENTS, N_FEATURES))


def make(n_rows):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, N_FEATURES))
    X += CENTRES[rng.integers(N_COMPONENTS, size=n_rows)]
    return X


def make_posterior(n_draws):
    """Return draws about the truth."""
    rng, shape = np.random.default_rng(2), (N_CHAINS, n_draws)
    wishart = 0.01 * rng.normal(size=(*shape, N_COMPONENTS, N_FEATURES, N_FEATURES))
    inner = ("component", "feature", "feature_bis")
    arrays = {
        "weights": rng.dirichlet(np.full(N_COMPONENTS, 2000.0), shape),
        "means": CENTRES + 0.01 * rng.normal(size=(*shape, *CENTRES.shape)),
        "covariances": np.eye(N_FEATURES) + wishart @ np.swapaxes(wishart, -1, -2),
    }
    named = {
        name: (("chain", "draw", *inner[: x.ndim - 2]), x) for name, x in arrays.items()
    }
    return xr.DataTree.from_dict({"posterior": xr.Dataset(named)})


def sample(X, n_draws):
    return bg.sample(
        X,
        N_COMPONENTS,
        method="gibbs",
        draws=n_draws,
        tune=min(n_draws, 200),
        chains=N_CHAINS,
        random_seed=1,
        progress=False,
    )


STEPS = {
    "sample": sample,
    "membership": lambda X, n_draws: bg.membership(make_posterior(n_draws), X),
    "loo": lambda X, n_draws: bg.loo(make_posterior(n_draws), X),
}


def measure(step, n_rows, n_draws):
    """Print the seconds and the megabytes of a step in this process."""
    warnings.simplefilter("ignore", PosteriorWarning)
    for n_few in (500, 20_000):  # compiled for chains on threads, and for rows
        STEPS[step](make(n_few), 30)
    X = make(n_rows)
    before, begun = resident(), time.perf_counter()
    STEPS[step](X, n_draws)
    seconds = time.perf_counter() - begun
    print(
        f"{step:12s} {n_rows:9,d} rows {N_CHAINS * n_draws:6,d} draws "
        f"{seconds:8.1f} s {peak() - before:8.0f} MB (goal {GOAL_MB:.0f})",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", nargs="?", choices=STEPS)
    parser.add_argument("--rows", type=int, default=N_ROWS)
    parser.add_argument("--draws", type=int, default=N_DRAWS, help="of each chain")
    parser.add_argument("--quick", action="store_true", help="25 draws of each chain")
    options = parser.parse_args()
    n_draws = 25 if options.quick else options.draws
    for step in [options.step] if options.step else STEPS:
        in_fresh_process(measure, step, options.rows, n_draws)


if __name__ == "__main__":
    main()
