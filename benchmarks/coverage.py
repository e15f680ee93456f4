"""How often 95 % intervals of estimate +- 1.96 standard errors hold the truth.

    python -m benchmarks.coverage [n_samples]

Samples are drawn from two mixtures of two groups in two features. EM starts at the
truth, so that components keep their names and no other optimum is found; a sample on
which it collapses, or whose information is not positive definite, has no answer and is
counted apart.
"""

import sys
import warnings

import numpy as np

import bayesgmm as bg
from bayesgmm.dims import DIMS
from bayesgmm.errors import CollapseWarning, ConvergenceWarning, UncertaintyWarning
from bayesgmm.variation import KINDS

N_SAMPLES = 500
SIZES = (100, 500, 2000)
COVARIANCES = np.array([[[1.0, 0.5], [0.5, 1.0]], [[1.0, -0.3], [-0.3, 0.5]]])
DISTANCES = {"apart": 6.0, "overlapping": 2.0}
QUANTILE = 1.959963984540054


def mixture(distance):
    """Return the truth: groups whose means are so many standard deviations apart."""
    return bg.MixtureParameters(
        weights=np.array([0.6, 0.4]),
        means=np.array([[0.0, 0.0], [distance, 0.0]]),
        covariances=COVARIANCES,
        covariance_type="full",
        feature_names=("x0", "x1"),
    )


def draw(truth, n, rng):
    """Return rows and their labels."""
    labels = rng.choice(2, size=n, p=truth.weights)
    lower = np.linalg.cholesky(truth.covariances)[labels]
    noise = rng.standard_normal((n, 2))
    return truth.means[labels] + np.einsum("nij,nj->ni", lower, noise), labels


def fit(truth, X):
    return bg.GaussianMixture(
        2,
        n_init=1,
        max_iter=5000,
        weights_init=truth.weights,
        means_init=truth.means,
        precisions_init=np.linalg.inv(truth.covariances),
    ).fit(X)


def hits(truth, em, X, kind):
    """Return by parameter the share of entries whose interval holds the truth."""
    errors = bg.standard_errors(em, X, kind)
    shares = []
    for name in DIMS:
        distance = np.abs(getattr(em.parameters_, name) - getattr(truth, name))
        known = np.isfinite(errors[name].values).all()
        inside = distance <= QUANTILE * errors[name].values
        shares.append(inside.mean() if known else np.nan)
    return shares


def coverage(truth, n, n_samples):
    """Return shares (sample, kind, parameter); NaN where there is no answer."""
    rng = np.random.default_rng([n, round(truth.means[1, 0])])
    shares = np.full((n_samples, len(KINDS), len(DIMS)), np.nan)
    for sample in shares:
        X, _ = draw(truth, n, rng)
        em = fit(truth, X)
        if em.converged_:
            sample[:] = [hits(truth, em, X, kind) for kind in KINDS]
    shares[np.isnan(shares).any(axis=2)] = np.nan
    return shares


def main(n_samples=N_SAMPLES):
    print("| groups | rows | kind | weights | means | covariances | no answer |")
    print("|---|---|---|---|---|---|---|")
    for name, distance in DISTANCES.items():
        for n in SIZES:
            shares = coverage(mixture(distance), n, n_samples)
            lost = np.isnan(shares[..., 0]).mean(axis=0)
            for kind, means, none in zip(
                KINDS, np.nanmean(shares, axis=0), lost, strict=True
            ):
                cells = " | ".join(f"{100 * share:.1f}" for share in (*means, none))
                print(f"| {name} | {n} | {kind} | {cells} |", flush=True)


if __name__ == "__main__":
    for category in (CollapseWarning, ConvergenceWarning, UncertaintyWarning):
        warnings.simplefilter("ignore", category)
    main(*map(int, sys.argv[1:]))
