"""The reference posterior low_dim_gauss_mix of posteriordb, by NUTS and by Gibbs."""

import numpy as np
import pymc as pm
import pytest
from judging import ess

import bayesgmm as bg
from bayesgmm.priors import Dirichlet, InverseWishart, NormalMeans, Priors

QUIET = {"progress": False, "random_seed": 4}
# Of the reference: standard deviations of means, and of those of components.
SCALE, CONCENTRATION = 2.0, 5.0


@pytest.fixture(scope="module")
def truth(golden):
    return golden("posteriordb.json")


@pytest.fixture(scope="module")
def rows(truth):
    return np.array(truth["y"])[:, None]


def assert_reference(truth, weights, means, sds, log_ratios=0.0):
    """Means within 4 standard errors, standard deviations within 5 %.

    Arrays are of shape (chain, draw, component); `log_ratios` weigh draws of another
    prior.
    """
    order = np.argsort(means, axis=-1)
    weights, means, sds = (
        np.take_along_axis(x, order, axis=-1) for x in (weights, means, sds)
    )
    ratios = np.exp(log_ratios - np.max(log_ratios)) * np.ones(means.shape[:2])
    ratios /= ratios.mean()
    for name, expected in truth["parameters"].items():
        kind, place = name[:2], int(name[-2]) - 1 if "[" in name else 0
        x = {"mu": means, "si": sds, "th": weights}[kind][..., place]
        mean = (ratios * x).mean()
        gaps = ratios * (x - mean)
        error = np.hypot(gaps.std() / np.sqrt(ess(gaps)), expected["mcse_mean"])
        assert abs(mean - expected["mean"]) < 4 * error, name
        sd = np.sqrt((ratios * (x - mean) ** 2).mean())
        assert sd == pytest.approx(expected["sd"], rel=0.05), name


def test_nuts(truth, rows):
    """The same priors, in a model of PyMC's own with the package's likelihood."""
    with pm.Model(coords={"component": range(2), "feature": ["y"]}) as model:
        weights = pm.Dirichlet("weights", np.full(2, CONCENTRATION), dims="component")
        means = pm.Normal(
            "means", 0.0, SCALE, dims=("component", "feature"), initval=[[-1], [1]]
        )
        sds = pm.HalfNormal("sds", SCALE, dims="component")
        lower = sds[:, None, None]
        bg.MvNormalMixture(
            "x", weights=weights, means=means, cholesky=lower, observed=rows
        )
    group = bg.sample(model, draws=1500, **QUIET)["posterior"]
    arrays = (group[name].values for name in ("weights", "means", "sds"))
    weights, means, sds = arrays
    assert_reference(truth, weights, means[..., 0], sds)


def test_gibbs(truth, rows):
    """Variances inverse-gamma, and draws weighed by the ratio of the two priors."""
    priors = Priors(
        Dirichlet(CONCENTRATION),
        NormalMeans([0.0], [SCALE]),
        InverseWishart(3.0, [[3.0]]),
        ("y",),
    )
    posterior = bg.sample(rows, 2, method="gibbs", priors=priors, draws=4000, **QUIET)
    group = posterior["posterior"]
    weights, means = (group[name].values for name in ("weights", "means"))
    variances = group["covariances"].values[..., 0, 0]
    half_normal = -variances / (2 * SCALE**2) - 0.5 * np.log(variances)
    inverse_gamma = -2.5 * np.log(variances) - 1.5 / variances
    log_ratios = (half_normal - inverse_gamma).sum(-1)
    assert_reference(truth, weights, means[..., 0], np.sqrt(variances), log_ratios)
