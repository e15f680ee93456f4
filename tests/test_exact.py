"""Every sampler against enumerated posteriors of all conjugate families."""

import warnings

import numpy as np
import pytest
from judging import (
    assert_similarity,
    conjugate_priors,
    ess,
    fill_absent,
    joints,
    read,
    together,
    z_score,
)
from oracle_posterior import Enumerated
from scipy import stats
from scipy.special import logsumexp
from some_slow import some_slow

import bayesgmm as bg
from bayesgmm.errors import PosteriorWarning
from bayesgmm.priors import Dirichlet, SizeProbabilities

FAMILIES = ("full", "tied", "diag", "spherical", "EEI", "EII")
some_families = pytest.mark.parametrize("family", some_slow(FAMILIES, ("full", "EEI")))
PRIOR = {
    "m0": [0.5, -0.5],
    "kappa0": 0.2,
    "nu0": 5.0,
    "S0": [[2.0, 0.6], [0.6, 1.0]],
}
# Two groups that touch, so that allocations are in doubt.
X = np.array(
    [
        [-1.3, -0.9],
        [-0.6, -1.4],
        [-0.9, 0.2],
        [0.1, -0.6],
        [1.2, 0.9],
        [1.9, 0.4],
        [1.1, 1.6],
        [0.7, 0.3],
    ]
)
POINTS = np.array([[-1.0, -0.7], [1.3, 0.8], [0.3, 0.1], [2.2, -0.8]])
QUIET = {"progress": False, "random_seed": 11}


def priors_of(concentration, sizes=None):
    return conjugate_priors({"prior": PRIOR}, Dirichlet(concentration), sizes)


# -- the enumeration itself --------------------------------------------------------


@pytest.mark.parametrize("case", range(4))
def test_enumeration_is_the_trusted_one(golden, case):
    truth = golden("exact_tiny_conjugate.json")["cases"][case]
    exact = Enumerated(truth["data"], truth["K"], truth["alpha"], truth["prior"])
    assert exact.log_evidence == pytest.approx(truth["logml"], abs=1e-10)
    np.testing.assert_allclose(exact.similarity, truth["psm"], atol=1e-10)
    np.testing.assert_allclose(exact.filled, truth["P_occupied"], atol=1e-10)
    assert exact.mean_squared_weights == pytest.approx(truth["E_sum_w_squared"])
    densities = [np.exp(exact.log_density(x)) for x in truth["grid"][:3]]
    np.testing.assert_allclose(densities, truth["posterior_mean_density"][:3])
    np.testing.assert_allclose(exact.leave_one_out(), truth["loo_log_predictive"])


@some_families
def test_enumeration_is_the_average_over_the_prior(family):
    """The evidence of three rows, by draws of SciPy's distributions."""
    rows, n = X[[0, 4, 5]], 200_000
    rng = np.random.default_rng(8)
    weights = rng.dirichlet([0.7, 0.7], n)
    covariances = prior_covariances(family, n, rng)
    lower = np.linalg.cholesky(covariances / PRIOR["kappa0"])
    means = PRIOR["m0"] + (lower @ rng.normal(size=(n, 2, 2, 1)))[..., 0]
    logs = joints(rows, weights[None], means[None], covariances[None])[0]
    likelihoods = np.exp(logsumexp(logs, axis=-1).sum(-1))
    exact = np.exp(Enumerated(rows, 2, 0.7, PRIOR, family).log_evidence)
    error = likelihoods.std() / np.sqrt(n)
    assert abs(likelihoods.mean() - exact) < 4 * error
    assert error < 0.03 * exact


def prior_covariances(family, n, rng):
    nu, scale, copies = PRIOR["nu0"], np.array(PRIOR["S0"]), 2
    if family in ("tied", "EEI", "EII"):
        copies = 1
    if family in ("full", "tied"):
        drawn = stats.invwishart(nu, scale).rvs(n * copies, rng)
        drawn = drawn.reshape(n, copies, 2, 2)
    else:
        diagonal = np.diag(scale)
        if family in ("spherical", "EII"):
            diagonal = diagonal[:1] * 0 + diagonal.mean()
        size = (n, copies, len(diagonal))
        variances = stats.invgamma(nu / 2, scale=diagonal / 2).rvs(size, rng)
        drawn = variances[..., None] * np.eye(2)
    return np.broadcast_to(drawn, (n, 2, 2, 2))


