"""`column_information`: against the definition, where labels are certain."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score
from synthetic import perturbed, tree

import bayesgmm as bg
from bayesgmm.errors import InputError

APART = {
    "weights": [0.2, 0.3, 0.5],
    "means": [[-60.0], [0.0], [50.0]],
    "covariances": [[[0.5]], [[1.0]], [[1.5]]],
}
LABELS = np.repeat([0, 1, 2], [40, 60, 100])


@pytest.fixture(scope="module")
def posterior():
    rng = np.random.default_rng(1)
    X = np.array(APART["means"])[LABELS] + rng.normal(size=(200, 1))
    return tree(X, [perturbed(APART, 5, rng, 0.001) for _ in range(2)], lp=False)


def by_definition(column, labels):
    """Mutual information, less its first-order bias, by the entropy of labels."""
    cells = len(set(zip(column, labels, strict=True)))
    surplus = cells - len(set(column)) - len(set(labels)) + 1
    information = mutual_info_score(column, labels) - surplus / (2 * len(labels))
    return information / entropy(np.bincount(labels) / len(labels))


def test_of_few_values_it_is_the_uncertainty_coefficient(posterior):
    column = np.random.default_rng(2).permutation(3 * LABELS)
    column[:120] = 0
    found = bg.column_information(posterior, pd.DataFrame({"a": column}))
    expected = by_definition(column, LABELS)
    assert 0.05 < expected < 0.95
    np.testing.assert_allclose(found.loc["a"], [expected, 0, expected, expected])


def telling():
    """Return a column of three values that says something of the labels."""
    rng = np.random.default_rng(2)
    return np.where(rng.random(200) < 0.6, LABELS, rng.integers(0, 3, 200))


def test_what_gives_the_group_away_comes_first(posterior):
    rng = np.random.default_rng(3)
    columns = {"noise": rng.normal(size=200), "half": LABELS > 1, "all": LABELS}
    found = bg.column_information(posterior, pd.DataFrame(columns))
    assert found.index.tolist() == ["all", "half", "noise"]
    assert found["mean"].iloc[0] == pytest.approx(1.0)
    assert found.loc["noise", "mean"] < 0.05


def test_a_spread_of_its_own_tells_as_well_as_a_mean(posterior):
    scale = np.array([0.01, 1.0, 100.0])[LABELS]
    values = scale * np.random.default_rng(4).normal(size=200)
    found = bg.column_information(posterior, pd.DataFrame({"a": values}))
    assert found.loc["a", "mean"] > 0.4


def test_logarithms_and_units_change_nothing(posterior):
    values = np.exp(np.random.default_rng(5).normal(LABELS, 1.0))
    columns = {"a": values, "log": np.log(values), "far": 1e6 + 3 * values}
    found = bg.column_information(posterior, pd.DataFrame(columns))
    assert found.loc["a"].tolist() == found.loc["log"].tolist()
    assert found.loc["a"].tolist() == found.loc["far"].tolist()


def test_missing_values_are_left_out(posterior):
    column = telling().astype(float)
    column[::3] = np.nan
    seen = ~np.isnan(column)
    found = bg.column_information(posterior, pd.DataFrame({"a": column}))
    expected = by_definition(column[seen], LABELS[seen])
    assert expected > 0.1
    assert found.loc["a", "mean"] == pytest.approx(expected, abs=1e-12)


def test_a_weight_of_three_is_a_row_three_times(posterior):
    column, weight = telling(), np.where(LABELS > 1, 3.0, 1.0)
    weighted = posterior.copy()
    weighted["constant_data"] = weighted["constant_data"].dataset.assign(
        sample_weight=("obs_id", weight)
    )
    found = bg.column_information(weighted, pd.DataFrame({"a": column}))
    times = weight.astype(int)
    expected = by_definition(np.repeat(column, times), np.repeat(LABELS, times))
    assert found.loc["a", "mean"] == pytest.approx(expected, abs=1e-12)


def test_one_group_leaves_nothing_to_tell(posterior):
    one = posterior.copy()
    one["posterior"] = one["posterior"].dataset.isel(component=[0])
    assert bg.column_information(one)["mean"].isna().all()


def test_rows_without_weight_tell_nothing(posterior):
    weight = np.where(np.arange(200) % 2, 1.0, 0.0)
    weighted = posterior.copy()
    weighted["constant_data"] = weighted["constant_data"].dataset.assign(
        sample_weight=("obs_id", weight)
    )
    seen = pd.DataFrame({"a": np.where(weight > 0, np.nan, LABELS)})
    assert bg.column_information(weighted, seen).isna().all(axis=None)


def test_bad_settings_are_refused(posterior):
    with pytest.raises(InputError, match="`probability` must be between 0 and 1"):
        bg.column_information(posterior, probability=1.0)
    with pytest.raises(InputError, match="`data` must have the rows of the mixture"):
        bg.column_information(posterior, pd.DataFrame({"a": [1.0, 2.0]}))
