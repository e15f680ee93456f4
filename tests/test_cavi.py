"""Variational Bayes: bounds against exact evidence, definitions and scikit-learn."""

from math import factorial, log

import numpy as np
import pytest
from scipy import stats
from sklearn.mixture import BayesianGaussianMixture

import bayesgmm as bg
from bayesgmm._typing import Quadratics
from bayesgmm.cavi import ascend, variational_prior
from bayesgmm.covariances import covariance_family
from bayesgmm.dims import DIMS
from bayesgmm.errors import InputError, PosteriorWarning
from bayesgmm.kernels.reduce import responsibilities
from bayesgmm.priors import (
    Dirichlet,
    Gamma,
    InverseWishart,
    Priors,
    ScaledNormalMeans,
    default_priors,
)
from bayesgmm.target import make_target
from bayesgmm.variational import predictive_log_density

FAMILIES = ["full", "tied", "diag", "spherical", "EEI", "EII"]


def conjugate(prior, concentration, n_features):
    """Return the priors that a trusted answer was computed with."""
    return Priors(
        Dirichlet(concentration),
        ScaledNormalMeans(prior["m0"], prior["kappa0"]),
        InverseWishart(prior["nu0"], prior["S0"]),
        tuple(f"x{j}" for j in range(n_features)),
    )


def three_groups(n=120, seed=5):
    """Draw three groups in two features, of unlike shapes."""
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0], [4.0, 1.0], [1.0, 6.0]])
    turns = np.array([[[1, 0.5], [0, 1]], [[0.7, 0], [0.3, 1.5]], [[1, 0], [0, 0.4]]])
    of_row = rng.integers(3, size=n)
    noise = rng.normal(size=(n, 1, 2)) @ turns[of_row]
    return centres[of_row] + noise[:, 0]


def target_of(X, k, family="full", **options):
    priors = default_priors(X, k, family, kind="conjugate")
    return make_target(X, k, family, **{"priors": priors, **options})


def start_at(centres):
    """Return quadratic forms with these means and the identity."""
    k, d = np.shape(centres)
    identity = np.tile(np.eye(d), (k, 1, 1))
    return Quadratics(np.zeros(k), np.array(centres, dtype=float), identity)


def fit_at(X, rows, family="full", **options):
    """Fit from the means in some rows; return target, prior, and the run."""
    target = target_of(X, len(rows), family, **options)
    prior = variational_prior(target)
    return target, prior, ascend(target, prior, start_at(X[rows]))


# -- the bound ---------------------------------------------------------------------


def real(name):
    X = bg.datasets.load({"galaxies_26960": "galaxies"}.get(name, name))
    return X.to_numpy(dtype=float)


@pytest.mark.parametrize("case", [0, 1])
def test_one_component_is_exact(golden, case):
    """The log marginal likelihood, posterior and predictive density are the truth."""
    truth = golden("exact_K1_niw.json")["cases"][case]
    X, prior = real(truth["dataset"]), truth["prior"]
    d = X.shape[1]
    posterior = bg.sample(
        X, 1, priors=conjugate(prior, 1.0, d), method="cavi", random_seed=1
    )
    group = posterior["variational"]
    assert posterior["posterior"].attrs["elbo"] == pytest.approx(
        truth["logml"], abs=1e-8
    )
    names = {
        "m": "location",
        "kappa": "shrinkage",
        "nu": "degrees_of_freedom",
        "S": "scale",
    }
    for theirs, ours in names.items():
        np.testing.assert_allclose(group[ours][0], truth["posterior"][theirs], 1e-10)
    density = bg.predictive_density(posterior, np.array(truth["predictive_points"]))
    np.testing.assert_allclose(density, truth["predictive_density"], 1e-8)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_component_is_the_posterior_of_every_family(family):
    """Posterior kernel over variational density is the evidence, wherever it is."""
    X = three_groups()
    weight = np.arange(len(X)) % 3 / 2
    posterior = bg.sample(
        X, 1, family, method="cavi", sample_weight=weight, random_seed=2
    )
    stats_ = posterior["sample_stats"]
    ratios = (stats_["lp"] - stats_["log_q"]).values
    attrs = posterior["posterior"].attrs
    np.testing.assert_allclose(ratios, attrs["elbo"], atol=1e-8)
    assert attrs["pareto_k"] == -np.inf


