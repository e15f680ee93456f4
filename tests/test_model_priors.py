"""`build_model` with every prior: its density is that which the prior says in NumPy."""

import numpy as np
import pymc as pm
import pytensor
import pytest
from scipy import stats

import bayesgmm as bg
from bayesgmm import priors as parts
from bayesgmm.covariances import covariance_family
from bayesgmm.errors import InputError
from bayesgmm.priors.presets import PRESETS

FAMILIES = ("full", "tied", "diag", "spherical", "EEI", "EII")
NAMES = ("x", "y")
SCALE = np.array([[2.0, 0.3], [0.3, 0.5]])
WEIGHTS = {
    "dirichlet": parts.Dirichlet(0.7),
    "each": parts.Dirichlet([0.5, 1.0, 2.0]),
    "gamma": parts.Dirichlet(parts.Gamma(2.0, 3.0)),
    "dynamic": parts.Dirichlet(parts.FDistribution(6.0, 3.0), shared=True),
    "sticks": parts.StickBreaking(1.7),
    "sticks_gamma": parts.StickBreaking(parts.Gamma(2.0, 3.0)),
}
MEANS = {
    "normal": parts.NormalMeans([0.3, 1.0], [2.0, 3.0]),
    "each": parts.NormalMeans([[0.0, 1.0], [1.0, 2.0], [0.0, 0.0]], [2.0, 3.0]),
    "scaled": parts.ScaledNormalMeans([0.3, 1.0], 0.4),
    "normal_gamma": parts.NormalGammaMeans([0.3, 1.0], [2.0, 3.0]),
}
COVARIANCES = {
    "fixed": parts.InverseWishart(4.5, SCALE),
    "each": parts.InverseWishart(4.5, [SCALE, 2 * SCALE, 3 * SCALE]),
    "hierarchical": parts.HierarchicalInverseWishart(5.0, 3.0, SCALE),
}


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(3)
    return np.concatenate([rng.normal(m, 1.0, (15, 2)) for m in (-3.0, 0.0, 4.0)])


def build(X, weights="dirichlet", means="normal", covariances="fixed", family="full"):
    chosen = WEIGHTS[weights], MEANS[means], COVARIANCES[covariances]
    priors = parts.Priors(*chosen, NAMES)
    return priors, bg.build_model(X, 3, family, priors=priors)


def log_prior(model):
    """Return the log density of the unconstrained variables, and all quantities."""
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        named = [*model.free_RVs, *model.deterministics]
        values = model.replace_rvs_by_values(named)
        density = model.compile_fn(
            [model.varlogp, *values], inputs=model.value_vars, point_fn=False
        )
    return density, [variable.name for variable in named]


def check(priors, model, family, seed=0):
    """Gaps between densities are those of the prior and of the Jacobian alone."""
    function, names = log_prior(model)
    rng = np.random.default_rng(seed)
    gaps = []
    for _ in range(4):
        point = model.initial_point(0)
        values = [
            np.asarray(point[v.name]) + 0.3 * rng.standard_normal(v.type.shape)
            for v in model.value_vars
        ]
        total, *quantities = function(*values)
        draws = dict(zip(names, quantities, strict=True))
        expected = priors.log_density(draws, covariance_family(family))
        expected += log_jacobian(model, values, draws, covariance_family(family))
        gaps.append(float(total - expected))
    np.testing.assert_allclose(gaps, 0.0, atol=1e-8)


def log_jacobian(model, values, draws, family):
    """Return the log volume of the map to `log_density`'s measure, numerically."""
    free = np.concatenate([np.ravel(v) for v in values])
    shapes = [np.shape(v) for v in values]
    ends = np.cumsum([int(np.prod(s)) for s in shapes])
    outputs = model.replace_rvs_by_values([model[n] for n in natural_names(draws)])
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        if not hasattr(model, "natural"):
            model.natural = model.compile_fn(
                outputs, inputs=model.value_vars, point_fn=False
            )

    def natural(flat):
        split = np.split(flat, ends[:-1])
        split = [part.reshape(s) for part, s in zip(split, shapes, strict=True)]
        found = dict(zip(natural_names(draws), model.natural(*split), strict=True))
        return natural_numbers(found, family)

    step = 1e-6
    columns = []
    for i in range(len(free)):
        high, low = free.copy(), free.copy()
        high[i] += step
        low[i] -= step
        columns.append((natural(high) - natural(low)) / (2 * step))
    sign, log = np.linalg.slogdet(np.stack(columns, axis=1))
    assert sign != 0
    return log


