"""Which rows are decided, and which are listed as ambiguous."""

from itertools import chain, combinations

import numpy as np
import pandas as pd
import pytest
import synthetic
import xarray as xr

import bayesgmm as bg
from bayesgmm.errors import InputError


def of(probability, components=None):
    """Return what `membership` would of these probabilities, as far as it is read."""
    p = np.asarray(probability, dtype=float)
    both = ("obs_id", "component")
    return xr.Dataset(
        {
            "probability": (both, p),
            "probability_lower": (both, p / 2),
            "probability_upper": (both, (1 + p) / 2),
            "label": ("obs_id", p.argmax(1)),
            "entropy": ("obs_id", np.full(len(p), 0.5)),
            "parameter_entropy": ("obs_id", np.full(len(p), 0.1)),
        },
        {
            "obs_id": [f"row {i}" for i in range(len(p))],
            "component": components or list(range(p.shape[1])),
        },
    )


def most_rows(errors, rate):
    """Return the largest set of rows whose mean error is `rate` at most, by trying."""
    n = range(len(errors))
    every = chain.from_iterable(combinations(n, m) for m in range(1, len(errors) + 1))
    good = [rows for rows in every if np.mean([errors[i] for i in rows]) <= rate]
    return set(max(good, key=len, default=()))


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.05, 0.1, 0.2, 0.9])
def test_as_many_rows_are_decided_as_the_rate_allows(rate):
    rng = np.random.default_rng(3)
    best = 1 - np.array([0.011, 0.02, 0.05, 0.09, 0.17, 0.26, 0.33, 0.49])
    best = rng.permutation(best)
    found = bg.confident_labels(of(np.column_stack([best, 1 - best])), rate)
    decided = np.flatnonzero(found["decided"])
    assert len(decided) == len(most_rows(1 - best, rate))
    assert set(decided) == set(np.argsort(-best)[: len(decided)])
    assert found.attrs["n_decided"] == len(decided)
    expected = (1 - best)[decided].mean() if len(decided) else 0.0
    assert found.attrs["expected_error"] == pytest.approx(expected)
    assert found.attrs["error_of_all"] == pytest.approx((1 - best).mean())
    np.testing.assert_allclose(found["error"], 1 - best)


def test_labels_names_and_undecided():
    found = bg.confident_labels(
        of([[0.99, 0.01, 0], [0, 0.4, 0.6], [0, 0.03, 0.97]], ["low", "mid", "high"])
    )
    assert found["label"].values.tolist() == [0, -2, 2]
    assert found["name"].values.tolist() == ["low", "undecided", "high"]
    assert found["decided"].values.tolist() == [True, False, True]
    assert found["obs_id"].values.tolist() == ["row 0", "row 1", "row 2"]


def test_noise_keeps_its_label():
    given = of([[0.9, 0.1], [0.0, 1.0]], ["low", "noise"])
    given["label"][:] = [0, -1]
    found = bg.confident_labels(given)
    assert found["label"].values.tolist() == [0, -1]
    assert found["name"].values.tolist() == ["low", "noise"]


def test_rows_as_sure_as_each_other_are_decided_alike():
    p = [[1.0, 0.0], [0.9, 0.1], [0.9, 0.1], [0.9, 0.1]]
    assert bg.confident_labels(of(p), 0.06)["decided"].values.tolist() == [
        True,
        False,
        False,
        False,
    ]
    assert bg.confident_labels(of(p), 0.08)["decided"].all()


def test_ambiguous_rows_come_most_ambiguous_first():
    found = bg.ambiguous_rows(
        of([[0.8, 0.15, 0.05], [0.95, 0.05, 0], [0.1, 0.4, 0.5], [0.45, 0.1, 0.45]])
    )
    expected = pd.DataFrame(
        {
            "likeliest": [0, 2, 0],
            "probability": [0.45, 0.5, 0.8],
            "lower": [0.225, 0.25, 0.4],
            "upper": [0.725, 0.75, 0.9],
            "second": [2, 1, 1],
            "second_probability": [0.45, 0.4, 0.15],
            "parameter_share": [0.2, 0.2, 0.2],
        },
        index=pd.Index(["row 3", "row 2", "row 0"], name="obs_id"),
    )
    pd.testing.assert_frame_equal(found, expected)


