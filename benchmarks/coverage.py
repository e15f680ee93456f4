"""How often 95 % intervals of EM and of a posterior hold the truth.

    python -m benchmarks.coverage samples.csv notebooks/data/coverage.csv [n_samples]

Samples are drawn from two groups in one and two features, whose means are 1.5 to 6
standard deviations apart. EM starts at the truth, so that components keep their names
and no other optimum is found: better than from starts of its own. A sample on which it
does not converge, or whose information is not positive definite, has no answer. The
posterior is drawn by Gibbs under the conjugate default priors. It knows nothing of the
truth; only once its labels are resolved are its components, all draws alike, paired
with those of the truth ("posterior"). Or the components of every draw are in the order
of their means in the first feature, as those of the truth are ("ordered").

Bootstraps and diagnoses of posteriors take longest, and are made of every second sample
in `THOROUGH` cells.

The first file gets what was found in every sample, the second the table made of it. A
run that was interrupted goes on where it ended, and one of more samples adds to them.
"""

import sys
import warnings
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

import bayesgmm as bg
from bayesgmm.dims import DIMS
from bayesgmm.errors import PosteriorWarning
from bayesgmm.posterior import read_draws
from bayesgmm.variation import KINDS
from bayesgmm.verdict import Verdict

N_SAMPLES = 200
N_FEATURES = (1, 2)
DISTANCES = (1.5, 2.0, 3.0, 4.0, 6.0)
SIZES = (50, 100, 500, 2000)
CELL = ["features", "distance", "n"]
FOUND = ["sample", "method", "warned", "parameter", "inside", "width"]
COVARIANCES = np.array([[[1.0, 0.5], [0.5, 1.0]], [[1.0, -0.3], [-0.3, 0.5]]])
TAILS = (0.025, 0.975)
QUANTILE = 1.959963984540054
N_REPLICATES = 119  # (119 + 1) x 0.025 is whole, and percentiles are no guesses
GIBBS = {"method": "gibbs", "draws": 500, "tune": 250, "chains": 4}
THOROUGH = set(product((2,), (2.0, 3.0, 6.0), (50, 100, 500)))
TRUSTED = (Verdict.CHAINS_AGREE, Verdict.LABELS_RESOLVED)


def mixture(distance, n_features=2):
    """Return the truth: groups whose means are so many standard deviations apart."""
    truth = bg.MixtureParameters(
        weights=np.array([0.6, 0.4]),
        means=np.array([[0.0, 0.0], [distance, 0.0]]),
        covariances=COVARIANCES,
        covariance_type="full",
        feature_names=("x0", "x1"),
    )
    return truth.marginal(range(n_features))


def draw(truth, n, rng):
    """Return rows and their labels."""
    labels = rng.choice(2, size=n, p=truth.weights)
    lower = np.linalg.cholesky(truth.covariances)[labels]
    noise = rng.standard_normal((n, truth.n_features))
    return truth.means[labels] + np.einsum("nij,nj->ni", lower, noise), labels


# -- intervals: a lower and an upper end of everything that is judged ----------------


def lay(weights, means, sds, covariances):
    """Return by parameter what is judged, along the last axis."""
    i, j = np.triu_indices(means.shape[-1], k=1)
    parts = {
        "weights": weights[..., :1],
        "means": means,
        "sds": sds,
        "covariances": covariances[..., i, j],
    }
    flat = {name: part.reshape(*weights.shape[:-1], -1) for name, part in parts.items()}
    return {name: part for name, part in flat.items() if part.size}


def variances(covariances):
    return np.diagonal(covariances, axis1=-2, axis2=-1)


def judged(mixture):
    """Lay out one mixture, or draws."""
    sds = np.sqrt(variances(mixture.covariances))
    return lay(mixture.weights, mixture.means, sds, mixture.covariances)


def by_errors(kind, em, X, _):
    """Return estimates +- 1.96 standard errors; those of sds by the delta method."""
    found = bg.standard_errors(em, X, kind)
    weights, means, covariances = (found[name].values for name in DIMS)
    sds = variances(covariances) / 2 / np.sqrt(variances(em.parameters_.covariances))
    reach = lay(weights, means, sds, covariances)
    return {
        name: (centre - QUANTILE * reach[name], centre + QUANTILE * reach[name])
        for name, centre in judged(em.parameters_).items()
    }


