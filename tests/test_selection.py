"""A grid of mixtures: none below what it contains, and the criteria as defined."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

import bayesgmm as bg
from bayesgmm.errors import InputError

# What each family contains, one letter less free, typed from the meaning of the names.
STEPS_DOWN = {
    "EII": "",
    "VII": "EII",
    "EEI": "EII",
    "VEI": "VII EEI",
    "EVI": "EEI",
    "VVI": "VEI EVI",
    "EEE": "EEI",
    "VEE": "VEI EEE",
    "EVE": "EVI EEE",
    "VVE": "VVI VEE EVE",
    "EEV": "EEE",
    "VEV": "VEE EEV",
    "EVV": "EVE EEV",
    "VVV": "VVE VEV EVV",
}
# In one dimension.
STEPS_DOWN |= {"E": "", "V": "E"}


def within(family):
    """Return the family and all that it contains."""
    return {family}.union(*map(within, STEPS_DOWN[family].split()))


def worst_violation(table):
    """Return the most that a larger model is below one that it contains."""
    found = table.set_index(["n_components", "covariance_type"])["log_likelihood"]
    known = found.dropna()
    return max(
        value - known[size, family]
        for size, family in known.index
        for (smaller, other), value in known.items()
        if smaller <= size and other in within(family)
    )


@pytest.fixture(scope="module")
def faithful():
    return bg.datasets.load("faithful")


@pytest.fixture(scope="module")
def small(faithful):
    return bg.select(faithful, range(1, 4), random_state=0, progress=False)


def test_no_model_is_below_one_that_it_contains(small):
    assert worst_violation(small.table) <= 1e-6
    assert len(small.table) == 42


def log_joint(em, X):
    columns = [
        np.log(w) + multivariate_normal(m, c).logpdf(X)
        for w, m, c in zip(
            em.parameters_.weights,
            em.parameters_.means,
            em.parameters_.covariances,
            strict=True,
        )
    ]
    return np.column_stack(columns)


@pytest.mark.parametrize("key", [(2, "VVV"), (3, "EEE"), (1, "EII")])
def test_criteria_are_those_of_the_papers(small, faithful, key):
    row = small.table.set_index(["n_components", "covariance_type"]).loc[key]
    joint = log_joint(small.estimator(*key), faithful)
    rows = np.logaddexp.reduce(joint, axis=1)
    share = np.exp(joint - rows[:, None])
    n, value = len(faithful), rows.sum()
    count = {(2, "VVV"): 11, (3, "EEE"): 11, (1, "EII"): 3}[key]
    bic = -2 * value + count * np.log(n)
    one = multivariate_normal(faithful.mean(), faithful.cov(ddof=0)).logpdf(faithful)
    doubt = -(share * np.log(np.maximum(share, 1e-300))).sum()
    nec = 1.0 if key[0] == 1 else doubt / (value - one.sum())
    expected = [value, count, bic, -2 * value + 2 * count]
    names = ["log_likelihood", "n_parameters", "bic", "aic", "icl", "nec"]
    expected += [bic - 2 * np.log(share.max(axis=1)).sum(), nec]
    np.testing.assert_allclose(row[names].astype(float), expected, rtol=1e-9)


def test_best_is_the_lowest_and_fitted(small, faithful):
    lowest = small.table.loc[small.table["bic"].idxmin()]
    assert (lowest["n_components"], lowest["covariance_type"]) == (3, "EEE")
    assert small.choose("bic") == (3, "EEE")
    assert small.best.bic(faithful) == pytest.approx(lowest["bic"])
    assert small.best.converged_
    assert small.best.means_init is None
    assert list(small.best.feature_names_in_) == list(faithful.columns)


def test_pivots_and_prints_with_the_sign_in_the_header(small):
    wide = small.pivot("icl")
    assert wide.shape == (3, 14)
    assert "lower is better" in wide.columns.name
    mclust = small.to_mclust("icl")
    assert "higher is better" in mclust.columns.name
    pd.testing.assert_frame_equal(-mclust, wide, check_names=False)
    assert "lower is better" in str(small)
    assert "lower is better" in small.table.columns.name
    assert "EEE" in str(small).splitlines()[2]


def test_same_seed_same_bits(faithful):
    def values():
        s = bg.select(faithful, [2, 4], ["VVV"], random_state=3, progress=False)
        return s.table["log_likelihood"].to_numpy()

    assert (values() == values()).all()


@pytest.mark.parametrize(
    ("settings", "argument"),
    [
        ({"criterion": "BIC"}, "criterion"),
        ({"n_components": []}, "n_components"),
        ({"n_components": [0]}, "n_components"),
        ({"covariance_type": ["full", "VVV"]}, "covariance_type"),
        ({"covariance_type": []}, "covariance_type"),
        ({"covariance_type": 3}, "covariance_type"),
        ({"n_folds": 1}, "n_folds"),
        ({"n_folds": 1000}, "n_folds"),
        ({"n_init": -1}, "n_init"),
    ],
)
def test_refuses_at_the_door(faithful, settings, argument):
    with pytest.raises(InputError) as caught:
        bg.select(faithful, **settings)
    assert caught.value.argument == argument
