"""Standard errors: against automatic derivatives, the textbook, and the laws."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from oracle_information import errors as oracle
from some_slow import some_slow

import bayesgmm as bg
from bayesgmm.covariances import FAMILIES
from bayesgmm.errors import InputError, UncertaintyWarning
from bayesgmm.parameters import MixtureParameters
from bayesgmm.variation import KINDS

NAMES = ("weights", "means", "covariances", "probability")


@pytest.fixture(scope="module")
def X():
    """Two overlapping groups of different volumes, shapes and axes."""
    rng = np.random.default_rng(0)
    factor = np.array([[1, 0.5, 0.2], [0, 0.7, -0.3], [0, 0, 0.5]])
    one = rng.normal(size=(100, 3)) @ factor
    other = rng.normal(size=(80, 3)) @ factor.T * [0.6, 1.5, 1] + [2, 1, 0.5]
    return np.vstack([one, other])


@pytest.fixture(scope="module")
def fits(X):
    return {
        name: bg.GaussianMixture(
            2, covariance_type=name, n_init=3, max_iter=5000, random_state=0
        )
        .fit(X)
        .parameters_
        for name in FAMILIES
    }


def square_roots(mixture):
    """Return axes and lengths whose product is a root of each covariance.

    Cholesky factors serve families that do not turn; for common axes, those of the
    covariances' sum, and for own axes by descending length.
    """
    letters = mixture.family.mclust_name
    if letters[1] == letters[2] or letters[2] == "I":
        axes = np.linalg.cholesky(mixture.covariances)
        return axes, np.ones(mixture.means.shape)
    together = mixture.covariances.sum(0)[None].repeat(mixture.n_components, 0)
    turned = mixture.covariances if letters[2] == "V" else together
    axes = np.linalg.eigh(turned)[1]
    return axes, np.sqrt(np.einsum("kji,kjl,kli->ki", axes, mixture.covariances, axes))


def assert_close(ours, theirs, rtol, names=NAMES):
    for name in names:
        expected = np.ravel(theirs[name])
        tiny = 1e-6 * np.abs(expected).max()
        found = np.ravel(ours[name])
        np.testing.assert_allclose(found, expected, rtol, tiny, err_msg=name)


@pytest.mark.parametrize("name", some_slow(FAMILIES))
class TestEveryFamily:
    def test_agrees_with_automatic_differentiation(self, X, fits, name):
        expected = oracle(fits[name], *square_roots(fits[name]), X)
        for kind in KINDS:
            ours = bg.standard_errors(fits[name], X, kind)
            assert ours.attrs["n_parameters"] == fits[name].n_parameters
            # The gradient is not quite zero, and the coordinates are others.
            assert_close(ours, expected[kind], 1e-5)

    def test_weights_enter_as_they_should(self, X, fits, name):
        """At the fit of equal weights there is a gradient, but little of it."""
        weight = np.where(np.arange(len(X)) % 2, 0.999, 1.001)
        roots = square_roots(fits[name])
        for kind in ("frequency", "reliability"):
            squared = weight**2 if kind == "reliability" else weight
            expected = oracle(fits[name], *roots, X, weight, squared)["sandwich"]
            ours = bg.standard_errors(
                fits[name], X, "sandwich", sample_weight=weight, weight_kind=kind
            )
            assert_close(ours, expected, 1e-3)

    @pytest.mark.parametrize("scale", [1e-8, 1e8])
    def test_units_carry_through(self, X, fits, name, scale):
        mixture = fits[name]
        moved = replace(
            mixture,
            means=scale * (mixture.means + 1e8),
            covariances=scale**2 * mixture.covariances,
        )
        ours = bg.standard_errors(moved, scale * (X + 1e8))
        expected = bg.standard_errors(mixture, X)
        expected["means"] *= scale
        expected["covariances"] *= scale**2
        assert_close(ours, expected, 1e-6)

    def test_order_of_components_means_nothing(self, X, fits, name):
        ours = bg.standard_errors(fits[name].permute([1, 0]), X)
        expected = bg.standard_errors(fits[name], X).isel(component=[1, 0])
        assert_close(ours, expected, 1e-9)


@pytest.mark.parametrize("name", ["diag", "full", "tied", "EVV", "VEE", "VEI"])
def test_one_feature_in_far_larger_units(X, fits, name):
    """Families that do not care for the features' units keep their errors."""
    units = np.array([1e6, 1.0, 1e-3])
    mixture = fits[name]
    moved = replace(
        mixture,
        means=units * mixture.means,
        covariances=units[:, None] * mixture.covariances * units,
    )
    expected = bg.standard_errors(mixture, X)
    expected["means"] = expected["means"] * units
    expected["covariances"] *= np.multiply.outer(units, units)
    ours = bg.standard_errors(moved, X * units)
    for i in range(3):  # entries of one size are compared with each other
        assert_close(ours["means"][:, i], expected["means"][:, i], 1e-9, [...])
        for j in range(3):
            ours_ij = ours["covariances"][:, i, j]
            assert_close(ours_ij, expected["covariances"][:, i, j], 1e-9, [...])