def by_percentiles(tree):
    draws = judged(read_draws(tree))
    return {
        name: np.quantile(x, TAILS, axis=0, method="weibull")
        for name, x in draws.items()
    }


def by_bootstrap(em, X, seed):
    return by_percentiles(
        bg.bootstrap(
            em, X, n_replicates=N_REPLICATES, random_state=seed, progress=False
        )
    )


def sample(X, seed, thorough):
    """Draw a posterior; warn if its diagnosis warns of single components."""
    posterior = bg.sample(X, 2, random_seed=seed, progress=False, **GIBBS)
    if thorough:
        verdict = bg.diagnose(posterior).verdict
        if verdict not in TRUSTED:
            warnings.warn(verdict.name, PosteriorWarning, stacklevel=2)
    return posterior


OF_EM = {kind: partial(by_errors, kind) for kind in KINDS}
METHODS = [*OF_EM, "bootstrap", "posterior", "ordered"]


# -- what holds ----------------------------------------------------------------------


def fit(truth, X):
    """Return the fit from the truth, or nothing if it did not converge."""
    em = bg.GaussianMixture(
        2,
        n_init=1,
        max_iter=5000,
        weights_init=truth.weights,
        means_init=truth.means,
        precisions_init=truth.precisions,
    ).fit(X)
    return em if em.converged_ else None


def listen(method, *arguments):
    """Return what it returns, and whether there was any warning."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = method(*arguments)
    return found, float(bool(told))  # a number, so that a share can be taken


def compare(truth, intervals):
    """Yield by parameter the share of entries that are held, and their mean width."""
    for name, true in judged(truth).items():
        lower, upper = intervals[name] if intervals else (np.nan, np.nan)
        width = np.mean(upper - lower)
        inside = np.mean((lower <= true) & (true <= upper))
        yield name, inside if np.isfinite(width) else np.nan, width


def judge(features, distance, n, seed):
    """Return what each method said of one sample."""
    truth = mixture(distance, features)
    rng = np.random.default_rng([seed, n, round(10 * distance), features])
    X, _ = draw(truth, n, rng)
    thorough = (features, distance, n) in THOROUGH and seed % 2 == 0
    of_em = OF_EM | ({"bootstrap": by_bootstrap} if thorough else {})
    em, loud = listen(fit, truth, X)
    posterior, warned = listen(sample, X, seed, thorough)
    warned = warned if thorough else np.nan
    named = bg.align_to(posterior, truth), bg.relabel(posterior, method="order")
    of_posterior = zip(METHODS[-2:], map(by_percentiles, named), strict=True)
    found = {name: (intervals, warned) for name, intervals in of_posterior}
    for name, method in of_em.items():
        found[name] = listen(method, em, X, seed) if em else (None, loud)
    cell = dict(zip(CELL, (features, distance, n), strict=True))
    return [
        cell | dict(zip(FOUND, (seed, name, warned, *each), strict=True))
        for name, (intervals, warned) in found.items()
        for each in compare(truth, intervals)
    ]


def summarise(found):
    """Return a line for every cell, method and parameter."""
    found["lost"] = found["inside"].isna()
    groups = found.groupby([*CELL, "method", "parameter"], sort=False)
    return groups.agg(
        samples=("inside", "size"),
        coverage=("inside", "mean"),
        error=("inside", "sem"),  # of samples, as entries of one depend on each other
        width=("width", "median"),
        no_answer=("lost", "mean"),
        warned=("warned", "mean"),
    )


def collect(path, n_samples):
    """Judge the samples that are not in the file yet, all cells of one at a time."""
    known = set()
    if path.exists():
        known = set(pd.read_csv(path)[[*CELL, "sample"]].itertuples(False, None))
    for seed in range(n_samples):
        for cell in product(N_FEATURES, DISTANCES, SIZES):
            if (*cell, seed) not in known:
                lines = pd.DataFrame(judge(*cell, seed))
                lines.to_csv(path, mode="a", header=not path.exists(), index=False)


def main(samples, table, n_samples=N_SAMPLES):
    collect(Path(samples), int(n_samples))
    made = summarise(pd.read_csv(samples))
    made.round(4).to_csv(table)
    held = 100 * made["coverage"].unstack("method")[METHODS]
    print(held.round(1).to_string())


if __name__ == "__main__":
    main(*sys.argv[1:])
