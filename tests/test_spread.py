"""Covariances of all fourteen families in `build_model`: densities, laws, starts."""

from dataclasses import replace

import numpy as np
import oracle_spread as oracle
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import stats
from scipy.special import logsumexp
from some_slow import some_slow

import bayesgmm as bg
from bayesgmm.covariances import FAMILIES
from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.parts import PARTS
from bayesgmm.marginal.start import em_start
from bayesgmm.marginal.structure import KERNELS, structure_of
from bayesgmm.marginal.transforms import Turn
from bayesgmm.target import make_target

FAST = {"mode": "FAST_COMPILE"}
families = pytest.mark.parametrize("name", FAMILIES)
some_families = pytest.mark.parametrize("name", some_slow(FAMILIES))


@pytest.fixture(scope="module")
def iris():
    return bg.datasets.load("iris").iloc[:, :3]


@pytest.fixture(scope="module")
def fits(iris):
    """EM estimates of iris, 2 components and 3 features, by covariance type."""
    return {name: fit(iris, 2, name) for name in FAMILIES}


def fit(X, k, name):
    return bg.GaussianMixture(k, covariance_type=name, random_state=0).fit(X)


def random_point(name, k, d, seed):
    rng = np.random.default_rng(seed)
    spread = oracle.random_point(FAMILIES[name].mclust_name, k, d, rng)
    return {
        "weights": rng.dirichlet(np.ones(k)),
        "means": rng.normal(3, 1, (k, d)),
        **spread,
    }


def log_density(model, point):
    """Log-posterior in the model's own variables, by name."""
    values = {}
    for rv in model.free_RVs:
        transform, value = model.rvs_to_transforms[rv], model.rvs_to_values[rv]
        x = point[rv.name]
        if transform is not None:
            x = transform.forward(pt.constant(x), *rv.owner.inputs).eval(**FAST)
        values[value.name] = x
    with model:
        function = model.compile_fn(model.logp(jacobian=False, sum=False), **FAST)
    terms = [np.sum(term) for term in function(values)]
    return dict(zip([v.name for v in model.basic_RVs], terms, strict=True))


# -- densities ---------------------------------------------------------------------


def check_log_posterior(model, X, name, priors):
    """Compare with the definitions at a random point."""
    (k, d), letters = (2, X.shape[1]), FAMILIES[name].mclust_name
    point = random_point(name, k, d, 1)
    S = oracle.covariances(point, letters, k, d)
    joint = [
        np.log(point["weights"][c])
        + stats.multivariate_normal(point["means"][c], S[c]).logpdf(X)
        for c in range(k)
    ]
    expected = oracle.log_priors(
        {n: v for n, v in point.items() if n not in ("weights", "means")},
        letters,
        priors.covariances.sds_log_location,
        priors.covariances.sds_log_scale,
        priors.covariances.correlations_eta,
    )
    expected["x"] = logsumexp(joint, axis=0).sum()
    got = log_density(model, point)
    assert set(expected) | {"weights", "means"} == set(got)
    for variable, value in expected.items():
        assert got[variable] == pytest.approx(value, rel=1e-10, abs=1e-12), variable


@some_families
@pytest.mark.parametrize("started", [False, True])
def test_log_posterior_is_what_the_definitions_say(iris, fits, name, started):
    priors = bg.default_priors(iris, 2, name)
    init = fits[name] if started else None
    model = bg.build_model(iris, 2, name, priors=priors, init=init)
    check_log_posterior(model, iris, name, priors)


@pytest.mark.parametrize("name", ["EVE", "VEV"])
def test_one_feature_has_standard_deviations(iris, name):
    X = iris.iloc[:, :1]
    priors = bg.default_priors(X, 2, name)
    check_log_posterior(bg.build_model(X, 2, name, priors=priors), X, name, priors)


@some_families
def test_gradient_is_that_of_finite_differences(iris, fits, name):
    model = bg.build_model(iris, 2, name, init=fits[name])
    flat = FlatModel(model)
    assert len(flat.start) == fits[name].parameters_.n_parameters
    x = flat.start + np.random.default_rng(0).normal(0, 2, len(flat.start))
    outputs = [model.logp(), model.dlogp()]
    with model:
        function = pm.pytensorf.compile(model.value_vars, outputs, **FAST)

    def log_posterior(flat_vector):
        return function(*flat.split(flat_vector))[0]

    gradient, step = function(*flat.split(x))[1], 1e-4
    by_differences = [
        (log_posterior(x + move) - log_posterior(x - move)) / (2 * step)
        for move in step * np.eye(len(x))
    ]
    error = np.abs(gradient - by_differences).max() / np.abs(gradient).max()
    assert error < 1e-6


