"""Mixtures of some features, or of those left when others are known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.stats import multivariate_normal

from bayesgmm import GaussianMixture, InputError, MixtureParameters, datasets
from bayesgmm.covariances import FAMILIES

NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def mixture():
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(2, 3, 3))
    return MixtureParameters(
        weights=np.array([0.3, 0.7]),
        means=rng.normal(size=(2, 3)),
        covariances=roots @ np.swapaxes(roots, -1, -2) + 0.1 * np.eye(3),
        covariance_type="full",
        feature_names=NAMES,
    )


def density(mixture, x):
    parts = zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    return sum(w * multivariate_normal(m, c).pdf(x) for w, m, c in parts)


def test_a_margin_is_the_density_with_the_rest_integrated_out(mixture):
    margin = mixture.marginal(["c", "a"])
    assert margin.feature_names == ("c", "a")
    x = [0.4, -0.2]
    total, _ = quad(lambda b: density(mixture, [x[1], b, x[0]]), -20, 20, limit=200)
    assert density(margin, x) == pytest.approx(total, rel=1e-7)


def test_features_are_named_or_counted(mixture):
    for features in ("b", 1, [1], ["b"], np.array([1]), ("b",)):
        assert mixture.marginal(features).feature_names == ("b",)


@pytest.mark.parametrize("known", [("b",), ("c", "a")])
def test_a_conditional_is_a_ratio_of_densities(mixture, known):
    given = {name: 0.5 + NAMES.index(name) for name in known}
    conditional = mixture.conditional(given)
    left = tuple(name for name in NAMES if name not in known)
    assert conditional.feature_names == left
    assert conditional.weights.sum() == pytest.approx(1, abs=1e-14)
    values = dict(zip(left, [0.3, -1.2], strict=False))
    row = [(given | values)[name] for name in NAMES]
    margin = mixture.marginal(known)
    expected = density(mixture, row) / density(margin, list(given.values()))
    got = density(conditional, [values[name] for name in left])
    assert got == pytest.approx(expected, rel=1e-12)


def test_weights_far_from_all_components_are_finite(mixture):
    weights = mixture.conditional({"a": 1e5, "b": -1e5}).weights
    assert_allclose(np.sort(weights), [0, 1], atol=1e-12)


def test_a_conditional_does_not_depend_on_where_zero_is(mixture):
    shift = np.array([1e8, -1e8, 1e8])
    moved = MixtureParameters(
        mixture.weights, mixture.means + shift, mixture.covariances, "full", NAMES
    )
    near, far = mixture.conditional({0: 0.25}), moved.conditional({0: 0.25 + 1e8})
    assert_allclose(far.weights, near.weights, rtol=1e-6)
    assert_allclose(far.means - shift[1:], near.means, atol=1e-6)


def test_nearly_collinear_features_leave_a_positive_variance():
    covariance = np.array([[[1.0, 1.0], [1.0, 1.0 + 1e-14]]])
    mixture = MixtureParameters(
        np.ones(1), np.zeros((1, 2)), covariance, "full", ("a", "b")
    )
    assert mixture.conditional({"a": 3.0}).covariances[0, 0, 0] > 0


CLOSED = {"EII", "spherical", "EEI", "VEI", "diag", "tied", "VEE", "full"}


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_the_family_of_parts_is_one_that_holds_them(covariance_type):
    """The family's own estimate gives the parts back."""
    iris = datasets.load("iris").to_numpy()
    fit = GaussianMixture(3, covariance_type=covariance_type, n_init=2, random_state=0)
    whole = fit.fit(iris).parameters_
    for part in (whole.marginal([2, 0, 1]), whole.conditional({3: 1.0})):
        counts = 100.0 * np.array([0.2, 0.3, 0.5])
        estimate = part.family.estimate(
            part.covariances * counts[:, None, None], counts
        )
        assert_allclose(estimate, part.covariances, rtol=1e-6, atol=1e-9)
        kept = part.covariance_type == covariance_type
        assert kept == (covariance_type in CLOSED)
        if not kept:
            axes = covariance_type.endswith("I")
            assert part.covariance_type == ("diag" if axes else "full")
    assert whole.marginal([3, 2, 1, 0]).covariance_type == covariance_type


@pytest.mark.parametrize(
    ("method", "argument", "message"),
    [
        ("marginal", "d", "`features` must be a known name; got 'd'"),
        ("marginal", [], "`features` must name one or more, each once; got none"),
        ("marginal", ["a", 0], "each once; got 'a' twice"),
        ("marginal", [3], "`features` must be names, or places from 0 to 2; got 3"),
        ("marginal", [True], "`features` must be a known name; got True"),
        (
            "conditional",
            [0, 1],
            "`given` must be a dict from features to values",
        ),
        ("conditional", {}, "`given` must name one or more, each once; got none"),
        ("conditional", {"z": 1}, "`given` must be a known name; got 'z'"),
        ("conditional", {"a": np.nan}, "`given` must be a finite number; got nan"),
        ("conditional", {"a": "x"}, "`given` must be a finite number; got 'x'"),
        (
            "conditional",
            dict.fromkeys(NAMES, 0.0),
            "`given` must leave a feature open; got values of all 3",
        ),
        ("conditional", {"a": 1e200}, "`given` must be values that have a density"),
    ],
)
def test_what_makes_no_sense_is_refused(mixture, method, argument, message):
    with pytest.raises(InputError) as error:
        getattr(mixture, method)(argument)
    assert message in str(error.value)


def test_an_estimator_hands_on_its_parameters():
    faithful = datasets.load("faithful")
    em = GaussianMixture(2, random_state=0).fit(faithful)
    margin = em.marginal("waiting")
    assert_array_equal(margin.means[:, 0], em.means_[:, 1])
    short = em.conditional({"eruptions": 2.0})
    assert short.feature_names == ("waiting",)
    assert short.weights[1] > 0.999