@pytest.mark.parametrize("case", range(4))
def test_bound_is_below_the_exact_evidence(golden, case):
    """For one order of the components; K! of them where modes are apart."""
    truth = golden("exact_tiny_conjugate.json")["cases"][case]
    X, k = np.array(truth["data"]), truth["K"]
    priors = conjugate(truth["prior"], truth["alpha"], 1)
    target = make_target(X, k, priors=priors)
    prior = variational_prior(target)
    runs = [ascend(target, prior, start_at(X[[i, i + 3, 7][:k]])) for i in range(3)]
    for run in runs:
        assert run.converged
        assert (np.diff(run.bounds) > -1e-10).all()
        assert run.bounds[-1] < truth["logml"]
    best = max(run.bounds[-1] for run in runs) + log(factorial(k))
    if k == 3:  # 97 % of the posterior has three components filled
        assert 0 < truth["logml"] - best < 0.25


@pytest.mark.parametrize("family", FAMILIES)
def test_bound_is_its_definition(family):
    """E log p(x, z, parameters) - E log q, over draws from SciPy's distributions."""
    X, n = three_groups(30), 20_000
    _, prior, run = fit_at(X, [0, 1, 2], family)
    fit, rng = run.fit, np.random.default_rng(7)
    weights = stats.dirichlet.rvs(fit.concentration, n, rng).T
    values = stats.dirichlet.logpdf(weights, prior.concentration)
    values -= stats.dirichlet.logpdf(weights, fit.concentration)
    covariances, log_ratio = draw_covariances(prior, fit, family, n, rng)
    values += log_ratio
    share = responsibilities(X, fit.quadratics)
    for k, covariance in enumerate(covariances):
        ours, theirs = (each.shrinkage[k] for each in (fit, prior))
        lower = np.linalg.cholesky(covariance / ours)
        means = fit.location[k] + (lower @ rng.normal(size=(n, 2, 1)))[..., 0]
        values += log_normal(means - prior.location[k], covariance / theirs)
        values -= log_normal(means - fit.location[k], covariance / ours)
        for x, r in zip(X, share[:, k], strict=True):
            values += r * (np.log(weights[k]) + log_normal(x - means, covariance))
    values -= np.sum(share * np.log(np.maximum(share, 1e-300)))
    error = values.std() / np.sqrt(n)
    assert abs(values.mean() - run.bounds[-1]) < 4 * error
    assert error < 0.05


def log_normal(gaps, covariances):
    """Return log N(gap | 0, covariance) of many, by determinant and solve."""
    distances = (gaps * np.linalg.solve(covariances, gaps[..., None])[..., 0]).sum(-1)
    log_det = np.linalg.slogdet(2 * np.pi * covariances)[1]
    return -0.5 * (distances + log_det)


def draw_covariances(prior, fit, family, n, rng):
    """Draw covariances, each part of its own law, and log of prior over q."""
    k, d = fit.location.shape
    copies = 1 if family in ("tied", "EEI", "EII") else k
    covariances, total = [], np.zeros(n)
    for c in range(copies):
        ours, theirs = (
            part_laws(each.degrees_of_freedom[c], each.scale[c], family)
            for each in (fit, prior)
        )
        parts = [law.rvs(n, random_state=rng) for law in ours]
        for x, q, p in zip(parts, ours, theirs, strict=True):
            x = np.moveaxis(x, 0, -1)  # as SciPy takes many matrices
            total += p.logpdf(x) - q.logpdf(x)
        if family in ("full", "tied"):
            covariances.append(parts[0])
        else:
            covariances.append(np.eye(d) * np.stack(parts, axis=-1)[:, None, :])
    return (covariances * k)[:k], total