def test_components_may_have_priors_of_their_own(iris):
    """Medians of each component; of their mean where components share."""
    one = bg.default_priors(iris, 2).covariances
    location = one.sds_log_location + np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 0.0]])
    own = replace(one, sds_log_location=location)
    priors = replace(bg.default_priors(iris, 2), covariances=own)
    point = random_point("VEI", 2, 3, 0)
    got = log_density(bg.build_model(iris, 2, "VEI", priors=priors), point)
    scale = 2 * one.sds_log_scale / np.sqrt(3)
    expected = stats.lognorm(scale, scale=np.exp(2 * location.mean(axis=1)))
    assert got["volumes"] == pytest.approx(expected.logpdf(point["volumes"]).sum())
    shapes = oracle.log_priors(
        {"shapes": point["shapes"]}, "VEI", location.mean(axis=0), 0.75, 2.0
    )
    assert got["shapes"] == pytest.approx(shapes["shapes"])


# -- structure ---------------------------------------------------------------------


def random_parts(name, k, d, rng):
    """Parts of covariances at random free numbers, and how many these are."""
    point = oracle.random_point(FAMILIES[name].mclust_name, k, d, rng)
    free = {n: PARTS[n].free(value) for n, value in point.items()}
    moved = {n: rng.normal(0, 1, x.shape) for n, x in free.items()}
    parts = {n: PARTS[n].back(moved[n], value) for n, value in point.items()}
    return parts, sum(x.size for x in free.values())


def products(lower):
    return lower @ np.swapaxes(lower, 1, 2)


@families
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_covariances_have_the_structure_of_the_family(name, k, d):
    volume, shape, axes = FAMILIES[name].mclust_name
    parts, n_free = random_parts(name, k, d, np.random.default_rng(k))
    assert n_free == FAMILIES[name].n_parameters(k, d)
    S = products(structure_of(name, d).factors(KERNELS, parts, k, d))
    sizes = np.linalg.det(S) ** (1 / d)
    values, vectors = np.linalg.eigh(S)
    shapes = values / sizes[:, None]
    assert np.ptp(sizes) < 1e-12 * sizes.max() or volume == "V"
    if shape == "E":
        np.testing.assert_allclose(shapes, shapes[np.zeros(k, int)], rtol=1e-8)
    if shape == "I":
        np.testing.assert_allclose(shapes, 1.0, rtol=1e-12)
    if axes == "I":
        np.testing.assert_array_equal(S, S * np.eye(d))
    if axes == "E":  # matrices with the same axes commute
        both = S[:, None] @ S
        assert np.abs(both - np.swapaxes(both, 0, 1)).max() < 1e-12 * np.abs(both).max()
    if k == 1:
        return
    # What is not shared differs.
    assert volume == "E" or np.ptp(np.log(sizes)) > 1e-3
    assert d == 1 or shape != "V" or np.ptp(np.log(shapes[:, 0])) > 1e-3
    overlap = np.abs(vectors[0].T @ vectors[1])
    assert d == 1 or axes != "V" or np.abs(overlap - np.eye(d)).max() > 1e-3


# -- starts ------------------------------------------------------------------------


