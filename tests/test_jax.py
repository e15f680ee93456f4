"""Models in JAX: every Op, the log-posterior of every family and prior, and samplers.

The kernels, which other tests hold to definitions and to R, say what is right.
"""

import doctest
from functools import partial

import arviz as az
import dask.array as da
import jax
import jax.numpy as jnp
import numpy as np
import pymc as pm
import pytest
from pymc.sampling.jax import get_jaxified_logp
from some_slow import some_slow

import bayesgmm as bg
import bayesgmm.jax
from bayesgmm import priors as parts
from bayesgmm.covariances import FAMILIES
from bayesgmm.errors import InputError
from bayesgmm.kernels import likelihood
from bayesgmm.marginal import jax_density, jax_likelihood, jax_ops
from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.nuts import View
from bayesgmm.marginal.ops import KernelOp
from bayesgmm.patterns import group_rows

LETTERS = [name for name in FAMILIES if name.isupper()]


@pytest.fixture(autouse=True)
def compile_soon():
    """Let XLA take less time to compile, and more to run."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def close(found, expected):
    """Equal to 1e-10 of the largest number."""
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        size = np.abs(other).max(initial=0.0)
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-10 * size)


# -- Ops ---------------------------------------------------------------------------


def make_inputs(rng):
    """Return inputs of every map, by the name of its Op; parts shared and not."""
    k, d, pairs = 3, 4, 6
    sds, shapes = rng.uniform(0.3, 2, (2, k, d))
    partials = rng.uniform(-0.9, 0.9, (k, pairs))
    rotations = np.linalg.qr(rng.normal(size=(k, d, d)))[0]
    rotations[:, :, 0] *= np.linalg.det(rotations)[:, None]
    lower = np.tril(rng.normal(size=(k, d, d)), -1) + 2.0 * np.eye(d)
    volumes, whole = rng.uniform(0.3, 2, k), lower @ lower.mT
    return {
        "CovarianceCholesky": [
            (sds, partials),
            (sds, partials[:1]),
            (sds, np.zeros((1, 0))),
        ],
        "LogRatioWeights": [(rng.normal(size=k),)],
        "FactorsOfVolumes": [
            (volumes, sds[:1], partials[:1]),
            (volumes[:1], sds, partials),
        ],
        "FactorsAlongAxes": [
            (volumes, shapes, rotations),
            (volumes[:1], shapes, rotations[:1]),
            (volumes[:1], shapes[:1], rotations),
        ],
        "ShapesFromContrasts": [(rng.normal(size=(k, d - 1)),)],
        "Cayley": [(rng.normal(size=(k, pairs)), rotations)],
        "SkewsOf": [(rotations, np.roll(rotations, 1, axis=0))],
        "Whiten": [(lower, rng.normal(size=(k, d, 2))), (lower, whole[:1])],
        "LowerFactors": [(whole,)],
        "PartialsOf": [(lower,)],
    }


OPS = {op.__name__: op for op in jax_ops.IN_JAX}
INPUTS = make_inputs(np.random.default_rng(1))


def run(name, inputs):
    """Return what an Op is in JAX and what its kernel says, as tuples."""
    op = OPS[name]
    found, expected = jax.jit(jax_ops.IN_JAX[op])(*inputs), op.kernel(*inputs)
    several = isinstance(expected, tuple)
    return (found, expected) if several else ((found,), (expected,))


@pytest.mark.parametrize("name", INPUTS)
def test_maps_and_their_gradients(name):
    rng = np.random.default_rng(2)
    for inputs in INPUTS[name]:
        found, expected = run(name, inputs)
        close(found, expected)
        pullback = f"{name}Pullback"
        if pullback not in OPS:
            continue
        cotangents = [rng.normal(size=x.shape) for x in expected]
        arguments = {
            "LogRatioWeights": (*expected, *cotangents),
            "ShapesFromContrasts": (*expected, *cotangents),
            "Cayley": (*inputs, expected[0], *cotangents),
        }.get(name, (*inputs, *expected, *cotangents))
        close(*run(pullback, arguments))


def mixture(rng, k=3, d=4):
    lower = np.tril(rng.normal(0, 0.4, (k, d, d)), -1)
    lower += rng.uniform(0.5, 1.5, (k, d, 1)) * np.eye(d)
    return rng.dirichlet(np.full(k, 3.0)), rng.normal(0, 2, (k, d)), lower


def observed_inputs(rng, noisy, n=50, k=3, d=4):
    """Rows with labels, weights, and gaps or noise, which exclude each other."""
    X = rng.normal(0, 2, (n, d))
    if not noisy:
        X[n // 2 :][rng.random((n - n // 2, d)) < 0.2] = np.nan
        X[np.isnan(X).all(axis=1)] = 0.5
    allowed = np.ones((n, k), dtype=bool)
    allowed[::3] = np.eye(k, dtype=bool)[rng.integers(k, size=len(allowed[::3]))]
    groups = group_rows(X, allowed, k, noisy=noisy)
    weights, means, lower = mixture(rng, k, d)
    numbers = [np.asarray(x, float) for x in (groups.order, groups.starts)]
    data = (X, rng.uniform(0, 2, n), *numbers, groups.limits, np.array([-5.0]))
    shares = np.append(0.8 * weights, 0.2) if noisy else weights
    return (*data, shares, means, lower)


@pytest.mark.parametrize("rows", ["complete", "with gaps", "with noise"])
def test_likelihoods_and_their_gradients(rows, monkeypatch):
    """In several blocks, the last of them shorter; other tests have one block."""
    monkeypatch.setattr(jax_likelihood, "BLOCK_NUMBERS", 12 * 7)
    rng = np.random.default_rng(3)
    name, inputs = "Observed", observed_inputs(rng, rows == "with noise")
    if rows == "complete":
        name, inputs = "Mixture", (*inputs[:2], *mixture(rng))
        inputs[0][np.isnan(inputs[0])] = 0.5
    found, expected = run(f"{name}LogLikelihood", inputs)
    close(found, expected)
    arguments = (rng.normal(size=50), *inputs, *expected[1:])
    close(*run(f"{name}Gradient", arguments))


def test_every_op_is_in_the_table():
    def below(cls):
        return {cls}.union(*map(below, cls.__subclasses__()))

    ours = {op for op in below(KernelOp) if op.kernel is not None}
    assert {op for op in ours if op.__module__.startswith("bayesgmm")} == set(
        jax_ops.IN_JAX
    )


def test_lazy_rows_are_refused():
    rows = da.from_array(three_groups(), chunks=(20, 3))
    with pytest.raises(NotImplementedError, match="Load the rows first, or sample"):
        get_jaxified_logp(bg.build_model(rows, 2, "spherical"))


# -- models ------------------------------------------------------------------------


def check_model(model, seed=0):
    """Log-posterior and gradient in JAX equal those of the kernels."""
    point, rng = model.initial_point(0), np.random.default_rng(seed)
    point = {k: v + 0.3 * rng.normal(size=np.shape(v)) for k, v in point.items()}
    of_kernels = model.compile_fn([model.logp(), model.dlogp()], mode="FAST_COMPILE")
    value, gradient = of_kernels(point)
    in_jax = jax.jit(jax.value_and_grad(get_jaxified_logp(model)))
    found, parts = in_jax([point[v.name] for v in model.value_vars])
    assert np.isfinite(value)
    close([found], [np.asarray(value)])
    close([np.concatenate([np.ravel(part) for part in parts])], [gradient])


def three_groups():
    rng = np.random.default_rng(4)
    centres = np.repeat([[0.0, 0, 0], [4, 0, 1], [0, 5, 2]], 20, axis=0)
    return centres + rng.normal(size=(60, 3))


@pytest.mark.parametrize("letters", some_slow(LETTERS, ["EVE"]))
def test_families(letters):
    """With EM's start, labels, weights, and gaps or noise, which exclude each other."""
    X, rng = three_groups(), np.random.default_rng(5)
    settings = {"covariance_type": letters, "noise": True}
    if letters.startswith("E"):
        X[40:, 1][rng.random(20) < 0.5] = np.nan
        settings = {"covariance_type": letters, "missing": "fiml"}
    labels, weight = np.full(60, -1), rng.uniform(0.5, 2, 60)
    labels[:3] = 1
    em = bg.GaussianMixture(2, random_state=0, n_init=1, **settings)
    given = {"labels": labels, "sample_weight": weight}
    em.fit(X, **given)
    check_model(bg.build_model(X, 2, init=em, **settings, **given))


