"""`predictive_check`: statistics by definition, models that are right and wrong."""

import numpy as np
import pytest
from scipy.stats import kstest, kurtosis, norm, skew
from synthetic import THREE_GROUPS, joint, observations, perturbed, tree

import bayesgmm as bg
from bayesgmm.errors import InputError
from bayesgmm.posterior import read_draws
from bayesgmm.predictive_check import _replicate


def posterior_of(X, relative=0.02):
    rng = np.random.default_rng(2)
    return tree(X, [perturbed(THREE_GROUPS, 100, rng, relative)], lp=False)


@pytest.fixture(scope="module")
def X():
    return observations(THREE_GROUPS, 300, np.random.default_rng(1))


def test_statistics_are_what_they_are_called(X):
    found = bg.predictive_check(posterior_of(X, 1e-9))["observed"]
    truth = {name: np.array(values) for name, values in THREE_GROUPS.items()}

    def cdf(x):
        sds = np.sqrt(truth["covariances"][:, 0, 0])
        each = norm.cdf(np.asarray(x)[:, None], truth["means"][:, 0], sds)
        return each @ truth["weights"]

    expected = {
        ("x0", "lowest"): X.min(),
        ("x0", "highest"): X.max(),
        ("x0", "skewness"): skew(X[:, 0]),
        ("x0", "kurtosis"): kurtosis(X[:, 0]),
        ("x0", "distance"): kstest(X[:, 0], cdf).statistic,
        ("", "mean log density"): np.logaddexp.reduce(joint(X, **truth), axis=1).mean(),
    }
    assert found.index.tolist() == list(expected)
    np.testing.assert_allclose(found, list(expected.values()), rtol=1e-6)


def test_data_of_the_model_pass(X):
    """Six p-values in 0.005 to 0.995: 6% fail by chance with another seed."""
    check = bg.predictive_check(posterior_of(X))
    assert check["p"].between(0.005, 0.995).all()
    assert (check["lower"] <= check["upper"]).all()


def test_replicates_have_the_moments_of_the_mixture(X):
    """The middle of the interval is the truth, within its noise."""
    check = bg.predictive_check(posterior_of(X, 1e-9)).loc["x0"]
    weight, mean, variance = (np.array(part).ravel() for part in THREE_GROUPS.values())
    off = mean - weight @ mean
    second = weight @ (off**2 + variance)
    third = weight @ (off**3 + 3 * off * variance)
    fourth = weight @ (off**4 + 6 * off**2 * variance + 3 * variance**2)
    truth = {
        "skewness": third / second**1.5,
        "kurtosis": fourth / second**2 - 3,
    }
    for name, value in truth.items():
        low, high = check.loc[name, ["lower", "upper"]]
        assert abs((low + high) / 2 - value) < 0.2 * (high - low)


def test_replicates_are_correlated_as_the_components_are():
    """Sums of squares of 20,000 rows; each within five of its standard errors."""
    covariance = np.array([[4.0, 1.5], [1.5, 1.0]])
    one = {"weights": [1.0], "means": [[7.0, -3.0]], "covariances": [covariance]}
    rng, n = np.random.default_rng(4), 20_000
    draws = read_draws(tree(np.zeros((2, 2)), [perturbed(one, 1, rng, 0.0)], lp=False))
    rows = _replicate(draws, n, rng)
    variances = np.diag(covariance)
    error = np.sqrt((covariance**2 + np.outer(variances, variances)) / n)
    assert (np.abs(np.cov(rows.T) - covariance) < 5 * error).all()
    assert (np.abs(rows.mean(0) - [7, -3]) < 5 * np.sqrt(variances / n)).all()


def test_outliers_and_lumps_are_seen(X):
    odd = X.copy()
    odd[:5] = 30.0
    odd[100:200] = odd[100]
    check = bg.predictive_check(posterior_of(odd))
    p = check["p"]
    assert p["x0", "highest"] == 0.0
    assert p["x0", "distance"] == 0.0
    assert p["", "mean log density"] == 1.0


def test_same_seed_same_check(X):
    posterior = posterior_of(X)
    one, same = (bg.predictive_check(posterior, random_seed=4) for _ in range(2))
    assert one.equals(same)
    assert not one.equals(bg.predictive_check(posterior, random_seed=5))


@pytest.fixture(scope="module")
def of_two():
    """Two groups in two correlated columns, and 400 of their rows."""
    groups = {
        "weights": [0.6, 0.4],
        "means": [[0.0, 0.0], [6.0, 6.0]],
        "covariances": [[[1.0, 0.8], [0.8, 1.0]]] * 2,
    }
    return groups, observations(groups, 400, np.random.default_rng(5))


def test_what_is_missing_speaks_neither_for_nor_against_the_model(of_two):
    """Of high rows the other column is missing: left out, it would be skewed.

    Eleven p-values in 0.005 to 0.995: 11% fail by chance with another seed.
    """
    groups, X = of_two
    gappy = X.copy()
    gappy[(X[:, 0] > 3) & (np.arange(400) % 10 > 0), 1] = np.nan
    draws = [perturbed(groups, 100, np.random.default_rng(2), 0.02)]
    check = bg.predictive_check(tree(gappy, draws, lp=False))
    assert check["p"].between(0.005, 0.995).all()
    whole = bg.predictive_check(tree(X, draws, lp=False))
    own = ["lowest", "highest", "skewness", "kurtosis"]
    found, expected = (each.loc["x0"].loc[own, "observed"] for each in (check, whole))
    np.testing.assert_allclose(found, expected)


def test_what_it_does_not_know_is_refused(X, of_two):
    groups, gappy = of_two[0], of_two[1].copy()
    gappy[3, 0] = np.nan
    draws = [perturbed(groups, 2, np.random.default_rng(2), 0.02)]
    labelled = tree(gappy, draws, lp=False)
    labelled["constant_data"] = labelled["constant_data"].dataset.assign(
        allowed=(("obs_id", "component"), np.eye(2, dtype=np.int8)[[0] * 400])
    )
    with pytest.raises(InputError, match="no missing values where labels are known"):
        bg.predictive_check(labelled)
    weighted = posterior_of(X)
    weighted["constant_data"] = weighted["constant_data"].dataset.assign(
        sample_weight=("obs_id", np.full(300, 2.0))
    )
    with pytest.raises(InputError, match="be rows that count once"):
        bg.predictive_check(weighted)
    with pytest.raises(InputError, match="be the observations of the fit"):
        bg.predictive_check(posterior_of(X), X + 1)
    with pytest.raises(InputError, match="`n_replicates` must be at most"):
        bg.predictive_check(posterior_of(X), n_replicates=201)
