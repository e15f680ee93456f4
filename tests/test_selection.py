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
        ({"n_init": -1}, "n_init"),
    ],
)
def test_refuses_at_the_door(faithful, settings, argument):
    with pytest.raises(InputError) as caught:
        bg.select(faithful, **settings)
    assert caught.value.argument == argument


@pytest.mark.slow
def test_processes_find_the_same(faithful):
    def values(n_jobs):
        settings = {"random_state": 0, "progress": False, "n_jobs": n_jobs}
        return bg.select(faithful, [1, 2, 3], ["EEE", "VVV"], **settings).table

    pd.testing.assert_frame_equal(values(None), values(2))


def test_weight_two_is_the_row_twice(faithful):
    X = faithful.to_numpy()[:80]
    weight = np.where(np.arange(80) < 30, 2.0, 1.0)
    weight[70:] = 0.0
    settings = {"covariance_type": ["EII", "VVV"], "progress": False}
    once = bg.select(X, [1, 2], sample_weight=weight, random_state=0, **settings)
    twice = np.vstack([X[:70], X[:30]])
    twice = bg.select(twice, [1, 2], random_state=0, **settings)
    names = ["log_likelihood", "bic", "aic", "icl", "nec"]
    np.testing.assert_allclose(once.table[names], twice.table[names], rtol=1e-6)


def test_held_out_deviance_is_that_of_fits_of_the_other_rows(faithful):
    X = faithful.to_numpy()[:60]
    settings = {"n_folds": 3, "random_state": 0, "progress": False}
    s = bg.select(X, [1], ["VVV"], "cv", **settings)
    fold = np.random.default_rng(s.seed).permutation(60) % 3
    total = 0.0
    for k in range(3):
        seen = X[fold != k]
        normal = multivariate_normal(seen.mean(axis=0), np.cov(seen.T, ddof=0))
        total -= 2 * normal.logpdf(X[fold == k]).sum()
    assert s.table["cv"].item() == pytest.approx(total, rel=1e-9)
    assert s.choose("cv") == (1, "VVV")


def test_collapsed_cells_have_no_criterion_and_are_never_chosen():
    """Two far pairs of equal rows: any second component of its own volume collapses."""
    rng = np.random.default_rng(0)
    X = np.r_[np.repeat([50.0, 80.0], 3), rng.normal(size=12)][:, None]
    s = bg.select(X, [1, 2, 3, 4], ["E", "V"], random_state=0, progress=False)
    collapsed = s.table[s.table["status"] == "collapsed"]
    assert len(collapsed)
    assert collapsed[["bic", "aic", "icl", "nec"]].isna().all(axis=None)
    assert worst_violation(s.table) <= 1e-6
    assert s.choose("bic")[1] == "E"
    with pytest.raises(InputError, match="collapsed"):
        s.estimator(*collapsed[["n_components", "covariance_type"]].iloc[0])


def test_stability_counts_choices(faithful):
    s = bg.select(faithful, [1, 2], "EEE", random_state=0, progress=False)
    table = s.stability(4, progress=False)
    assert table.to_numpy().tolist() == [[2, "EEE", 4, 1.0]]
    table = s.stability(2, resample=False, progress=False)
    assert table["chosen"].sum() == 2


def test_plot_has_a_line_for_each_family_and_circles_the_choice(small):
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    small.plot(ax=ax)
    wide = small.pivot()
    assert [line.get_label() for line in ax.lines] == list(wide.columns)
    np.testing.assert_allclose(ax.lines[6].get_ydata(), wide["EEE"])
    np.testing.assert_allclose(
        ax.collections[0].get_offsets(), [[3, wide.loc[3, "EEE"]]]
    )
    assert "lower is better" in ax.get_ylabel()
