"""The conjugate prior: mclust's maxima, the density by definition, laws, bad data."""

import numpy as np
import pytest

from bayesgmm import GaussianMixture, conjugate_prior, datasets
from bayesgmm.covariances import FAMILIES, covariance_family

TYPES = list(FAMILIES)
# mclust's means of this family are not shrunk though its variances are, so that its
# fits are maxima of no density; one is 1.3e-3 away, the other three are within 1e-3.
NO_MAXIMUM = [("EEI", 4)]


def numbers(name):
    return datasets.load(name).to_numpy(dtype=float)


def some_data(seed=0, n=90, d=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    X[: n // 3] += 3.0
    return X


def from_partition(X, labels, covariance_type, prior="default", **settings):
    """Return an estimator that begins with the M-step of a partition."""
    default = conjugate_prior(X, int(labels.max()) + 1, covariance_type)
    groups = [X[labels == k] for k in range(labels.max() + 1)]
    counts = np.array([float(len(g)) for g in groups])
    means = np.array([g.mean(axis=0) for g in groups])
    scatters = np.array([(g - g.mean(0)).T @ (g - g.mean(0)) for g in groups])
    family = covariance_family(covariance_type, X.shape[1])
    rows, added = default.rows(family, means)
    covariances = family.estimate(scatters + added, counts + rows)
    return GaussianMixture(
        len(groups),
        covariance_type=covariance_type,
        weights_init=counts / len(X),
        means_init=means,
        precisions_init=family.compact(np.linalg.inv(covariances)),
        prior=prior,
        **{"max_iter": 5000} | settings,
    )


# -- mclust ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["faithful", "acidity"])
def test_maxima_under_the_default_prior_are_those_of_mclust(name, golden):
    X, partitions = numbers(name), golden("mclust_fits.json")[name]["init_labels"]
    for fit in golden("mclust_map.json")[name]:
        labels = np.array(list(partitions[str(fit["G"])])).astype(int)
        em = from_partition(X, labels - labels.min(), fit["model"]).fit(X)
        assert em.converged_
        wide = (fit["model"], fit["G"]) in NO_MAXIMUM
        expected = pytest.approx(fit["loglik"], abs=2e-3 if wide else 1e-3)
        assert em.log_likelihood_ == expected, (fit["model"], fit["G"])