def part_laws(degrees, scale, family):
    """Return the laws of what is free in one covariance."""
    if family in ("full", "tied"):
        return [stats.invwishart(degrees, scale)]
    diagonal = np.diag(scale)
    if family in ("spherical", "EII"):
        return [stats.invgamma(degrees / 2, scale=diagonal.mean() / 2)]
    return [stats.invgamma(degrees / 2, scale=s / 2) for s in diagonal]


@pytest.mark.parametrize("family", FAMILIES)
def test_bound_never_falls(family):
    _, _, run = fit_at(three_groups(), [0, 1, 2, 3], family)
    assert run.converged
    assert len(run.bounds) > 5
    assert (np.diff(run.bounds) > -1e-9).all()


# -- against scikit-learn ----------------------------------------------------------


# Its diag has Wishart logs of d dimensions where features are independent, its
# spherical counts rows where every row has d numbers, its tied divides rows by K: with
# one feature the first two are right.
@pytest.mark.parametrize(
    ("family", "d"), [("full", 2), ("full", 1), ("diag", 1), ("spherical", 1)]
)
def test_same_parameters_as_scikit_learn(family, d):
    X = three_groups()[:, 2 - d :]
    target, prior, run = fit_at(X, [0, 1, 2], family)
    covariance = target.family.compact(prior.scale)[0]
    theirs = BayesianGaussianMixture(
        n_components=3,
        covariance_type=family,
        tol=1e-13,
        reg_covar=0.0,
        max_iter=20_000,
        init_params="random_from_data",
        weight_concentration_prior_type="dirichlet_distribution",
        weight_concentration_prior=prior.concentration[0],
        mean_precision_prior=prior.shrinkage[0],
        mean_prior=prior.location[0],
        degrees_of_freedom_prior=prior.degrees_of_freedom[0],
        covariance_prior=covariance,
        random_state=0,
    )
    start = responsibilities(X, start_at(X[[0, 1, 2]]))
    theirs._check_parameters(X)
    theirs._initialize(X, start)
    theirs.warm_start, theirs.converged_, theirs.lower_bound_ = True, True, -np.inf
    theirs.fit(X)
    degrees = run.fit.degrees_of_freedom
    ours = {
        "weight_concentration_": run.fit.concentration,
        "mean_precision_": run.fit.shrinkage,
        "means_": run.fit.location,
        "degrees_of_freedom_": degrees,
        "covariances_": target.family.compact(run.fit.scale / degrees[:, None, None]),
    }
    for name, value in ours.items():
        np.testing.assert_allclose(value, getattr(theirs, name), 1e-5, err_msg=name)


# -- weights, draws, prediction ----------------------------------------------------


def test_weight_two_is_the_row_twice_and_weight_zero_none():
    X = three_groups(40)
    weight = np.arange(40) % 3
    repeated = np.repeat(X, weight, axis=0)
    priors = default_priors(X, 3, kind="conjugate")
    runs = []
    for rows, of_rows in ((X, weight.astype(float)), (repeated, None)):
        target = make_target(rows, 3, priors=priors, sample_weight=of_rows)
        start = start_at(X[[0, 1, 2]])
        runs.append(ascend(target, variational_prior(target), start))
    assert runs[0].bounds[-1] == pytest.approx(runs[1].bounds[-1], rel=1e-12)
    np.testing.assert_allclose(runs[0].fit.scale, runs[1].fit.scale, rtol=1e-6)
    posterior = bg.sample(
        X, 3, priors=priors, method="cavi", sample_weight=weight, random_seed=1
    )
    group = posterior["posterior"]
    first = [group[name].values[0, 0] for name in DIMS]
    density = sum(
        w * stats.multivariate_normal(m, s).pdf(repeated)
        for w, m, s in zip(*first, strict=True)
    )
    values = {name: group[name].values[0, :1] for name in DIMS}
    expected = np.log(density).sum() + priors.log_density(
        values, covariance_family("full")
    )
    np.testing.assert_allclose(posterior["sample_stats"]["lp"][0, 0], expected[0])