# -- samplers ----------------------------------------------------------------------


def assert_exact(posterior, cases):
    """Weights, densities and pairs within 4 Monte Carlo standard errors.

    `cases` are pairs of probabilities and enumerated posteriors.
    """
    weights, *others = read(posterior)
    arrays = weights, *fill_absent(weights, *others)
    squares = (weights**2).sum(-1)
    assert abs(z_score(squares, mean(cases, "mean_squared_weights"))) < 4
    densities = np.exp(logsumexp(joints(POINTS, *arrays), axis=-1))
    for i, x in enumerate(POINTS):
        expected = sum(p * np.exp(exact.log_density(x)) for p, exact in cases)
        assert abs(z_score(densities[:, :, i], expected)) < 4
    assert_similarity(together(X, *arrays), mean(cases, "similarity"))


def mean(cases, name):
    return sum(p * getattr(exact, name) for p, exact in cases)


@some_families
def test_gibbs_is_the_enumerated_posterior(family):
    posterior = bg.sample(
        X, 2, family, method="gibbs", priors=priors_of(0.7), draws=8000, **QUIET
    )
    assert_exact(posterior, [(1.0, Enumerated(X, 2, 0.7, PRIOR, family))])


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_nuts_is_the_enumerated_posterior(family):
    """The same priors as those of Gibbs sampling are the same posterior."""
    posterior = bg.sample(X, 2, family, priors=priors_of(0.7), draws=3000, **QUIET)
    assert_exact(posterior, [(1.0, Enumerated(X, 2, 0.7, PRIOR, family))])


@pytest.mark.parametrize(("family", "shared"), [("full", False), ("diag", True)])
def test_telescoping_is_the_enumerated_posterior(family, shared):
    """Up to three components; if shared, each has its part of the concentration."""
    check_telescoping(family, shared, 3000)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_telescoping_is_the_enumerated_posterior_long(family, shared):
    check_telescoping(family, shared, 10_000)


def check_telescoping(family, shared, draws):
    sizes = np.array([0.5, 0.3, 0.2])
    weights = Dirichlet(0.7, shared=shared)
    priors = conjugate_priors({"prior": PRIOR}, weights, SizeProbabilities(sizes))
    posterior = bg.sample(
        X, 2, family, method="telescoping", priors=priors, draws=draws, **QUIET
    )
    exact = [
        Enumerated(X, k, 0.7 / k if shared else 0.7, PRIOR, family) for k in (1, 2, 3)
    ]
    odds = sizes * np.exp([one.log_evidence for one in exact])
    p, drawn, size = odds / odds.sum(), posterior["posterior"], posterior["size"]
    z = (size["probability"] - p) / size["probability_se"]
    assert np.abs(z).max() < stats.t.isf(1e-4 / 6, 3)
    filled = p @ [np.pad(one.filled, (0, 3 - one.n_components)) for one in exact]
    for k in range(3):
        assert_share(drawn["n_components"].values == k + 1, p[k])
        assert_share(drawn["n_filled"].values == k + 1, filled[k])
    assert_exact(posterior, list(zip(p, exact, strict=True)))


def assert_share(hits, p):
    x = hits.astype(float)
    assert abs(x.mean() - p) < 0.001 + 4 * np.sqrt(p * (1 - p) / ess(x))


# -- what is left out --------------------------------------------------------------


@some_families
def test_leave_one_out_is_exact_or_flagged(family):
    posterior = bg.sample(
        X, 2, family, method="gibbs", priors=priors_of(0.7), draws=4000, **QUIET
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PosteriorWarning)
        found = bg.loo(posterior)
    exact = Enumerated(X, 2, 0.7, PRIOR, family).leave_one_out()
    flagged = found.pareto_k.values > found.good_k
    assert (flagged | (np.abs(found.elpd_i.values - exact) < 0.1)).all()
    assert flagged.sum() <= 2
