"""Simulation-based calibration of NUTS, Gibbs and telescoping; see `calibration`."""

import numpy as np
import pymc as pm
import pytest
from calibration import (
    N_DRAWS,
    N_REPLICATES,
    assert_calibrated,
    draw_rows,
    p_values,
    ranks_of,
)

import bayesgmm as bg
from bayesgmm.covariances import covariance_family
from bayesgmm.gibbs import gibbs
from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.prior_draws import draw_prior
from bayesgmm.marginal.run import METHODS
from bayesgmm.priors import (
    Dirichlet,
    FDistribution,
    Gamma,
    HierarchicalInverseWishart,
    InverseWishart,
    LogNormalLKJ,
    NormalGammaMeans,
    NormalMeans,
    Priors,
    ScaledNormalMeans,
    StickBreaking,
    UniformSizes,
)
from bayesgmm.sampled import Settings
from bayesgmm.target import make_target
from bayesgmm.telescoping import telescoping

N_ROWS = 20
NAMES = ("a", "b")
MATRIX = np.array([[1.5, 0.5], [0.5, 1.0]])
NORMAL = NormalMeans([0.5, -0.5], [2.0, 1.5])
WISHART = InverseWishart(6.0, 2.0 * MATRIX)
HIERARCHICAL = HierarchicalInverseWishart(6.0, 5.0, MATRIX / 2.5)


def settings(draws, tune, seed):
    return Settings(draws, tune, chains=1, cores=1, seed=seed, progress=False)


# -- Gibbs -------------------------------------------------------------------------

GIBBS = {
    "conjugate": Priors(
        Dirichlet(1.5), ScaledNormalMeans([0.5, -0.5], 0.3), WISHART, NAMES
    ),
    "shrunk": Priors(
        Dirichlet(Gamma(6.0, 4.0)),
        NormalGammaMeans([0.5, -0.5], [3.0, 2.0], 4.0, 4.0),
        HIERARCHICAL,
        NAMES,
    ),
    "sticks": Priors(StickBreaking(Gamma(6.0, 4.0)), NORMAL, WISHART, NAMES),
}


def simulate_from(priors, family, n_components):
    family = covariance_family(family, len(priors.feature_names))

    def simulate(rng):
        truth = priors.draw(rng, 1, n_components, family)
        X, _ = draw_rows(rng, {name: x[0] for name, x in truth.items()}, N_ROWS)
        return truth, X

    return simulate


def gibbs_of(priors, family, n_components, thin=20):
    def sample(X, seed):
        target = make_target(X, n_components, family, priors=priors)
        groups = gibbs(target, settings(N_DRAWS * thin, 300, seed)).groups
        return {name: x[0, ::thin] for name, x in groups["posterior"].items()}

    return sample


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "family", "n_components"),
    [("conjugate", "full", 2), ("shrunk", "diag", 3), ("sticks", "tied", 3)],
)
def test_gibbs_is_calibrated(kind, family, n_components):
    case = GIBBS[kind], family, n_components
    assert_calibrated(ranks_of(simulate_from(*case), gibbs_of(*case)))


@pytest.mark.slow
def test_a_wrong_prior_is_seen():
    """Degrees of freedom half of those the truths were drawn with."""
    priors = GIBBS["conjugate"]
    wrong = Priors(
        priors.weights, priors.means, InverseWishart(3.0, 2.0 * MATRIX), NAMES
    )
    simulate = simulate_from(priors, "full", 2)
    ranks = ranks_of(simulate, gibbs_of(wrong, "full", 2, thin=10), 100)
    assert p_values(ranks)["within"] < 1e-6


# -- an unknown number of components -----------------------------------------------

SIZES = UniformSizes(4)
TELESCOPING = {
    "static": Priors(Dirichlet(1.0), NORMAL, WISHART, NAMES, SIZES),
    "dynamic": Priors(
        Dirichlet(FDistribution(6.0, 10.0), shared=True),
        NORMAL,
        HIERARCHICAL,
        NAMES,
        SIZES,
    ),
}


def simulate_sizes_from(priors, family):
    family = covariance_family(family, len(priors.feature_names))
    probabilities = np.exp(priors.n_components.log_probabilities(4))

    def simulate(rng):
        k = 1 + rng.choice(4, p=probabilities)
        truth = priors.draw(rng, 1, k, family)
        X, labels = draw_rows(rng, {name: x[0] for name, x in truth.items()}, N_ROWS)
        sizes = {"n_components": k, "n_filled": len(np.unique(labels))}
        return truth | {name: np.array([n]) for name, n in sizes.items()}, X

    return simulate


def telescoping_of(priors, family):
    def sample(X, seed):
        target = make_target(X, 2, family, priors=priors)
        drawn = telescoping(target, settings(N_DRAWS, 20, seed), thin=25).groups
        return {name: x[0] for name, x in drawn["posterior"].items()}

    return sample


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "family"), [("static", "full"), ("dynamic", "spherical")]
)
def test_telescoping_is_calibrated(kind, family):
    case = TELESCOPING[kind], family
    assert_calibrated(ranks_of(simulate_sizes_from(*case), telescoping_of(*case)))


# -- NUTS --------------------------------------------------------------------------


@pytest.mark.slow
def test_nuts_is_calibrated():
    """One model for all data: what compiles is the same but for its numbers."""
    covariances = LogNormalLKJ([0.0, -0.2], 0.5, 2.0)
    priors = Priors(Dirichlet(2.0), NORMAL, covariances, NAMES)
    rows = np.random.default_rng(0).normal(size=(N_ROWS, 2))
    model = bg.build_model(rows, 2, priors=priors)
    flat, names = FlatModel(model), ("weights", "means", "covariances")
    quantities = flat.quantities([model[name] for name in names])
    prior, thin = draw_prior(model.target, N_REPLICATES, 1), 4
    truths = iter(range(N_REPLICATES))

    def simulate(rng):
        at = next(truths)
        truth = {name: x[at : at + 1] for name, x in prior.items()}
        X, _ = draw_rows(rng, {name: x[0] for name, x in truth.items()}, N_ROWS)
        return truth, X

    def sample(X, seed):
        pm.set_data({"X": X}, model=model)
        of_flat = METHODS["nuts"](flat, settings(N_DRAWS * thin, 200, seed))
        drawn = of_flat.values[0, ::thin]
        arrays = zip(*(quantities(one) for one in drawn), strict=True)
        return dict(zip(names, map(np.stack, arrays), strict=True))

    assert_calibrated(ranks_of(simulate, sample))
