"""Labels drawn from a posterior, against densities computed draw by draw."""

import numpy as np
import pandas as pd
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


@pytest.fixture(scope="module")
def joints(posterior):
    """Return p(x, k) in every draw, (n_samples, n_rows, n_components)."""
    group = posterior["posterior"]
    X = posterior["constant_data"]["X"].values
    arrays = [group[name].values for name in ("weights", "means", "covariances")]
    draws = zip(*(a.reshape(-1, *a.shape[2:]) for a in arrays), strict=True)
    return np.exp([synthetic.joint(X, *draw) for draw in draws])


def deviations(found, p):
    """Return by row how far frequencies are from probabilities, in standard errors."""
    return np.abs(found.sum(0) - p.sum(0)) / np.sqrt((p * (1 - p)).sum(0))


def test_labels_are_as_frequent_as_they_are_probable(posterior, joints):
    p = (joints / joints.sum(axis=2, keepdims=True))[..., 1]
    labels = bg.draw_labels(posterior)
    assert labels.dims == ("chain", "draw", "obs_id")
    errors = deviations(labels.values.reshape(-1, 30) == 1, p)
    assert errors.max() < 4.0  # false alarm of 30: 0.2 %
    assert np.sqrt(np.mean(errors**2)) > 0.5  # draws, and not the likeliest labels


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


def test_noise_is_minus_one_and_as_frequent_as_it_is_probable(posterior, joints):
    drawn = bg.draw_labels(synthetic.with_noise(posterior, 0.3, edge=8.0))
    assert drawn.dtype == np.int8
    noise = 0.3 / 8.0**2
    own = 0.7 * joints
    total = noise + own.sum(axis=2)
    labels = drawn.values.reshape(-1, 30)
    for label, p in ((-1, noise / total), (1, own[..., 1] / total)):
        assert deviations(labels == label, p).max() < 4.2  # of 60: 0.2 %


def test_known_labels_stay_wherever_the_rows_are(posterior):
    labels = np.full(30, -1)
    labels[[2, 4, 29]] = 0, 1, 0
    tree = synthetic.with_noise(synthetic.with_labels(posterior, labels))
    drawn = bg.draw_labels(tree, n_draws=50)
    assert (drawn.values[..., [2, 4, 29]] == [0, 1, 0]).all()
    X = tree["constant_data"]["X"].values
    xr.testing.assert_identical(bg.draw_labels(tree, X, n_draws=50), drawn)
    some = bg.draw_labels(tree, pd.DataFrame(X).iloc[[29, 4, 9]], n_draws=50)
    assert (some.values[..., :2] == [0, 1]).all()
    assert np.unique(some[..., 2]).size > 1
    others = bg.draw_labels(tree, X + 1e-9, n_draws=50)
    assert all(np.unique(others[..., row]).size > 1 for row in (2, 4, 29))


@pytest.mark.parametrize(("n_draws", "text"), [(0, "whole number"), (9999, "at most")])
def test_bad_input_is_refused(posterior, n_draws, text):
    with pytest.raises(InputError, match=text):
        bg.draw_labels(posterior, n_draws=n_draws)