# -- the textbook ------------------------------------------------------------------


@pytest.fixture(scope="module")
def one(X):
    return bg.GaussianMixture(1).fit(X)


def test_one_component_by_the_textbook(X, one):
    ours = bg.standard_errors(one, X)
    n, cov = len(X), np.cov(X.T, bias=True)
    variances = np.diag(cov)
    assert ours["means"].values[0] == pytest.approx(np.sqrt(variances / n), rel=1e-12)
    expected = np.sqrt((np.outer(variances, variances) + cov**2) / n)
    np.testing.assert_allclose(ours["covariances"][0], expected, rtol=1e-12)
    assert ours["weights"].values == 0
    assert (ours["probability"].values == 0).all()


def test_the_sandwich_of_one_component_is_made_of_fourth_moments(X, one):
    ours = bg.standard_errors(one, X, "sandwich")
    shift = X - X.mean(0)
    products = shift[:, :, None] * shift[:, None, :]
    np.testing.assert_allclose(
        ours["covariances"][0], products.std(axis=0) / np.sqrt(len(X)), rtol=1e-12
    )


def test_a_weighted_mean_has_the_textbook_sandwich(X):
    weight = np.random.default_rng(1).exponential(size=len(X))
    em = bg.GaussianMixture(1).fit(X, sample_weight=weight)
    ours = bg.standard_errors(
        em, X, "sandwich", sample_weight=weight, weight_kind="reliability"
    )
    shift = X - np.average(X, axis=0, weights=weight)
    expected = np.sqrt((weight**2) @ shift**2) / weight.sum()
    assert ours["means"].values[0] == pytest.approx(expected, rel=1e-9)
    assert ours.attrs["n_effective"] == pytest.approx(
        weight.sum() ** 2 / (weight @ weight), rel=1e-12
    )


# -- weights -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_weight_two_is_the_row_twice(X, fits, kind):
    times = 1 + (np.arange(len(X)) < 40)
    weighted = bg.GaussianMixture(2, means_init=fits["full"].means)
    weighted.fit(X, sample_weight=times)
    ours = bg.standard_errors(weighted, X, kind, sample_weight=times)
    expected = bg.standard_errors(weighted, X.repeat(times, 0), kind)
    assert_close(ours, expected, 1e-9, NAMES[:3])
    first = np.cumsum(times) - times
    assert_close(ours, expected.isel(obs_id=first), 1e-9, ["probability"])


@pytest.mark.parametrize("kind", KINDS)
def test_only_ratios_of_reliabilities_count(X, fits, kind):
    expected = bg.standard_errors(fits["full"], X, kind)
    same = bg.standard_errors(
        fits["full"],
        X,
        kind,
        sample_weight=np.full(len(X), 1e-3),
        weight_kind="reliability",
    )
    assert_close(same, expected, 1e-12)


# -- what a fit was told -----------------------------------------------------------