@pytest.mark.parametrize("family", FAMILIES)
def test_draws_have_the_moments_of_their_law(family):
    X = three_groups()
    _, _, run = fit_at(X, [0, 1, 2], family)
    fit, n = run.fit, 4000
    values = fit.draw(np.random.default_rng(3), n)
    degrees = fit.degrees_of_freedom[:, None, None]
    precisions = np.linalg.inv(values["covariances"])
    lower = np.linalg.cholesky(values["covariances"] / fit.shrinkage[:, None, None])
    gaps = np.linalg.solve(lower, (values["means"] - fit.location)[..., None])
    cases = [
        (values["weights"], fit.concentration / fit.concentration.sum()),
        (precisions, degrees * np.linalg.inv(fit.scale)),
        (gaps, 0.0),
        (gaps @ np.swapaxes(gaps, -1, -2), np.eye(2)),
    ]
    for drawn, mean in cases:
        error = drawn.std(axis=0) / np.sqrt(n)
        assert (np.abs(drawn.mean(axis=0) - mean) <= 4.5 * error + 1e-12).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_prediction_is_the_average_over_parameters(family):
    X = three_groups(40)
    _, _, run = fit_at(X, [0, 1, 2], family)
    values = run.fit.draw(np.random.default_rng(4), 20_000)
    weights, means, covariances = (values[name] for name in DIMS)
    for point in X[:6] + 0.5:
        densities = np.exp(log_normal(point - means, covariances))
        densities = (weights * densities).sum(-1)
        error = densities.std() / np.sqrt(len(densities))
        (exact,) = np.exp(predictive_log_density(run.fit, point[None]))
        assert abs(densities.mean() - exact) < 4 * error


def test_prediction_of_some_features_is_by_draws(faithful):
    """Degrees of freedom are of all features; with fewer there would be others."""
    posterior = bg.sample(faithful, 2, method="cavi", random_seed=1)
    points = np.array([[2.0, 55.0], [4.5, 80.0]])
    exact = bg.log_score(posterior, points)["log_density"]
    draws = bg.log_score(posterior.drop_nodes("variational"), points)["log_density"]
    np.testing.assert_allclose(exact, draws, atol=0.02)
    assert (exact != draws).all()
    one = posterior.isel(feature=[0], feature_bis=[0])
    marginal = bg.log_score(one.drop_nodes("variational"), points[:, :1])
    np.testing.assert_array_equal(
        bg.log_score(one, points[:, :1])["log_density"], marginal["log_density"]
    )


# -- the sampler -------------------------------------------------------------------


@pytest.fixture(scope="module")
def faithful():
    return bg.datasets.load("faithful")


@pytest.fixture(scope="module")
def em(faithful):
    fit = bg.GaussianMixture(2, random_state=0).fit(faithful)
    return fit.parameters_.permute([1, 0])


def test_labels_are_those_of_em(faithful, em):
    posterior = bg.sample(faithful, 2, method="cavi", init=em, random_seed=1)
    assert (posterior["relabelling"]["permutation"] == [0, 1]).all()
    means = posterior["posterior"]["means"].mean(["chain", "draw"])
    np.testing.assert_allclose(means, em.means, rtol=0.02)
    np.testing.assert_allclose(posterior["variational"]["location"], em.means, 0.02)


def test_largest_first_where_there_is_no_em(faithful):
    posterior = bg.sample(faithful, 2, method="cavi", random_seed=1)
    concentration = posterior["variational"]["concentration"].values
    assert concentration[0] > concentration[1]
    assert (posterior["relabelling"]["permutation"] == [0, 1]).all()


