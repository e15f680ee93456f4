"""Which starts reach the best optimum known, and what they cost.

    python benchmarks/starts.py [--quick]

Every cell is a data set, one of scikit-learn's four families and a number of
components. The best optimum known of a cell is the highest that any way of the table
reached without a spurious or collapsed component. Prints the table of docs/starts.md.
"""

import sys
import time
import warnings

import numpy as np

from bayesgmm import GaussianMixture, datasets

DATA = ("faithful", "iris", "diabetes", "penguins", "galaxies", "acidity", "wine")
FAMILIES = ("full", "tied", "diag", "spherical")
WAYS = {
    "hierarchical": {"init_params": "hierarchical"},
    "hierarchical, moves": {"init_params": "hierarchical", "split_merge": True},
    "1 small_em": {"init_params": "small_em", "n_init": 1},
    "3 small_em": {"init_params": "small_em", "n_init": 3},
    "3 small_em, moves": {"init_params": "small_em", "n_init": 3, "split_merge": True},
    "10 annealing": {"init_params": "annealing", "n_init": 10},
    "5 k-means++": {"n_init": 5},
    "5 k-means++, moves": {"n_init": 5, "split_merge": True},
    "10 k-means++": {"n_init": 10},
    "10 k-means++, moves": {"n_init": 10, "split_merge": True},
    "20 k-means++": {"n_init": 20},
    "10 random": {"init_params": "random", "n_init": 10},
}


def mixture_of_balls(n_groups, seed=0, n=1000):
    """Draw rows of groups of many sizes, where k-means++ misses small ones."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-12, 12, size=(n_groups, 2))
    sizes = rng.multinomial(n, rng.dirichlet(np.full(n_groups, 2.0)))
    parts = [
        rng.normal(c, rng.uniform(0.4, 1.6), size=(size, 2))
        for c, size in zip(centres, sizes, strict=True)
    ]
    return np.concatenate(parts)


def cells(quick):
    """Yield name, rows, family and number of components."""
    sizes = (3, 6) if quick else range(2, 10)
    for name in DATA:
        X = datasets.load(name).to_numpy(dtype=float)
        for family in FAMILIES[: 2 if X.shape[1] == 1 else 4]:
            for k in sizes:
                if name != "wine" or k <= 5:
                    yield name, X, family, k
    for k in (5, 10) if quick else range(5, 11):
        for family in ("full", "spherical"):
            yield "made up", mixture_of_balls(k, seed=k), family, k


def run(way, X, family, k):
    """Return the log-likelihood, -inf if it is of no use, and the seconds it took."""
    settings = {"split_merge": False, "random_state": 0, **WAYS[way]}
    em = GaussianMixture(k, covariance_type=family, max_iter=3000, **settings)
    start = time.perf_counter()
    em.fit(X)
    seconds = time.perf_counter() - start
    useful = em.converged_ and not em.restarts_.spurious
    return em.log_likelihood_ if useful else -np.inf, seconds


def main():
    warnings.simplefilter("ignore")
    run("hierarchical, moves", datasets.load("iris").to_numpy(), "full", 2)  # compile
    values, seconds, names = [], [], []
    for name, X, family, k in cells("--quick" in sys.argv):
        ends = np.array([run(way, X, family, k) for way in WAYS])
        if np.isfinite(ends[:, 0].max()):
            values.append(ends[:, 0].max() - ends[:, 0])
            seconds.append(ends[:, 1])
            names.append(name)
    report(np.array(values), np.array(seconds), np.array(names))


def report(short, seconds, names):
    """Print share of cells at the best optimum, all and by data, and mean seconds."""
    found, kinds = short < 0.01, list(dict.fromkeys(names))
    print(f"| way | reached, of {len(names)} | 1 nat short | s | {' | '.join(kinds)} |")
    print("|---" * (4 + len(kinds)) + "|")
    for i, way in enumerate(WAYS):
        by_data = [f"{100 * found[names == kind, i].mean():.0f}" for kind in kinds]
        print(
            f"| {way} | {100 * found[:, i].mean():.0f} % "
            f"| {100 * (short[:, i] > 1).mean():.0f} % | {seconds[:, i].mean():.2f} "
            f"| {' | '.join(by_data)} |"
        )


if __name__ == "__main__":
    main()
