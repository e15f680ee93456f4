"""Data that carry no mixture end in a clear error or a named status, never in NaN."""

import warnings

import numpy as np
import pytest
from oracles import gaussian_log_density, log_sum_exp
from some_slow import some_slow

from bayesgmm import GaussianMixture
from bayesgmm.covariances import FAMILIES
from bayesgmm.em import Status
from bayesgmm.errors import CollapseWarning, ConvergenceWarning, InputError

families = pytest.mark.parametrize("name", some_slow(FAMILIES))


def _plain(n=12, d=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def _with(X, rows, values):
    X = X.copy()
    X[rows] = values
    return X


CASES = {
    "every row twice": np.repeat(_plain(), 2, axis=0),
    "three places": np.tile(_plain(3), (5, 1)),
    "two places": np.tile(_plain(2), (6, 1)),
    "all rows equal": np.ones((8, 2)),
    "all rows zero": np.zeros((8, 2)),
    "a constant column": np.c_[_plain(), np.full(12, 3.0)],
    "nearly constant": np.c_[_plain(), 1.0 + 1e-15 * (np.arange(12) % 2)],
    "a column twice": np.c_[_plain(), _plain()[:, 0]],
    "a column nearly twice": np.c_[
        _plain(), _plain()[:, 0] + 1e-9 * _plain(seed=1)[:, 0]
    ],
    "a sum of columns": np.c_[_plain(), _plain().sum(axis=1)],
    "one row": _plain(1),
    "two rows": _plain(2),
    "three rows": _plain(3),
    "four rows": _plain(4),
    "as many rows as columns": _plain(4, 4),
    "fewer rows than columns": _plain(4, 6),
    "one more row than columns": _plain(5, 4),
    "a group of equal rows": _with(_plain(20), range(6), 5.0),
    "two groups of equal rows": _with(
        _with(_plain(20), range(6), 5.0), range(6, 12), -5.0
    ),
    "a group on a line": np.r_[_plain(), np.c_[10.0 + np.arange(8), np.full(8, 3.0)]],
    "an outlier of 1e6": _with(_plain(), 0, 1e6),
    "an outlier of 1e12": _with(_plain(), 0, 1e12),
    "an outlier of 1e100": _with(_plain(), 0, 1e100),
    "an outlier in one column": _with(_plain(), (0, 1), 1e12),
    "two outliers": _with(_with(_plain(), 0, 1e12), 1, -1e9),
    "one feature": _plain(10, 1),
    "one feature, ties": np.repeat([[0.0], [1.0], [5.0]], 4, axis=0),
    "one feature, two rows": _plain(2, 1),
    "integers": np.arange(24.0).reshape(12, 2) % 5,
    "tiny": 1e-120 * _plain(),
    "huge": 1e120 * _plain(),
    "far away": 1e12 + _plain(),
    "too far away": 1e17 + _plain(),
}


def oracle(X, p):
    return sum(
        log_sum_exp(
            np.array(
                [
                    np.log(w) + gaussian_log_density(x, m, c)
                    for w, m, c in zip(p.weights, p.means, p.covariances, strict=True)
                    if w > 0
                ]
            )
        )
        for x in X
    )


def _correlations(covariances):
    sds = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    return covariances / (sds[:, :, None] * sds[:, None, :])


def fit(X, name, n_components):
    """Return the estimator, None if the data were refused."""
    em = GaussianMixture(
        n_components, covariance_type=name, n_init=1, max_iter=100, random_state=0
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            em.fit(X)
        except InputError:
            em = None
    ours = (CollapseWarning, ConvergenceWarning)
    assert [w for w in caught if not issubclass(w.category, ours)] == []
    return em


@families
@pytest.mark.parametrize("case", CASES)
def test_an_error_a_status_or_a_fit(case, name):
    X = CASES[case]
    for n_components in {1, 2, 3, min(len(X), 8)}:
        em = fit(X, name, n_components)
        if em is None:
            continue
        p = em.parameters_
        assert em.status_ in Status
        assert em.converged_ == (em.status_ is Status.CONVERGED)
        assert abs(p.weights.sum() - 1) < 1e-12
        assert (p.weights >= 0).all()
        for values in (p.means, p.covariances, em.precisions_, em.log_likelihood_):
            assert np.isfinite(values).all()
        np.linalg.cholesky(p.covariances)
        # A distance is as exact as its covariance, rounded, says.
        rounding = 1e-16 * np.linalg.cond(_correlations(p.covariances)).max() * X.size
        expected = pytest.approx(oracle(X, p), rel=1e-6, abs=1e-6 + rounding)
        assert em.log_likelihood_ == expected
        assert em.score_samples(X).sum() == expected
        assert np.allclose(em.predict_proba(X).sum(axis=1), 1.0)