@pytest.mark.parametrize("letters", some_slow([*LETTERS, "E"], ["VVV"]))
def test_families_without_a_start(letters):
    X = three_groups()[:, :1] if letters == "E" else three_groups()
    check_model(bg.build_model(X, 2, letters))


SCALE = np.array([[2.0, 0.3, 0.0], [0.3, 0.5, 0.1], [0.0, 0.1, 1.0]])
LKJ = parts.LogNormalLKJ([0.0, 0.0, 0.0], 0.7, 2.0)
NORMAL = parts.NormalMeans([0.3, 1.0, 0.0], [2.0, 3.0, 1.0])
FIXED = parts.InverseWishart(5.5, SCALE)
PRIORS = {
    "all but default": (
        parts.StickBreaking(parts.Gamma(2.0, 3.0)),
        parts.ScaledNormalMeans([0.3, 1.0, 0.0], 0.4),
        parts.HierarchicalInverseWishart(6.0, 4.0, SCALE),
    ),
    "each": (parts.Dirichlet([0.5, 1.0]), NORMAL, FIXED),
    "gamma": (parts.Dirichlet(parts.Gamma(2.0, 3.0)), NORMAL, FIXED),
    "sticks": (parts.StickBreaking(1.7), NORMAL, LKJ),
    "dynamic": (
        parts.Dirichlet(parts.FDistribution(6.0, 3.0), shared=True),
        parts.NormalGammaMeans([0.3, 1.0, 0.0], [2.0, 3.0, 1.0]),
        LKJ,
    ),
}
CASES = [(prior, "full") for prior in PRIORS] + [
    ("all but default", family) for family in ("tied", "diag", "spherical", "EEI")
]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_priors(case):
    prior, family = case
    names = ("x0", "x1", "x2")
    priors = parts.Priors(*PRIORS[prior], names)
    check_model(bg.build_model(three_groups(), 2, family, priors=priors))


