"""`Priors`: parts, presets, and their densities against SciPy and quadrature."""

import numpy as np
import pytest
from scipy import integrate, stats

import bayesgmm as bg
from bayesgmm import priors as parts
from bayesgmm.covariances import covariance_family
from bayesgmm.errors import InputError
from bayesgmm.priors.presets import PRESETS

SCALE = np.array([[2.0, 0.3], [0.3, 0.5]])
CONJUGATE_FAMILIES = ("full", "tied", "diag", "spherical", "EEI", "EII")


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.mark.parametrize("concentration", [0.7, np.array([0.5, 2.0, 3.0])])
def test_dirichlet_density_is_scipys(rng, concentration):
    prior = parts.Dirichlet(concentration)
    weights = prior.draw(rng, 5, 3)["weights"]
    each = np.broadcast_to(concentration, 3)
    expected = [stats.dirichlet.logpdf(row, each) for row in weights]
    np.testing.assert_allclose(prior.log_density({"weights": weights}), expected)


def test_shared_concentration_is_divided(rng):
    weights = rng.dirichlet(np.ones(4), 3)
    got = parts.Dirichlet(2.0, shared=True).log_density({"weights": weights})
    expected = [stats.dirichlet.logpdf(row, np.full(4, 0.5)) for row in weights]
    np.testing.assert_allclose(got, expected)


def test_unknown_concentration_adds_its_density(rng):
    hyper = parts.FDistribution(6, 3)
    values = parts.Dirichlet(hyper).draw(rng, 4, 3)
    got = parts.Dirichlet(hyper).log_density(values)
    expected = [
        stats.dirichlet.logpdf(w, np.full(3, e)) + stats.f.logpdf(e, 6, 3)
        for w, e in zip(values["weights"], values["concentration"], strict=True)
    ]
    np.testing.assert_allclose(got, expected)


def test_tiny_concentrations_give_weights():
    weights = parts.Dirichlet(1e-3).draw(np.random.default_rng(0), 1000, 5)["weights"]
    np.testing.assert_allclose(weights.sum(1), 1.0)
    assert (weights.max(1) > 0.9).mean() > 0.95
    # By symmetry each is the largest in a fifth of the draws: 4 standard errors.
    share = np.bincount(weights.argmax(1), minlength=5) / 1000
    assert np.abs(share - 0.2).max() < 4 * np.sqrt(0.16 / 1000)


def test_stick_breaking_density_integrates_to_one():
    prior = parts.StickBreaking(2.5)

    def density(y, x):
        return np.exp(prior.log_density({"weights": np.array([x, y, 1 - x - y])}))

    total, _ = integrate.dblquad(density, 0, 1, 0, lambda x: 1 - x)
    assert total == pytest.approx(1.0, abs=1e-6)


def test_stick_breaking_draws_have_beta_sticks(rng):
    weights = parts.StickBreaking(2.5).draw(rng, 4000, 3)["weights"]
    np.testing.assert_allclose(weights.sum(1), 1.0)
    second = weights[:, 1] / (1 - weights[:, 0])
    for stick in (weights[:, 0], second):
        assert stats.kstest(stick, stats.beta(1, 2.5).cdf).pvalue > 1e-3


@pytest.mark.parametrize("k", [1, 2, 4])
def test_stick_breaking_of_few_components(rng, k):
    values = parts.StickBreaking(1.5).draw(rng, 6, k)
    assert np.isfinite(parts.StickBreaking(1.5).log_density(values)).all()


@pytest.mark.parametrize(
    ("prior", "extra"),
    [
        (parts.NormalMeans([1.0, 2.0], [0.5, 3.0]), {}),
        (parts.NormalMeans([[1.0, 2.0], [3.0, 4.0]], [0.5, 3.0]), {}),
        (parts.ScaledNormalMeans([1.0, 2.0], 0.3), {}),
        (parts.NormalGammaMeans([1.0, 2.0], [4.0, 5.0]), {"means_spread": [0.7, 2.0]}),
    ],
)
def test_densities_of_means(rng, prior, extra):
    covariances = np.stack([SCALE, 2 * SCALE])
    means = rng.normal(size=(2, 2))
    values = {"means": means, "covariances": covariances}
    values |= {name: np.array(value) for name, value in extra.items()}
    expected = 0.0
    for k, (mean, covariance) in enumerate(zip(means, covariances, strict=True)):
        if isinstance(prior, parts.ScaledNormalMeans):
            spread = covariance / prior.shrinkage
        elif isinstance(prior, parts.NormalGammaMeans):
            spread = np.diag(np.array([0.7, 2.0]) * np.array([4.0, 5.0]) ** 2)
        else:
            spread = np.diag(prior.scale**2)
        location = np.broadcast_to(prior.location, (2, 2))[k]
        expected += stats.multivariate_normal(location, spread).logpdf(mean)
    if extra:
        expected += stats.gamma.logpdf([0.7, 2.0], 0.5, scale=2.0).sum()
    assert prior.log_density(values) == pytest.approx(expected)