@some_families
@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_chains_begin_at_em(name, d, k):
    rng = np.random.default_rng(10 * d + k)
    X = rng.normal(size=(90, d)) * rng.uniform(1, 5, (3, d)).repeat(30, axis=0)
    X[:, 0] += np.repeat([0, 30, -40], 30)
    em = fit(X, k, name).parameters_
    target = make_target(X, k, em.covariance_type, init=em)
    start = em_start(target, structure_of(em.covariance_type, X.shape[1]))
    lower = structure_of(name, d).factors(KERNELS, start.values, k, d)
    np.testing.assert_allclose(products(lower), em.covariances, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(start.values["means"], em.means, rtol=1e-14)
    for variable, value in start.values.items():
        again = PARTS[variable].back(start.locations[variable], value)
        np.testing.assert_allclose(again, value, rtol=1e-12, atol=1e-14)
        assert start.scales[variable].shape == start.locations[variable].shape
        assert (start.scales[variable] > 0).all()


@pytest.mark.parametrize("name", ["VEI", "EVV", "EVE", "VEV"])
def test_models_begin_at_em(iris, fits, name):
    flat = FlatModel(bg.build_model(iris, 2, name, init=fits[name]))
    np.testing.assert_allclose(flat.start, 0, atol=1e-12)
    covariances = flat.quantities([flat.model["covariances"]])(flat.start)[0]
    np.testing.assert_allclose(covariances, fits[name].covariances_, rtol=1e-10)


# -- orientations ------------------------------------------------------------------


@pytest.mark.parametrize("d", [2, 3, 4])
def test_uniform_rotations_have_the_density_of_their_turns(d):
    """E[q / p] = 1 over draws of p, for any density q: here of turns from a base."""
    uniform = stats.special_ortho_group(d, seed=np.random.default_rng(d))
    turn = Turn(uniform.rvs(1).reshape(d, d))
    rotations = uniform.rvs(40_000)
    stacked = Turn(np.broadcast_to(turn.base.data[0], rotations.shape).copy())
    skews = stacked.forward(pt.constant(rotations)).eval(**FAST)
    log_p = stacked.log_jac_det(pt.constant(skews)).eval(**FAST)
    for centre in (0.0, 0.2):
        log_q = stats.norm(centre, 0.6).logpdf(skews).sum(axis=1)
        ratio = np.exp(log_q - log_p)
        error = ratio.std() / np.sqrt(len(ratio))
        assert abs(ratio.mean() - 1) < 4 * error < 0.2  # one false alarm in 16,000
    back = stacked.backward(pt.constant(skews)).eval(**FAST)
    np.testing.assert_allclose(back, rotations, atol=1e-9)


def test_density_of_turns_integrates_to_one_in_the_plane():
    nodes, weights = np.polynomial.legendre.leggauss(20)
    angles = np.pi / 2 * nodes  # tan of half the rotation's angle is the turn
    density = log_density_of_turns(np.tan(angles)[:, None])
    total = np.pi / 2 * np.sum(weights * np.exp(density) / np.cos(angles) ** 2)
    assert total == pytest.approx(1, abs=1e-12)


def log_density_of_turns(skews):
    bases = np.eye(2)[None].repeat(len(skews), axis=0)
    return Turn(bases).log_jac_det(pt.constant(skews)).eval(**FAST)


@pytest.mark.parametrize("name", ["EVE", "VEV"])
def test_draws_of_the_prior_are_uniform_rotations_and_shapes(iris, name):
    n, k, d = 3_000, 2, 3
    model = bg.build_model(iris, k, name)
    with model:
        tree = pm.sample_prior_predictive(
            n,
            var_names=["orientations", "shapes", "volumes"],
            random_seed=1,
            compile_kwargs=FAST,
        )
    prior = tree["prior"].to_dataset()
    R = prior["orientations"].values.reshape(-1, d, d)
    np.testing.assert_allclose(np.linalg.det(R), 1, rtol=1e-10)
    np.testing.assert_allclose(
        R @ np.swapaxes(R, 1, 2), np.eye(d)[None].repeat(len(R), 0), atol=1e-12
    )
    # Entries of uniform rotations: mean 0, variance 1 / d, kurtosis below 3; 9 + 9
    # tests at 4 standard errors, one false alarm in 800.
    error = 4 / np.sqrt(len(R))
    assert np.abs(R.mean(axis=0)).max() < error / np.sqrt(d)
    assert np.abs((R**2).mean(axis=0) - 1 / d).max() < error * np.sqrt(2) / d
    # One rotation has the others' law after a quarter turn in any plane, signs too.
    assert np.abs((R[:, 0, 0] * R[:, 1, 1] * R[:, 2, 2]).mean() - 1 / 6) < error
    logs = np.log(prior["shapes"].values.reshape(-1, d))
    np.testing.assert_allclose(logs.sum(axis=1), 0, atol=1e-12)
    prior = bg.default_priors(iris, k, name).covariances
    ratios = prior.sds_log_location - prior.sds_log_location.mean()
    variance = 4 * (prior.sds_log_scale**2 + (ratios**2).sum() / (d - 1))
    np.testing.assert_allclose(
        logs.var(axis=0), variance * (1 - 1 / d), rtol=4 * np.sqrt(2 / len(logs))
    )