def test_what_was_held_has_no_error_and_leaves_the_rest_its_own(X, fits):
    """With all labels known in effect, groups have the errors of samples alone."""
    apart = np.vstack([X[:100], X[100:] + 50.0])
    em = bg.GaussianMixture(
        2,
        fixed_weights=[0.3, 0.7],
        frozen=[0],
        means_init=[apart[:100].mean(0), apart[100:].mean(0)],
        precisions_init=np.linalg.inv(fits["full"].covariances),
    ).fit(apart)
    ours = bg.standard_errors(em, apart)
    alone = bg.GaussianMixture(1).fit(apart[100:])
    expected = bg.standard_errors(alone, apart[100:])
    assert ours.attrs["n_parameters"] == 9
    assert (ours["weights"].values == 0).all()
    for name in ("means", "covariances"):
        assert (ours[name][0].values == 0).all()
        np.testing.assert_allclose(ours[name][1], expected[name][0], rtol=1e-6)


def hold_one(X, fits):
    """Hold the second of two components, and the weights."""
    return bg.GaussianMixture(
        2,
        fixed_weights=[0.3, 0.7],
        frozen=[1],
        means_init=fits["full"].means,
        precisions_init=np.linalg.inv(fits["full"].covariances),
    ).fit(X)


def test_parameters_alone_say_what_was_held(X, fits):
    em = hold_one(X, fits)
    whole, alone = bg.standard_errors(em, X), bg.standard_errors(em.parameters_, X)
    assert whole.equals(alone)