def expected_inverse_wishart(covariances, family, degrees, scale):
    """From the definitions in the docstring, with SciPy's distributions."""
    name = covariance_family(family).mclust_name
    several = covariances if "V" in name else covariances[:1]
    if name[1:] == "II":
        mean = np.trace(scale) / len(scale)
        each = stats.invgamma(degrees / 2, scale=mean / 2)
        return sum(each.logpdf(c[0, 0]) for c in several)
    if name[2] == "I":
        return sum(
            stats.invgamma(degrees / 2, scale=scale[j, j] / 2).logpdf(c[j, j])
            for c in several
            for j in range(len(scale))
        )
    return sum(stats.invwishart(degrees, scale).logpdf(c) for c in several)


@pytest.mark.parametrize("family", CONJUGATE_FAMILIES)
def test_inverse_wishart_density_is_scipys(rng, family):
    prior = parts.InverseWishart(4.5, SCALE)
    values = prior.draw(rng, 3, 2, covariance_family(family))
    got = prior.log_density(values, covariance_family(family))
    expected = [
        expected_inverse_wishart(c, family, 4.5, SCALE) for c in values["covariances"]
    ]
    np.testing.assert_allclose(got, expected)


@pytest.mark.parametrize("family", CONJUGATE_FAMILIES)
def test_draws_of_the_inverse_wishart_have_its_mean(rng, family):
    draws = parts.InverseWishart(12.0, SCALE).draw(
        rng, 20_000, 2, covariance_family(family)
    )["covariances"]
    matrices = covariance_family(family).mclust_name[1:] in ("VV", "EE")
    spread = SCALE / (12.0 - 2 - 1) if matrices else np.diag(np.diag(SCALE)) / 10.0
    if family in ("spherical", "EII"):
        spread = np.trace(SCALE) / 2 / 10.0 * np.eye(2)
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - spread) <= 4 * error + 1e-12).all()


@pytest.mark.parametrize("family", CONJUGATE_FAMILIES)
def test_hierarchical_density_is_scipys(rng, family):
    prior = parts.HierarchicalInverseWishart(5.0, 3.0, SCALE)
    values = prior.draw(rng, 3, 2, covariance_family(family))
    got = prior.log_density(values, covariance_family(family))
    name = covariance_family(family).mclust_name
    for i, scale in enumerate(values["covariances_scale"]):
        expected = expected_inverse_wishart(
            values["covariances"][i], family, 5.0, scale
        )
        if name[1:] == "II":
            gamma = stats.gamma(1.5, scale=2 * np.trace(SCALE) / 2)
            expected += gamma.logpdf(scale[0, 0])
        elif name[2] == "I":
            gamma = stats.gamma(1.5, scale=2 * np.diag(SCALE))
            expected += gamma.logpdf(np.diag(scale)).sum()
        else:
            expected += stats.wishart(3.0, SCALE).logpdf(scale)
        assert got[i] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        (parts.UniformSizes(3), [1 / 3, 1 / 3, 1 / 3, 0.0]),
        (parts.PoissonSizes(2.0), stats.poisson.pmf(range(4), 2.0)),
        (parts.SizeProbabilities([2.0, 0.0, 6.0]), [0.25, 0.0, 0.75, 0.0]),
    ],
)
def test_probabilities_of_sizes(prior, expected):
    expected = np.array(expected) / np.sum(expected)
    np.testing.assert_allclose(np.exp(prior.log_probabilities(4)), expected)


def test_beta_negative_binomial_is_a_mixture_of_geometric_distributions():
    """K - 1 is geometric given p ~ Beta(4, 3): its mean is 3 / (4 - 1)."""
    got = np.exp(parts.BetaNegativeBinomialSizes().log_probabilities(5000))
    first, _ = integrate.quad(lambda p: p * stats.beta.pdf(p, 4, 3), 0, 1)
    second, _ = integrate.quad(lambda p: p * (1 - p) * stats.beta.pdf(p, 4, 3), 0, 1)
    np.testing.assert_allclose(got[:2], [first, second], rtol=1e-6)
    assert got @ np.arange(5000) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "EEI"])
@pytest.mark.parametrize("kind", PRESETS)
def test_presets_follow_units_and_say_what_they_are(kind, covariance_type):
    X = bg.datasets.load("faithful")
    one = bg.default_priors(X, 3, covariance_type, kind=kind)
    assert "weights" in str(one)
    assert "waiting" in str(one)
    factor = np.array([1e3, 1e-2])
    family = covariance_family(covariance_type)
    if kind == "default":
        return
    values = one.draw(np.random.default_rng(0), 4, 3, family)
    values["weights"] = np.full((4, 3), 1 / 3)  # draws of a sparse prior underflow
    shifted = dict(values)
    shifted["means"] = values["means"] * factor
    for name in {"covariances", "covariances_scale"} & set(values):
        shifted[name] = values[name] * np.outer(factor, factor)
    other = bg.default_priors(X * factor, 3, covariance_type, kind=kind)
    gap = one.log_density(values, family) - other.log_density(shifted, family)
    np.testing.assert_allclose(gap, gap[0], atol=1e-9)