@pytest.mark.slow
def test_a_mixture_in_anybodys_model():
    X = three_groups()
    with pm.Model() as model:
        w = pm.Dirichlet("w", np.ones(2))
        mu = pm.Normal("mu", 0, 5, shape=(2, 3))
        bg.MvNormalMixture("x", w, mu, np.stack([np.eye(3)] * 2), observed=X)
    check_model(model)


# -- for those who write JAX -------------------------------------------------------


def test_log_likelihood_to_the_second_derivative():
    """The Hessian is the slope of the gradient of the kernel."""
    rng = np.random.default_rng(6)
    X, weight = rng.normal(size=(40, 2)), rng.uniform(0, 2, 40)
    weights, means, lower = mixture(rng, 2, 2)

    def ours(means):
        return bayesgmm.jax.log_likelihood(X, weights, means, lower, weight)

    def gradient(means):
        args = (X, weight, weights, means, lower)
        return likelihood.log_likelihood_and_gradient(*args)[2]

    rows = likelihood.log_likelihood_and_gradient(X, weight, weights, means, lower)[0]
    np.testing.assert_allclose(jax.jit(ours)(means), rows.sum(), rtol=1e-12)
    np.testing.assert_allclose(jax.jit(jax.grad(ours))(means), gradient(means))
    hessian, step = jax.jit(jax.hessian(ours))(means), np.zeros((2, 2))
    step[1, 0] = 1e-5
    slope = (gradient(means + step) - gradient(means - step)) / 2e-5
    np.testing.assert_allclose(hessian[1, 0], slope, rtol=1e-7, atol=1e-7)


