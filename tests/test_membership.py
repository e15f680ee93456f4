"""Memberships, against densities computed draw by draw."""

from importlib import import_module

import numpy as np
import pandas as pd
import pytest
import synthetic
import xarray as xr

import bayesgmm.blocks
from bayesgmm.errors import InputError
from bayesgmm.membership import membership

NAMES = ["length", "width"]
BOTH = ["probability", "probability_sd", "probability_lower", "probability_upper"]
ENTROPIES = ["entropy", "assignment_entropy", "parameter_entropy"]


@pytest.fixture(scope="module")
def posterior():
    rng = np.random.default_rng(0)
    near = {**synthetic.TWO_GROUPS, "means": [[-0.6, 0.0], [0.6, 0.5]]}
    X = synthetic.observations(near, 30, rng)
    chains = [synthetic.perturbed(near, 50, rng, 0.3) for _ in range(2)]
    return synthetic.resolved(synthetic.tree(X, chains, names=NAMES))


@pytest.fixture(scope="module")
def expected(posterior):
    """Return p (draw, observation, component) from the definition."""
    X = posterior["constant_data"]["X"].values
    names = ("weights", "means", "covariances")
    arrays = [posterior["posterior"][name].values for name in names]
    draws = zip(*(a.reshape(-1, *a.shape[2:]) for a in arrays), strict=True)
    joints = np.exp([synthetic.joint(X, *draw) for draw in draws])
    return joints / joints.sum(axis=2, keepdims=True)


def test_summaries_are_those_of_the_draws(posterior, expected):
    found = membership(posterior, probability=0.8)
    close = {"rtol": 1e-10, "atol": 1e-12}
    np.testing.assert_allclose(found["probability"], expected.mean(0), **close)
    np.testing.assert_allclose(found["probability_sd"], expected.std(0), **close)
    for name, at in (("probability_lower", 0.1), ("probability_upper", 0.9)):
        np.testing.assert_allclose(found[name], np.quantile(expected, at, 0), **close)
    np.testing.assert_array_equal(found["label"], expected.mean(0).argmax(1))
    gap = np.abs(np.diff(expected.mean(0), axis=1))[:, 0]
    np.testing.assert_allclose(found["margin"], gap, **close)
    assert found.attrs["interval_probability"] == 0.8


def test_entropy_is_what_overlap_and_unknown_parameters_cause(posterior, expected):
    found = membership(posterior)
    mean = expected.mean(0)
    total = -(mean * np.log(mean)).sum(1)
    overlap = -(expected * np.log(expected)).sum(2).mean(0)
    np.testing.assert_allclose(found["entropy"], total)
    np.testing.assert_allclose(found["assignment_entropy"], overlap)
    np.testing.assert_allclose(found["parameter_entropy"], total - overlap)
    assert (found["parameter_entropy"] > 0).all()
    assert all(found[name].attrs["units"] == "nats" for name in ENTROPIES)


def test_known_parameters_leave_no_parameter_entropy(posterior):
    found = membership(posterior.isel(chain=[0], draw=[3]))
    assert (found["parameter_entropy"] == 0).all()
    assert (found["probability_sd"] == 0).all()


def test_known_labels_are_known(posterior, expected):
    """A row may be of one component, or of some, or anything but noise."""
    allowed = np.ones((30, 2), dtype=np.int8)
    allowed[3], allowed[8] = [0, 1], [1, 0]
    kept = (("obs_id", "component"), allowed)
    tree = synthetic.changed(posterior, "constant_data", allowed=kept)
    shares = expected * allowed
    shares /= shares.sum(axis=2, keepdims=True)
    X = pd.DataFrame(tree["constant_data"]["X"].values, columns=NAMES)
    for rows, given in ((slice(None), None), (slice(2, 9), X[2:9])):
        found = membership(tree, given)
        np.testing.assert_allclose(found["probability"], shares.mean(0)[rows])
        np.testing.assert_allclose(
            found["probability_sd"], shares.std(0)[rows], atol=1e-12
        )
    known = found.sel(obs_id=[3, 8])
    assert known["label"].values.tolist() == [1, 0]
    assert (known["entropy"] == 0).all()
    new = membership(tree, X + 1e-9)
    np.testing.assert_allclose(new["probability"], expected.mean(0), rtol=1e-6)


def test_names_and_dimensions(posterior):
    X = posterior["constant_data"]["X"].values
    frame = pd.DataFrame(X, columns=NAMES, index=[f"row {i}" for i in range(30)])
    found = membership(posterior, frame)
    assert list(found["obs_id"].values) == list(frame.index)
    assert list(found["component"].values) == [0, 1]
    assert all(found[name].dims == ("obs_id", "component") for name in BOTH)
    assert all(
        found[name].dims == ("obs_id",) for name in ("label", "margin", *ENTROPIES)
    )
    by_default = membership(posterior)
    xr.testing.assert_equal(by_default.drop_vars("obs_id"), found.drop_vars("obs_id"))


def test_blocks_do_not_show(posterior, monkeypatch):
    whole = membership(posterior)
    monkeypatch.setattr(bayesgmm.blocks, "BLOCK_BYTES", 8 * 100 * 2 * 7)
    sizes = []
    blocks = bayesgmm.blocks.responsibilities_of

    def counted(*arguments):
        for rows, block in blocks(*arguments):
            sizes.append(len(block[0]))
            yield rows, block

    # The package's attribute of this name is the function.
    module = import_module("bayesgmm.membership")
    monkeypatch.setattr(module, "responsibilities_of", counted)
    xr.testing.assert_allclose(membership(posterior), whole, rtol=1e-12)
    assert sizes == [7, 7, 7, 7, 2]


def test_new_observations_far_from_all_have_finite_memberships(posterior):
    found = membership(posterior, np.array([[1e4, -1e4], [0.0, 0.0]]))
    assert all(np.isfinite(found[name]).all() for name in found.data_vars)
    np.testing.assert_allclose(found["probability"].sum("component"), 1.0)


def test_one_component_owns_everything():
    rng = np.random.default_rng(0)
    one = {"weights": [1.0], "means": [[0.0]], "covariances": [[[1.0]]]}
    X = synthetic.observations(one, 5, rng)
    found = membership(synthetic.tree(X, [synthetic.perturbed(one, 10, rng)]))
    assert (found["probability"] == 1).all()
    assert (found["margin"] == 1).all()
    assert (found["entropy"] == 0).all()


def test_bad_input_is_refused(posterior):
    with pytest.raises(InputError, match="`X` must have the 2 features of the fit"):
        membership(posterior, np.zeros((3, 1)))
    with pytest.raises(
        InputError, match=r"have the columns of the fit \(length, width"
    ):
        membership(posterior, pd.DataFrame(np.zeros((3, 2)), columns=["a", "b"]))
    with pytest.raises(InputError, match="`probability` must be between 0 and 1"):
        membership(posterior, probability=90)