def test_an_order_of_the_prior_is_kept(faithful):
    location = [[2.0, 54.0], [4.3, 80.0]]
    scale = np.diag([0.2, 40.0])
    names = ("eruptions", "waiting")
    for order in ([0, 1], [1, 0]):
        means = ScaledNormalMeans(np.array(location)[order], 5.0)
        priors = Priors(Dirichlet(1.0), means, InverseWishart(5.0, scale), names)
        posterior = bg.sample(faithful, 2, priors=priors, method="cavi", random_seed=3)
        found = posterior["variational"]["location"].values
        np.testing.assert_allclose(found, np.array(location)[order], atol=1.0)


def test_same_seed_same_draws(faithful):
    first, again = (
        bg.sample(faithful, 2, method="cavi", draws=50, chains=2, random_seed=5)
        for _ in range(2)
    )
    assert first["posterior"].sizes["draw"] == 100
    assert first["posterior"].sizes["chain"] == 1
    assert first["posterior"].to_dataset().equals(again["posterior"].to_dataset())


def test_a_model_has_all_that_it_needs(faithful):
    priors = default_priors(faithful, 2, kind="conjugate")
    model = bg.build_model(faithful, 2, priors=priors)
    first, again = (
        bg.sample(*what, method="cavi", draws=50, random_seed=5, priors=own)
        for what, own in (((model,), None), ((faithful, 2), priors))
    )
    assert first["posterior"].to_dataset().equals(again["posterior"].to_dataset())


def test_quality_is_told(faithful):
    """Labels and parameters are not independent where components overlap."""
    with pytest.warns(PosteriorWarning, match="The draws are rough"):
        posterior = bg.sample(faithful, 4, method="cavi", random_seed=1)
    attrs = posterior["posterior"].attrs
    assert attrs["approximate"] == 1
    assert attrs["pareto_k"] > 0.7


def test_quality_that_is_not_known_is_told(faithful):
    few = {"draws": 2, "chains": 1, "random_seed": 1}
    with pytest.warns(PosteriorWarning, match="is not known: they are too few"):
        posterior = bg.sample(faithful, 2, method="cavi", **few)
    assert np.isnan(posterior["posterior"].attrs["pareto_k"])


def test_empty_components_have_finite_densities():
    """Of a hundred thousand draws many have weights below the smallest number."""
    X = three_groups(40)
    priors = default_priors(X, 6, kind="conjugate")
    sparse = Priors(
        Dirichlet(0.01), priors.means, priors.covariances, priors.feature_names
    )
    target = make_target(X, 6, priors=sparse)
    prior = variational_prior(target)
    fit = ascend(target, prior, start_at(X[:6])).fit
    assert (fit.concentration < 0.02).any()
    values = fit.draw(np.random.default_rng(1), 5000)
    assert np.isfinite(fit.log_density(values)).all()
    assert np.isfinite(sparse.log_density(values, target.family)).all()


REFUSED = [
    ({"kind": "independent"}, "NormalMeans"),
    ({"kind": "default"}, "LogNormalLKJ"),
    ({"kind": "hierarchical"}, "HierarchicalInverseWishart"),
    ({"kind": "stick_breaking"}, "StickBreaking"),
    ({"kind": "dynamic"}, "a number of components"),
]


@pytest.mark.parametrize(("options", "got"), REFUSED)
def test_other_priors_are_refused(faithful, options, got):
    priors = default_priors(faithful, 2, **options)
    with pytest.raises(InputError, match=got) as refusal:
        bg.sample(faithful, 2, priors=priors, method="cavi")
    assert "kind='conjugate'" in str(refusal.value)


def test_a_concentration_that_is_not_known_is_refused(faithful):
    known = default_priors(faithful, 2, kind="conjugate")
    weights = Dirichlet(Gamma(1.0, 20.0))
    priors = Priors(weights, known.means, known.covariances, known.feature_names)
    with pytest.raises(InputError, match="a concentration with a distribution"):
        bg.sample(faithful, 2, priors=priors, method="cavi")


def test_families_shared_in_part_are_refused(faithful):
    priors = default_priors(faithful, 2, kind="conjugate")
    with pytest.raises(InputError, match=r"must share covariances .* 'VEI'"):
        bg.sample(faithful, 2, "VEI", priors=priors, method="cavi")