def test_log_likelihood_wants_double_precision():
    with jax.enable_x64(False), pytest.raises(InputError, match="double precision"):
        bayesgmm.jax.log_likelihood(np.ones((2, 1)), [1.0], [[0.0]], [[[1.0]]])


@pytest.mark.slow
def test_its_example():
    assert doctest.testmod(bayesgmm.jax).failed == 0


# -- samplers ----------------------------------------------------------------------


def test_who_computes_depends_on_the_device(monkeypatch):
    """Both forms say what the kernels say; an accelerator gets the graph."""
    flat = FlatModel(bg.build_model(three_groups(), 2, "tied"))
    rng = np.random.default_rng(7)
    n = len(flat.start)
    y, root = rng.normal(size=n), np.eye(n) + 0.1 * rng.normal(size=(n, n))
    functions = flat.model.compile_fn(
        [flat.model.logp(), flat.model.dlogp()],
        inputs=flat.model.value_vars,
        mode="FAST_COMPILE",
        point_fn=False,
    )

    def log_posterior(x):
        value, gradient = functions(*flat.split(x))
        return float(value), gradient

    view = View(flat, log_posterior, flat.start, root, 1.0)
    value, gradient = view(y)
    called = []
    for name in ("called_back", "as_graph"):
        form = getattr(jax_density, name)
        note = partial(lambda f, v: called.append(f.__name__) or f(v), form)
        monkeypatch.setattr(jax_density, name, note)
    monkeypatch.setitem(jax_density.FORMS, "cpu", jax_density.called_back)
    for backend in ("cpu", "gpu"):
        monkeypatch.setattr(jax, "default_backend", lambda name=backend: name)
        density = jax.jit(jax.value_and_grad(jax_density.in_jax(view)))
        found = density(jnp.asarray(y))
        close(found, (np.asarray(value), gradient))
    assert called == ["called_back", "as_graph"]


@pytest.fixture(scope="module")
def by_nutpie():
    """A model begun at EM, its draws, and where EM is."""
    X = three_groups()[:40, :2]
    em = bg.GaussianMixture(2, covariance_type="tied", random_state=0).fit(X)
    model = bg.build_model(X, 2, "tied", init=em)
    return model, em, bg.sample(model, draws=1000, random_seed=1, progress=False)


def check_draws(posterior, by_nutpie):
    """Means within four standard errors of nutpie's."""
    for name in ("weights", "means", "standard_deviations", "partial_correlations"):
        trees = [tree["posterior"][name] for tree in (posterior, by_nutpie)]
        means = [tree.mean(("chain", "draw")).values for tree in trees]
        errors = [az.mcse(tree).values for tree in trees]
        assert (np.abs(means[0] - means[1]) < 4 * np.hypot(*errors)).all()


@pytest.mark.slow
def test_pymc_samples_a_model_by_numpyro(by_nutpie):
    """PyMC's own route, with nothing but the name of the sampler."""
    model, em, expected = by_nutpie
    settings = {"nuts_sampler": "numpyro", "progressbar": False, "random_seed": 3}
    with model:
        found = pm.sample(500, tune=300, chains=4, **settings)
    check_draws(found, expected)
    # All chains begin at EM, so that their labels agree.
    gaps = found["posterior"]["means"].mean("draw").values - em.means_
    assert np.abs(gaps).max() < 2.0  # groups are 4 apart


@pytest.mark.slow
@pytest.mark.parametrize("method", ["nuts_numpyro", "nuts_blackjax"])
def test_our_samplers_on_the_graph(method, by_nutpie, monkeypatch):
    """As on an accelerator."""
    model, _, expected = by_nutpie
    monkeypatch.setitem(jax_density.FORMS, "cpu", jax_density.as_graph)
    settings = {"draws": 500, "tune": 300, "random_seed": 2, "progress": False}
    check_draws(bg.sample(model, method=method, **settings), expected)
