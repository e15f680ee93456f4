"""How far apart is what verdicts tell apart, in posteriors whose truth is known.

    python -m benchmarks.verdicts [n_seeds]

Posteriors are drawn by Gibbs under the default priors, four chains each. `separation`
is the least number of posterior sds by which two components differ; below
`SEPARATELY_IDENTIFIED` they are said to overlap. "One solution" is the most spreads
by which two chains of one solution lie apart in any invariant, "two" the fewest by
which two of different ones lie apart in the invariant that tells them apart best;
beyond `SEPARATION` chains are said to be at different solutions. Of each the range
over seeds, and how often each verdict was given.
"""

import sys
from collections import Counter

import numpy as np
import xarray as xr

import bayesgmm as bg
from bayesgmm.covariances import covariance_family
from bayesgmm.initialise import start_from_labels
from bayesgmm.invariants import invariants
from bayesgmm.kept import observations_of
from bayesgmm.posterior import read_draws
from bayesgmm.solutions import distances

N_SEEDS = 20
SETTINGS = {"method": "gibbs", "draws": 600, "tune": 200, "progress": False}
LINE = ([[-6.0], [-3.0], [3.0], [6.0]], 60, 0.7)
SQUARE = ([[-4.0, -4.0], [-4.0, 4.0], [4.0, -4.0], [4.0, 4.0]], 40, 1.0)
# Centres of the groups, rows of each, their sd, and where chains start: the component
# of each group. All four start at one of them, or two at each of two.
SITUATIONS = {
    "two groups, 7 sds apart": (([[-3.5, 0.0], [3.5, 0.0]], 100, 1.0), [[0, 1]]),
    "two groups, 5 sds apart": (([[-2.5, 0.0], [2.5, 0.0]], 100, 1.0), [[0, 1]]),
    "four groups on a line": (LINE, [[0, 1, 2, 3]]),
    "four groups in a square": (SQUARE, [[0, 1, 2, 3]]),
    "one group in two": (([[0.0, 0.0]], 200, 1.0), 2),
    "one group in three": (([[0.0, 0.0]], 200, 1.0), 3),
    "two groups, 1 sd apart": (([[0.0, 0.0], [1.0, 0.0]], 150, 1.0), 2),
    "three groups in four": (([[-6.0], [0.0], [6.0]], 60, 1.0), 4),
    "two groups in three": (([[-5.0, 0.0], [5.0, 0.0]], 150, 1.0), 3),
    "line, pairs merged": (LINE, [[0, 1, 2, 2], [0, 0, 1, 2]]),
    "square, sides merged": (SQUARE, [[0, 0, 1, 1], [0, 1, 0, 1]]),
}


def posterior(groups, starts, seed):
    """Return draws of groups, and which chains began together."""
    centres, size, sd = groups
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(centres)), size)
    X = np.array(centres)[labels] + sd * rng.normal(size=(len(labels), len(centres[0])))
    if isinstance(starts, int):
        tree = bg.sample(X, starts, chains=4, random_seed=seed, **SETTINGS)
        return tree, np.zeros(4)
    n_chains, trees = 4 // len(starts), []
    for place, start in enumerate(starts):
        init = at(X, np.array(start)[labels])
        again = {"chains": n_chains, "random_seed": 2 * seed + place}
        trees.append(bg.sample(X, init.n_components, init=init, **again, **SETTINGS))
    return joined(trees), np.repeat(range(len(starts)), n_chains)


def at(X, labels):
    """Return the parameters of a partition, where a chain can begin."""
    family = covariance_family("full", X.shape[1])
    return start_from_labels(X, labels, labels.max() + 1, family, None)


def joined(trees):
    """Return the chains of several posteriors of the same rows as one posterior."""
    trees = [bg.unrelabel(tree) for tree in trees]
    groups = {
        name: xr.concat([tree[name].to_dataset() for tree in trees], "chain")
        for name in ("posterior", "sample_stats")
    }
    groups = {name: x.assign_coords(chain=range(4)) for name, x in groups.items()}
    data = {"observed_data": trees[0]["observed_data"].to_dataset()}
    return xr.DataTree.from_dict(groups | data)


def gaps(tree, start):
    """Return the most spreads within a start, and the fewest between two; or NaN."""
    draws = read_draws(tree)
    table = observations_of(tree, draws.feature_names, None)
    apart = distances(invariants(draws, table, None))[0].max(axis=-1)
    together = start[:, None] == start
    within = apart[together].max()
    return within, np.nan if together.all() else apart[~together].min()


def main(n_seeds=N_SEEDS):
    print("| situation | separation | one solution | two | verdicts |")
    print("|---|---|---|---|---|")
    for name, (groups, starts) in SITUATIONS.items():
        verdicts, numbers = Counter(), []
        for seed in range(n_seeds):
            tree, start = posterior(groups, starts, seed)
            diagnosis = bg.diagnose(tree)
            verdicts[diagnosis.verdict.name] += 1
            numbers.append((diagnosis.separation, *gaps(tree, start)))
        ends = zip(np.min(numbers, axis=0), np.max(numbers, axis=0), strict=True)
        cells = [f"{a:.1f} to {b:.1f}" if a == a else "—" for a, b in ends]
        told = ", ".join(f"{n} {verdict}" for verdict, n in verdicts.most_common())
        print(f"| {name} | {' | '.join(cells)} | {told} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
