"""Sweeps per second of telescoping on the galaxies, one chain on one core.

Run `python -m benchmarks.telescoping`. The goal is 50,000 with the priors of Richardson
and Green (1997); the dynamic mixture of finite mixtures costs more, as p(K | partition)
then is not a table.
"""

from time import process_time

import numpy as np

import bayesgmm as bg
from bayesgmm.sampled import Settings
from bayesgmm.target import make_target
from bayesgmm.telescoping import THIN, telescoping

GOAL, DRAWS = 50_000, 20_000
KINDS = ("richardson_green", "static", "dynamic")


def measure(X, kind):
    """Return sweeps per second of processor time, and the posterior of the size."""
    target = make_target(X, 6, priors=bg.default_priors(X, 6, kind=kind))
    telescoping(target, Settings(10, 10, 1, 1, 0, False))  # compiled before
    begun = process_time()
    sampled = telescoping(target, Settings(DRAWS, 1000, 1, 1, 1, False))
    sweeps = THIN * (DRAWS + 1000)
    return sweeps / (process_time() - begun), sampled.groups["size"]["probability"]


def main():
    X = np.asarray(bg.datasets.load("galaxies"), dtype=float)
    for kind in KINDS:
        speed, probability = measure(X, kind)
        print(f"{kind:16} {speed:8,.0f} sweeps a second (goal {GOAL:,})")
        print("                 p(K | data), K = 1..10:", probability[:10].round(3))


if __name__ == "__main__":
    main()