def test_richardson_greens_prior_is_that_of_the_paper():
    X = bg.datasets.load("galaxies")
    prior = bg.default_priors(X, 3, kind="richardson_green")
    low, high = X.min().item(), X.max().item()
    assert prior.means.location.item() == pytest.approx((low + high) / 2)
    assert prior.means.scale.item() == pytest.approx(high - low)
    # beta = S / 2 ~ Gamma(0.2, 10 / R^2), and 1 / variance ~ Gamma(2, beta).
    beta = 0.3
    values = {
        "covariances": np.array([[[1 / 0.7]]]),
        "covariances_scale": np.array([[2 * beta]]),
    }
    got = prior.covariances.log_density(values, covariance_family("full"))
    expected = stats.gamma(2, scale=1 / beta).logpdf(0.7) + np.log(0.7**2)
    hyper = stats.gamma(0.2, scale=(high - low) ** 2 / 10)
    expected += hyper.logpdf(beta) - np.log(2)
    assert got == pytest.approx(expected)


def test_exchangeable_or_not():
    assert bg.default_priors(bg.datasets.load("faithful"), 2).is_exchangeable
    assert not parts.StickBreaking(1.0).is_exchangeable
    assert not parts.Dirichlet([1.0, 2.0]).is_exchangeable
    assert parts.NormalMeans([[1.0], [1.0]], [1.0]).is_exchangeable
    assert not parts.NormalMeans([[1.0], [2.0]], [1.0]).is_exchangeable


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: parts.Dirichlet(0.0), "`concentration` must be a number above 0"),
        (lambda: parts.Dirichlet([1.0, -1.0]), "one for every component; got"),
        (lambda: parts.Gamma(1.0, np.nan), "`rate` must be a number above 0; got nan"),
        (
            lambda: parts.NormalMeans([0.0], [0.0]),
            "`scale` must be finite numbers above 0",
        ),
        (
            lambda: parts.NormalMeans([0.0, 0.0], [1.0, 1.0, 1.0]),
            "`scale` must have the 2 features of `location`; got 3",
        ),
        (
            lambda: parts.NormalGammaMeans([0.0, 0.0], [1.0]),
            "`ranges` must have the 2 features of `location`; got 1",
        ),
        (
            lambda: parts.InverseWishart(0.5, SCALE),
            "above n_features - 1 = 1; got 0.5",
        ),
        (
            lambda: parts.InverseWishart(4.0, -SCALE),
            "`scale` must be symmetric and positive definite",
        ),
        (lambda: parts.UniformSizes(0), "`largest` must be a whole number of 1"),
        (lambda: parts.SizeProbabilities([0.0]), "not all 0"),
        (
            lambda: bg.default_priors(bg.datasets.load("faithful"), 2, kind="weak"),
            "`kind` must be a known name; got 'weak'",
        ),
        (
            lambda: parts.Priors(1.0, None, None, ("x",)),
            "`weights` must be one of Dirichlet, StickBreaking; got float",
        ),
        (
            lambda: parts.Priors(
                parts.Dirichlet(),
                parts.NormalMeans([0.0], [1.0]),
                parts.InverseWishart(4.0, SCALE),
                ("x", "y"),
            ),
            "`means` must have the 2 features of `feature_names`; got 1",
        ),
    ],
)
def test_wrong_priors_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_stephens_scale_is_that_of_the_paper():
    """Sigma^-1 ~ W(c0, C0) of mean c0 C0^-1, and C0 ~ W(g0, G0) of mean g0 G0^-1."""
    X = bg.datasets.load("faithful")
    prior = bg.default_priors(X, 3, kind="hierarchical").covariances
    c0, g0 = 3.0, 1.0
    g_matrix = 100 * g0 / c0 * np.diag(1 / np.ptp(X.to_numpy(), axis=0) ** 2)
    # Here Sigma^-1 ~ Wishart of mean nu S^-1, so that S = 2 C0 and nu = 2 c0.
    assert prior.degrees_of_freedom == 2 * c0
    mean_scale = prior.scale_degrees_of_freedom * prior.scale_matrix
    np.testing.assert_allclose(mean_scale, 2 * g0 * np.linalg.inv(g_matrix))


@pytest.mark.parametrize("kind", PRESETS)
def test_a_row_of_weight_two_is_the_row_twice(kind):
    x = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [10.0], [11.0], [12.0], [99.0]])
    weight = np.array([1, 1, 1, 1, 1, 9, 8, 9, 0])
    weighted = bg.default_priors(x, 2, kind=kind, sample_weight=weight)
    repeated = bg.default_priors(np.repeat(x, weight, axis=0), 2, kind=kind)
    assert str(weighted) == str(repeated)