def natural_names(draws):
    known = "weights means covariances concentration means_spread covariances_scale"
    return [name for name in known.split() if name in draws]


def natural_numbers(found, family):
    """The free entries: all weights but one, lower triangles or variances."""
    pieces = [found["weights"][:-1], np.ravel(found["means"])]
    pieces.append(free_entries(found["covariances"], family))
    if "covariances_scale" in found:
        pieces.append(free_entries(found["covariances_scale"][None], family))
    for name in ("concentration", "means_spread"):
        pieces.append(np.ravel(found.get(name, [])))
    return np.concatenate(pieces)


def free_entries(matrices, family):
    letters = family.mclust_name
    matrices = matrices if "V" in letters else matrices[:1]
    if letters[1:] == "II":
        return matrices[:, 0, 0]
    if letters[2] == "I":
        return np.diagonal(matrices, axis1=1, axis2=2).ravel()
    return matrices[:, *np.tril_indices(matrices.shape[1])].ravel()


@pytest.mark.parametrize("weights", WEIGHTS)
def test_weights(X, weights):
    priors, model = build(X, weights=weights)
    check(priors, model, "full")


@pytest.mark.parametrize("means", MEANS)
def test_means(X, means):
    priors, model = build(X, means=means)
    check(priors, model, "full")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("covariances", COVARIANCES)
def test_covariances(X, covariances, family):
    priors, model = build(X, covariances=covariances, family=family)
    check(priors, model, family)


@pytest.mark.parametrize("family", ["full", "tied"])
@pytest.mark.parametrize("d", [1, 3])
def test_other_numbers_of_features(family, d):
    scale = np.eye(d) + 0.2
    priors = parts.Priors(
        parts.Dirichlet(1.0),
        parts.ScaledNormalMeans(np.arange(1.0, d + 1), 0.4),
        parts.HierarchicalInverseWishart(d + 2.0, d + 0.5, scale),
        tuple("xyz"[:d]),
    )
    rows = np.random.default_rng(1).normal(size=(20, d))
    check(priors, bg.build_model(rows, 2, family, priors=priors), family)


@pytest.mark.parametrize("kind", PRESETS)
def test_chains_begin_at_em_under_every_preset(X, kind):
    em = bg.GaussianMixture(3, random_state=0).fit(X)
    priors = bg.default_priors(X, 3, kind=kind)
    model = bg.build_model(X, 3, priors=priors, init=em)
    function, names = log_prior(model)
    point = model.initial_point(0)
    total, *values = function(*(np.asarray(point[v.name]) for v in model.value_vars))
    start = dict(zip(names, values, strict=True))
    assert np.isfinite(total)
    np.testing.assert_allclose(start["means"], em.means_, atol=1e-8)
    np.testing.assert_allclose(start["covariances"], em.covariances_, atol=1e-8)
    np.testing.assert_allclose(start["weights"], em.weights_, atol=1e-8)


@pytest.mark.parametrize("kind", ["conjugate", "sparse", "stick_breaking", "dynamic"])
def test_prior_draws_of_pymc_are_those_of_numpy(X, kind):
    """Ranks of a few numbers: equal distributions at a false-alarm rate of 1e-4."""
    priors = bg.default_priors(X, 3, kind=kind)
    model = bg.build_model(X, 3, priors=priors)
    with model:
        theirs = pm.sample_prior_predictive(
            400,
            var_names=["weights", "means", "covariances"],
            random_seed=2,
            compile_kwargs={"mode": "FAST_COMPILE"},
        )["prior"].isel(chain=0)
    rng = np.random.default_rng(7)
    ours = priors.draw(rng, 400, 3, covariance_family("full"))
    for name, place in (
        ("weights", (0,)),
        ("means", (1, 0)),
        ("covariances", (2, 1, 0)),
        ("covariances", (0, 1, 1)),
    ):
        one, other = theirs[name].values[:, *place], ours[name][:, *place]
        assert stats.ks_2samp(one, other).pvalue > 1e-4, (name, place)


def test_families_that_share_in_part_have_no_inverse_wishart(X):
    priors = bg.default_priors(X, 3, kind="conjugate")
    with pytest.raises(InputError, match=r"wholly or not at all .* got 'VEV'"):
        bg.build_model(X, 3, "VEV", priors=priors)
