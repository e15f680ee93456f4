"""Chains at several optima, and the weights with which they predict best."""

import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.errors import InputError
from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.dispersed import dispersed_starts
from bayesgmm.stacking import stacking_weights


def cross(n=100):
    """Four groups at the corners of a rectangle: two components pair them two ways."""
    rng = np.random.default_rng(8)
    corners = np.array([[0, 0], [0, 5.0], [5.5, 0], [5.5, 5.0]])
    return np.repeat(corners, n // 4, axis=0) + rng.standard_normal((n, 2))


@pytest.fixture(scope="module")
def fitted():
    em = bg.GaussianMixture(2, n_init=20, random_state=0).fit(cross())
    return em, bg.build_model(cross(), 2, init=em)


@pytest.fixture(scope="module")
def dispersed(fitted):
    settings = {"draws": 200, "tune": 200, "random_seed": 1, "progress": False}
    return bg.sample(fitted[1], init="dispersed", chains=4, **settings)


def test_starts_are_the_optima(fitted):
    """Weights, means and covariances at every start are those of an optimum of EM."""
    em, model = fitted
    assert len(model.target.optima) > 1
    flat = FlatModel(model)
    starts = dispersed_starts(flat)
    assert len(starts) == len(model.target.optima)
    names = ("weights", "means", "covariances")
    read = flat.quantities([model[name] for name in names])
    for start, optimum in zip(starts, model.target.optima, strict=True):
        order = np.argsort(read(start)[1][:, 0])
        wanted = np.argsort(optimum.means[:, 0])
        for name, value in zip(names, read(start), strict=True):
            expected = getattr(optimum, name)[wanted]
            np.testing.assert_allclose(value[order], expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(read(starts[0])[1], em.means_, rtol=1e-9)


def test_dispersed_chains_see_other_solutions(fitted, dispersed):
    """From EM's best alone all chains agree, and none knows of the other pairing."""
    diagnosis = bg.diagnose(dispersed, fitted[0])
    assert diagnosis.chains["solution"].max() > 0
    assert diagnosis.r_hat > 1.5


def test_dispersed_needs_optima_and_a_method_that_can(fitted):
    with pytest.raises(InputError, match="only where EM has found optima"):
        bg.sample(bg.build_model(cross(), 2), init="dispersed", progress=False)
    with pytest.raises(InputError, match="not be 'dispersed' for `method='laplace'`"):
        bg.sample(fitted[1], init="dispersed", method="laplace", progress=False)


def test_weights_of_models_that_each_explain_some_rows():
    """A row has a density under one model alone: its share of rows is its weight."""
    owner = np.array([0] * 3 + [1] * 6 + [2])
    scores = np.where(owner == np.arange(3)[:, None], -2.0, -200.0)
    weights = stacking_weights(scores, np.ones(10))
    np.testing.assert_allclose(weights, [0.3, 0.6, 0.1], atol=1e-5)
    weights = stacking_weights(scores, np.where(owner == 2, 11.0, 1.0))
    np.testing.assert_allclose(weights, [0.15, 0.3, 0.55], atol=1e-5)


def test_a_model_that_is_worse_everywhere_has_no_weight():
    scores = np.random.default_rng(0).standard_normal((1, 50)) - [[1000.0], [1001.0]]
    np.testing.assert_allclose(stacking_weights(scores, np.ones(50)), [1, 0], atol=1e-6)


def test_stacked_chains(dispersed):
    stacked = bg.stack_chains(dispersed)
    assert stacked.weights.sum() == pytest.approx(1.0)
    best = stacked.table["elpd"].max()
    assert stacked.elpd >= best - 1e-6
    assert len(stacked.table) > 1
    for _, row in stacked.table.iterrows():
        chains = [int(c) for c in row["chains"].split(", ")]
        np.testing.assert_allclose(stacked.weights[chains], row["weight"] / len(chains))
    assert "elpd" in str(stacked)


def test_draws_are_taken_by_weight(dispersed):
    stacked = bg.stack_chains(dispersed)
    assert isinstance(stacked.posterior, xr.DataTree)
    taken = stacked.posterior["posterior"]
    assert taken["means"].shape == (1, 200, 2, 2)
    original = dispersed["posterior"]["means"].values
    for chain, weight in stacked.weights.items():
        equal = (taken["means"].values[0][:, None] == original[chain]).all((2, 3))
        assert abs(equal.any(1).sum() - 200 * weight) <= 1
    assert bg.membership(stacked.posterior).sizes["obs_id"] == 100


def test_elpd_of_one_solution_is_that_of_loo(fitted):
    settings = {"draws": 100, "tune": 200, "random_seed": 1, "progress": False}
    posterior = bg.sample(fitted[1], chains=2, **settings)
    stacked = bg.stack_chains(posterior)
    assert len(stacked.table) == 1
    assert stacked.elpd == pytest.approx(float(bg.loo(posterior).elpd), rel=1e-9)
    np.testing.assert_allclose(stacked.weights, 0.5)
