"""Labels drawn from a posterior, against densities computed draw by draw."""

import numpy as np
import pytest
import synthetic
import xarray as xr

import bayesgmm as bg
import bayesgmm.blocks
from bayesgmm.errors import InputError

NEAR = {**synthetic.TWO_GROUPS, "means": [[-0.6, 0.0], [0.6, 0.5]]}


@pytest.fixture(scope="module")
def posterior():
    rng = np.random.default_rng(0)
    X = synthetic.observations(NEAR, 30, rng)
    chains = [synthetic.perturbed(NEAR, 2000, rng, 0.3) for _ in range(2)]
    return synthetic.tree(X, chains)


def test_labels_are_as_frequent_as_they_are_probable(posterior):
    group = posterior["posterior"]
    X = posterior["constant_data"]["X"].values
    arrays = [group[name].values for name in ("weights", "means", "covariances")]
    draws = zip(*(a.reshape(-1, *a.shape[2:]) for a in arrays), strict=True)
    joints = np.exp([synthetic.joint(X, *draw) for draw in draws])
    p = (joints / joints.sum(axis=2, keepdims=True))[..., 1]
    labels = bg.draw_labels(posterior)
    assert labels.dims == ("chain", "draw", "obs_id")
    ones = (labels.values.reshape(-1, 30) == 1).sum(0)
    errors = (ones - p.sum(0)) / np.sqrt((p * (1 - p)).sum(0))
    assert np.abs(errors).max() < 4.0  # false alarm of 30: 0.2 %
    assert np.std(errors) > 0.5  # they are draws, and not the likeliest labels


def test_the_size_of_blocks_changes_nothing(posterior, monkeypatch):
    whole = bg.draw_labels(posterior, n_draws=100, random_seed=3)
    assert whole.sizes == {"chain": 2, "draw": 100, "obs_id": 30}
    assert whole["draw"].values[[0, -1]].tolist() == [0, 1999]
    monkeypatch.setattr(bayesgmm.blocks, "BLOCK_BYTES", 8 * 200 * 2 * 7)
    xr.testing.assert_identical(
        bg.draw_labels(posterior, n_draws=100, random_seed=3), whole
    )
    other = bg.draw_labels(posterior, n_draws=100, random_seed=4)
    assert (other != whole).any()


def test_absent_components_and_noise():
    from bayesgmm.label_draws import _invert

    shares = np.tile([0.3, 0.7, 0.0], (1, 3, 1))
    uniform = np.array([[0.0, 0.3, 1.0 - 2**-53]])
    assert _invert(shares, uniform).tolist() == [[0, 1, 1]]
    assert _invert(shares * (1 + 2**-50), uniform).max() == 1


def test_known_labels_stay_and_noise_is_minus_one():
    X = bg.datasets.load("galaxies")
    labels = np.where(X["velocity"].to_numpy() < 11.0, 0, -1)
    em = bg.GaussianMixture(2, noise=True, random_state=0).fit(X)
    settings = {"draws": 50, "tune": 50, "chains": 2, "random_seed": 1}
    priors = bg.default_priors(X, 2, kind="conjugate")
    model = bg.build_model(X, 2, priors=priors, init=em, labels=labels, noise=True)
    posterior = bg.sample(model, method="gibbs", progress=False, **settings)
    drawn = bg.draw_labels(posterior)
    assert (drawn.values[..., labels == 0] == 0).all()
    assert set(np.unique(drawn)) <= {-1, 0, 1}
    assert drawn.dtype == np.int8


@pytest.mark.parametrize(("n_draws", "text"), [(0, "whole number"), (9999, "at most")])
def test_bad_input_is_refused(posterior, n_draws, text):
    with pytest.raises(InputError, match=text):
        bg.draw_labels(posterior, n_draws=n_draws)