def test_one_component_leaves_nothing_to_decide():
    one = of([[1.0], [1.0]])
    assert bg.confident_labels(one, 0.0)["decided"].all()
    assert len(bg.ambiguous_rows(one, 1.0)) == 0


def test_they_take_what_membership_returns():
    rng = np.random.default_rng(0)
    near = {**synthetic.TWO_GROUPS, "means": [[-0.6, 0.0], [0.6, 0.5]]}
    X = synthetic.observations(near, 40, rng)
    posterior = synthetic.tree(X, [synthetic.perturbed(near, 50, rng, 0.3)])
    found = bg.membership(synthetic.resolved(posterior))
    listed = bg.ambiguous_rows(found)
    best = found["probability"].max("component")
    assert set(listed.index) == set(np.flatnonzero(best < 0.9))
    assert listed["parameter_share"].between(0, 1).all()
    decided = bg.confident_labels(found, 0.05)
    assert 0 < decided.attrs["n_decided"] < 40
    assert decided.attrs["expected_error"] <= 0.05


def test_known_rows_are_known():
    rng = np.random.default_rng(0)
    near = {**synthetic.TWO_GROUPS, "means": [[-0.6, 0.0], [0.6, 0.5]]}
    X = synthetic.observations(near, 40, rng)
    posterior = synthetic.tree(X, [synthetic.perturbed(near, 50, rng, 0.3)], lp=False)
    posterior = synthetic.resolved(posterior)
    likely = bg.membership(posterior)
    doubt = np.argsort(likely["margin"].values)[:5]
    labels = np.full(40, -1)
    labels[doubt] = 1 - likely["label"].values[doubt]
    found = bg.membership(synthetic.with_labels(posterior, labels))
    decided = bg.confident_labels(found, error_rate=0.0)
    assert decided["label"].values[doubt].tolist() == labels[doubt].tolist()
    assert (decided["error"].values[doubt] == 0).all()
    assert not set(doubt) & set(bg.ambiguous_rows(found, 1.0).index)


@pytest.mark.parametrize(
    ("probability", "got"),
    [
        ([[0.5, 0.5], [np.nan, 0.5]], "nan, 0.5 in row 1"),
        ([[0.5, 0.5, 0, 0], [1.2, 0, -0.2, 0]], r"1.2, 0, -0.2, ... in row 1"),
        ([[0.6, 0.5]], "0.6, 0.5 in row 0"),
        ([[1.0, 0.0], [0.5, 0.4]], "0.5, 0.4 in row 1"),
    ],
)
def test_what_are_no_probabilities_is_refused(probability, got):
    for use in (bg.confident_labels, bg.ambiguous_rows):
        with pytest.raises(InputError, match=f"sum to 1 over .* got {got}"):
            use(of(probability))


def test_rounded_probabilities_are_probabilities():
    p = np.random.default_rng(0).dirichlet(np.ones(3), 20).astype(np.float32)
    assert bg.confident_labels(of(p), 0.9)["decided"].any()


def test_what_is_no_membership_is_refused():
    good = of([[0.5, 0.5], [0.2, 0.8]])
    for wrong, text in (
        (xr.DataTree(), "be an xarray.Dataset; got a DataTree"),
        (good["probability"], "be an xarray.Dataset; got a DataArray"),
        (good.drop_vars("entropy"), "have `entropy` .* got no such variable"),
        (good.isel(component=0), r"have `probability` .* got \('obs_id',\)"),
        (good.isel(component=[0]), ".* sum to 1 over .* got 0.5 in row 0"),
        (good.isel(obs_id=[]), "have a coordinate `obs_id` of one or more"),
        (good.drop_vars("component"), "have a coordinate `component` of one or more"),
    ):
        for use in (bg.confident_labels, bg.ambiguous_rows):
            with pytest.raises(InputError, match=f"`membership` must {text}"):
                use(wrong)


def test_bad_input_is_refused():
    good = of([[0.5, 0.5]])
    with pytest.raises(InputError, match="`error_rate` must be at least 0 and below 1"):
        bg.confident_labels(good, 1.0)
    with pytest.raises(InputError, match="`below` must be above 0 and at most 1"):
        bg.ambiguous_rows(good, 90)