def test_what_was_held_has_no_error_in_another_order(X, fits):
    em = hold_one(X, fits)
    turned = em.align_to(em.parameters_.permute([1, 0]))
    before, after = bg.standard_errors(em, X), bg.standard_errors(turned, X)
    for name in ("weights", "means", "covariances"):
        expected = before[name].values[::-1]
        np.testing.assert_allclose(after[name].values, expected, rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_known_labels_make_samples_of_groups(X, kind):
    labels = (np.arange(len(X)) >= 100).astype(int)
    em = bg.GaussianMixture(2, n_init=1, random_state=0).fit(X, labels=labels)
    ours = bg.standard_errors(em, X, kind, labels=labels)
    for k in (0, 1):
        group = X[labels == k]
        alone = bg.standard_errors(bg.GaussianMixture(1).fit(group), group, kind)
        for name in ("means", "covariances"):
            np.testing.assert_allclose(ours[name][k], alone[name][0], rtol=1e-6)
    share = np.sqrt(100 * 80 / 180**3)
    assert ours["weights"].values == pytest.approx([share, share], rel=1e-6)
    assert (ours["probability"].values == 0).all()


def test_some_known_labels_lie_between(X):
    """Observed information grows with what is known, here by central differences."""
    labels = np.where(np.arange(len(X)) % 3, -1, np.arange(len(X)) >= 100)
    em = bg.GaussianMixture(2, covariance_type="spherical", n_init=1, random_state=0)
    em.fit(X, labels=labels)
    ours = bg.standard_errors(em, X, labels=labels)
    mixture = em.parameters_
    start = np.concatenate(
        [
            [np.log(mixture.weights[0] / mixture.weights[1])],
            mixture.means.ravel(),
            np.log(mixture.covariances[:, 0, 0]),
        ]
    )

    def log_likelihood(theta):
        share = 1 / (1 + np.exp(-theta[0]))
        squares = ((X[:, None] - theta[1:7].reshape(2, 3)) ** 2).sum(2)
        scores = -0.5 * (squares / np.exp(theta[7:]) + 3 * theta[7:])
        scores += np.log([share, 1 - share])
        scores[labels == 0, 1] = -np.inf
        scores[labels == 1, 0] = -np.inf
        return np.logaddexp(*scores.T).sum()

    variance = np.linalg.inv(-second_differences(log_likelihood, start))
    errors = np.sqrt(np.diag(variance))
    np.testing.assert_allclose(ours["means"].values.ravel(), errors[1:7], rtol=1e-4)
    slope = mixture.weights.prod()
    np.testing.assert_allclose(ours["weights"].values, slope * errors[0], rtol=1e-4)
    variances = mixture.covariances[:, 0, 0]
    np.testing.assert_allclose(
        ours["covariances"].values[:, 1, 1], variances * errors[7:], rtol=1e-4
    )


def second_differences(function, at, h=1e-3):
    n = len(at)
    steps = h * np.eye(n)
    return np.array(
        [
            [
                function(at + a + b)
                - function(at + a - b)
                - function(at - a + b)
                + function(at - a - b)
                for b in steps
            ]
            for a in steps
        ]
    ) / (4 * h**2)


def test_gaps_are_for_the_bootstrap(X, one):
    gaps = X.copy()
    gaps[3, 1] = np.nan
    with pytest.raises(InputError, match=r"first at row 3\. Use `bootstrap"):
        bg.standard_errors(one, gaps)


# -- what is not identified --------------------------------------------------------


@pytest.fixture
def doubled():
    """A group far off, and one that two equal components share."""
    rng = np.random.default_rng(2)
    groups = rng.normal(size=(40, 2)), 100 + rng.normal(size=(60, 2))
    means = [groups[0].mean(0), groups[1].mean(0)]
    covariances = [np.cov(group.T, bias=True) for group in groups]
    mixture = MixtureParameters(
        weights=np.array([0.4, 0.3, 0.3]),
        means=np.array([means[0], means[1], means[1]]),
        covariances=np.array([covariances[0], covariances[1], covariances[1]]),
        covariance_type="full",
        feature_names=("x0", "x1"),
    )
    return mixture, np.vstack(groups)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_identified_has_no_error_and_the_rest_has(doubled, kind):
    mixture, X = doubled
    with pytest.warns(UncertaintyWarning, match=r"of component 1, 2:.*bootstrap"):
        ours = bg.standard_errors(mixture, X, kind)
    alone = bg.GaussianMixture(1).fit(X[:40])
    expected = bg.standard_errors(alone, X[:40], kind)
    for name in ("means", "covariances"):
        assert np.isnan(ours[name][1:].values).all()
        np.testing.assert_allclose(ours[name][0], expected[name][0], rtol=1e-9)
    share = np.sqrt(0.4 * 0.6 / 100)
    assert ours["weights"].values == pytest.approx(
        [share, np.nan, np.nan], rel=1e-9, nan_ok=True
    )
    assert np.isnan(ours["probability"][40:, 1:].values).all()


def test_an_empty_component_has_no_error(X, one):
    mixture = one.parameters_
    with_empty = replace(
        mixture,
        weights=np.array([1.0, 0.0]),
        means=mixture.means.repeat(2, 0),
        covariances=mixture.covariances.repeat(2, 0),
    )
    with pytest.warns(UncertaintyWarning, match="of component 1:"):
        ours = bg.standard_errors(with_empty, X)
    expected = bg.standard_errors(one, X)
    assert np.isnan(ours["weights"].values).tolist() == [False, True]
    assert np.isnan(ours["means"][1].values).all()
    np.testing.assert_allclose(ours["means"][0], expected["means"][0], rtol=1e-9)


def test_a_fit_of_other_rows_is_no_maximum(X, fits):
    with pytest.warns(UncertaintyWarning, match="standard errors from the maximum"):
        bg.standard_errors(fits["EII"], X[:120])


# -- the door, and what comes out --------------------------------------------------


def test_unknown_kinds_are_refused(X, one):
    with pytest.raises(InputError, match=r"`kind`.*mean 'sandwich'"):
        bg.standard_errors(one, X, "sandwhich")
    with pytest.raises(InputError, match=r"`weight_kind`"):
        bg.standard_errors(one, X, weight_kind="counts")


def test_other_features_are_refused(X, one):
    with pytest.raises(InputError, match="3 features of the fit"):
        bg.standard_errors(one, X[:, :2])


def test_names_are_kept():
    data = bg.datasets.load("faithful")
    em = bg.GaussianMixture(2, random_state=0, n_init=1).fit(data)
    ours = bg.standard_errors(em, data)
    assert ours["covariances"].dims == ("component", "feature", "feature_bis")
    assert ours["probability"].dims == ("obs_id", "component")
    assert list(ours["feature"].values) == ["eruptions", "waiting"]
    assert list(ours["obs_id"].values) == list(data.index)


def peak_memory(n):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, 4)) + 5.0 * (rng.random((n, 1)) < 0.5)
    em = bg.GaussianMixture(2, n_init=1, random_state=0).fit(X)
    tracemalloc.start()
    bg.standard_errors(em, X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_rows_times_parameters():
    growth = (peak_memory(100_000) - peak_memory(20_000)) / 80_000
    # A row's scores are 30 numbers, their products with parameters 58.
    assert growth < 8 * 15
