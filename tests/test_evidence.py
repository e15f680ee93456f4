"""Marginal likelihoods, against enumeration, quadrature and other programs."""

from dataclasses import replace
from math import factorial

import numpy as np
import pymc as pm
import pytest
import synthetic
from oracle_posterior import FAMILIES, Enumerated, log_evidence
from scipy import stats
from scipy.special import gammaln, logsumexp

import bayesgmm as bg
from bayesgmm.errors import InputError, PosteriorWarning
from bayesgmm.marginal.density import ModelDensity
from bayesgmm.monte_carlo import Estimate, average
from bayesgmm.priors import (
    Dirichlet,
    InverseWishart,
    NormalMeans,
    Priors,
    ScaledNormalMeans,
    SizeProbabilities,
    StickBreaking,
)
from bayesgmm.symmetry import find_orders
from bayesgmm.target import make_target
from bayesgmm.unconstrained import ConjugateDensity

METHODS = ["bridge", "thames"]
NAMES = ("x0", "x1")
GALAXY_PRIORS = Priors(
    Dirichlet(1.0), NormalMeans([20.0], [10.0]), InverseWishart(6.0, [[40.0]]), ("x0",)
)


def tree_of(X, values, n_chains=4):
    """Return draws (n, ...) of weights, means and covariances as chains."""
    parts = [values[name] for name in ("weights", "means", "covariances")]
    chains = zip(*(np.split(part, n_chains) for part in parts), strict=True)
    return synthetic.tree(X, list(chains), lp=False)


def is_within(found, truth, allowance=0.03):
    return abs(found.log_evidence - truth) < allowance + 3 * found.standard_error


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", range(4))
def test_enumerated(golden, case, method):
    truth = golden("exact_tiny_conjugate.json")["cases"][case]
    prior, X = truth["prior"], np.array(truth["data"])
    exact = Enumerated(X, truth["K"], truth["alpha"], prior)
    values = dict(
        zip(
            ("weights", "means", "covariances"),
            exact.draws(4000, np.random.default_rng(case)),
            strict=True,
        )
    )
    priors = Priors(
        Dirichlet(truth["alpha"]),
        ScaledNormalMeans(prior["m0"], prior["kappa0"]),
        InverseWishart(prior["nu0"], prior["S0"]),
        ("x0",),
    )
    target = make_target(X, truth["K"], priors=priors)
    found = bg.evidence(tree_of(X, values), target, method, random_seed=1)
    assert is_within(found, truth["logml"])
    assert found.standard_error < {"bridge": 0.03, "thames": 0.15}[method]


@pytest.mark.parametrize("case", range(2))
def test_one_component(golden, case):
    truth = golden("evidence.json")["one_component"][case]
    X, rng = bg.datasets.load(truth["dataset"].split("_")[0]), np.random.default_rng(3)
    at, prior = truth["posterior"], truth["prior"]
    scale = np.array(at["S"])
    drawn = stats.invwishart(at["nu"], scale).rvs(2000, random_state=rng)
    covariances = np.reshape(drawn, (2000, 1, len(scale), len(scale)))
    noise = rng.standard_normal((2000, 1, len(scale), 1))
    steps = np.linalg.cholesky(covariances / at["kappa"]) @ noise
    values = {
        "weights": np.ones((2000, 1)),
        "means": np.array(at["m"]) + steps[..., 0],
        "covariances": covariances,
    }
    priors = Priors(
        Dirichlet(1.0),
        ScaledNormalMeans(prior["m0"], prior["kappa0"]),
        InverseWishart(prior["nu0"], prior["S0"]),
        tuple(X.columns),
    )
    posterior = synthetic.tree(
        X.values, [list(values.values())], lp=False, names=list(X.columns)
    )
    posterior["posterior"].dataset = posterior["posterior"].to_dataset().isel(chain=[0])
    target = make_target(X, 1, priors=priors)
    for method, error in (("bridge", 0.01), ("thames", 0.06)):
        found = bg.evidence(posterior, target, method, random_seed=1)
        assert is_within(found, truth["logml"], 0.0 if method == "thames" else 0.001)
        assert found.standard_error < error
        assert found.note == "There is one labelling."


PRIOR_CASES = [
    ("conjugate", "full", 1),
    ("conjugate", "full", 2),
    ("conjugate", "spherical", 2),
    ("independent", "tied", 2),
    ("independent", "diag", 2),
    ("independent", "EII", 2),
    ("hierarchical", "full", 2),
    ("hierarchical", "diag", 2),
    ("sparse", "EEI", 2),
    ("stick_breaking", "tied", 2),
]


@pytest.mark.parametrize(("kind", "family", "k"), PRIOR_CASES)
def test_a_density_without_data_is_the_prior_and_integrates_to_one(kind, family, k):
    """With every Jacobian and constant in its place, its evidence is 1."""
    rng = np.random.default_rng(8)
    X = synthetic.observations(synthetic.TWO_GROUPS, 20, rng)
    priors = bg.default_priors(X, k, family, kind=kind)
    if kind == "sparse":  # of weights that do not vanish
        priors = replace(priors, weights=Dirichlet(2.0))
    if kind == "stick_breaking":
        priors = replace(priors, weights=StickBreaking(2.0))
    target = make_target(X, k, family, priors=priors)
    silent = replace(target, sample_weight=np.zeros(20))
    values = priors.draw(rng, 6000, k, target.family)
    posterior = tree_of(X, values)
    extra = {}
    for name in set(values) - set(posterior["posterior"].data_vars):
        value = values[name].reshape(4, 1500, *values[name].shape[1:])
        inner = [f"{name}_{axis}" for axis in range(value.ndim - 2)]
        extra[name] = (("chain", "draw", *inner), value)
    group = posterior["posterior"].to_dataset()
    posterior["posterior"].dataset = group.assign(extra)
    found = bg.evidence(posterior, silent, random_seed=2)
    assert abs(found.log_evidence) < 4 * found.standard_error
    assert found.standard_error < 0.1


QUIET = {"progress": False, "random_seed": 1}
TOLD = (2, "thames")


@pytest.mark.parametrize("family", FAMILIES)
def test_families(family):
    """By draws of Gibbs sampling, every allocation of eight rows enumerated."""
    rng = np.random.default_rng(3)
    X = synthetic.observations(synthetic.TWO_GROUPS, 8, rng)
    prior = np.array([0.5, 1.0]), 0.3, 5.0, np.array([[2.0, 0.3], [0.3, 1.5]])
    priors = Priors(
        Dirichlet(1.0), ScaledNormalMeans(*prior[:2]), InverseWishart(*prior[2:]), NAMES
    )
    posterior = bg.sample(
        X, 2, family, method="gibbs", priors=priors, draws=2000, **QUIET
    )
    target, truth = (
        make_target(X, 2, family, priors=priors),
        log_evidence(X, 2, 1.0, prior, family),
    )
    for method, error in (("bridge", 0.03), ("thames", 0.15)):
        found = bg.evidence(posterior, target, method, random_seed=1)
        assert is_within(found, truth)
        assert found.standard_error < error


def galaxy_posterior(n_components, n_draws, seed=0):
    y = galaxies()
    posterior = bg.sample(
        y,
        n_components,
        method="gibbs",
        priors=GALAXY_PRIORS,
        draws=n_draws // 4,
        **QUIET | {"random_seed": seed},
    )
    return posterior, make_target(y, n_components, priors=GALAXY_PRIORS)


def galaxies():
    return bg.datasets.load("galaxies").values


def check_galaxies(golden, posterior, model, method):
    n_components = posterior["posterior"].sizes["component"]
    truth = golden("evidence.json")["galaxies"][str(n_components)]["logml"]
    found = bg.evidence(posterior, model, method, random_seed=1)
    assert is_within(found, truth, 0.03 if n_components <= 4 else 0.06)
    assert found.standard_error < {"bridge": 0.04, "thames": 0.25}[method]
    return found


@pytest.mark.parametrize("method", METHODS)
def test_galaxies(golden, method):
    found = check_galaxies(golden, *galaxy_posterior(3, 2400), method)
    assert found.note == "Labellings lie apart."
    assert f"({method}, 2400 draws)" in str(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_components", "method"),
    [(k, method) for k in range(1, 7) for method in METHODS if (k, method) != TOLD],
)
def test_all_galaxies(golden, n_components, method):
    check_galaxies(golden, *galaxy_posterior(n_components, 8000), method)


@pytest.mark.slow
def test_a_mode_seldom_visited_is_told(golden):
    """Two components of the galaxies have another mode, left once in a while only."""
    posterior, target = galaxy_posterior(2, 8000)
    with pytest.warns(PosteriorWarning, match="Its standard error is 0.46"):
        found = bg.evidence(posterior, target, "thames", random_seed=1)
    truth = golden("evidence.json")["galaxies"]["2"]["logml"]
    assert is_within(found, truth)
    assert "seldom visited" in found.note
    bridge = bg.evidence(posterior, target, random_seed=1)
    assert bridge.standard_error < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_galaxies_by_nuts(golden, n_components):
    """The same posterior from another sampler."""
    model = bg.build_model(galaxies(), n_components, priors=GALAXY_PRIORS)
    posterior = bg.sample(model, draws=1500, **QUIET)
    for method in METHODS:
        check_galaxies(golden, posterior, model, method)


@pytest.mark.slow
def test_odds_of_sizes_are_ratios_of_evidences():
    """Telescoping's p(K | data) under a prior that is not flat, against the bridge.

    At three standard errors of the difference, four of which are looked at.
    """
    prior = np.array([0.0, 0.1, 0.1, 0.2, 0.25, 0.35])
    priors = replace(GALAXY_PRIORS, n_components=SizeProbabilities(prior))
    size = bg.sample(
        galaxies(), 4, method="telescoping", priors=priors, draws=30_000, **QUIET
    )["size"]
    kept = slice(2, 6)  # two components have next to nothing
    p, error = (size[name].values[kept] for name in ("probability", "probability_se"))
    found = [
        bg.evidence(*galaxy_posterior(k, 8000), random_seed=1) for k in range(3, 7)
    ]
    logs = np.array([each.log_evidence for each in found])
    odds = np.diff(np.log(p)) - np.diff(np.log(prior[kept]))
    errors = np.hypot(error / p, [each.standard_error for each in found])
    tolerance = 0.03 + 3 * np.hypot(errors[1:], errors[:-1])
    assert (np.abs(np.diff(logs) - odds) < tolerance).all()
    assert (tolerance < 0.3).all()


def test_what_is_warned_of_and_refused():
    posterior, target = galaxy_posterior(4, 2400)
    assert "Labellings overlap" in bg.evidence(posterior, target, random_seed=1).note
    stuck = bg.relabel(posterior)  # as if all chains had kept their labels
    stuck["relabelling"]["permutation"][:] = np.arange(4)
    with pytest.warns(PosteriorWarning, match="no chain switched"):
        bg.evidence(stuck, target, random_seed=1)
    rough = posterior.copy()
    rough["posterior"].attrs["approximate"] = 1
    with pytest.raises(InputError, match="draws of the posterior itself"):
        bg.evidence(rough, target)
    with pytest.raises(InputError, match="220 draws or more"):
        bg.evidence(posterior.isel(draw=slice(20)), target)
    many = posterior.isel(component=[0, 1, 2, 3, 0, 1, 2, 3])
    with pytest.raises(InputError, match="7 components or fewer; got 8, with 40,320"):
        bg.evidence(many, target)
    drawn = posterior.copy()
    drawn["posterior"].attrs["n_filled"] = 4  # as `condition_on_filled` leaves it
    with pytest.raises(InputError, match="known number of components"):
        bg.evidence(drawn, target)
    with pytest.raises(InputError, match=r"be a pymc\.Model"):
        bg.evidence(posterior, "a model")


def test_same_seed_same_estimate():
    posterior, target = galaxy_posterior(2, 1600)
    one, two, three = (
        bg.evidence(posterior, target, random_seed=seed).log_evidence
        for seed in (1, 1, 2)
    )
    assert one == two != three


def test_an_average_is_no_surer_than_its_parts_agree():
    assert average([Estimate(0.0, 0.3), Estimate(0.0, 0.4)]) == Estimate(0.0, 0.25)
    assert average([Estimate(0.0, 0.1), Estimate(1.0, 0.1)]) == Estimate(0.5, 0.5)


# -- any PyMC model ----------------------------------------------------------------


def written_by_hand(X, n_components, concentration, means, sds):
    """A model with half-normal standard deviations, which `build_model` has not."""
    coords = {
        "component": range(n_components),
        "feature": ["x0"],
        "feature_bis": ["x0"],
    }
    dims = ("component", "feature")
    with pm.Model(coords=coords) as model:
        weights = pm.Dirichlet(
            "weights", np.full(n_components, concentration), dims="component"
        )
        mu = pm.Normal("means", *means, dims=dims)
        sd = pm.HalfNormal("standard_deviations", sds, dims=dims)
        covariances = (sd**2)[:, :, None]
        pm.Deterministic("covariances", covariances, dims=(*dims, "feature_bis"))
        bg.MvNormalMixture(
            "x", weights=weights, means=mu, cholesky=sd[:, :, None], observed=X
        )
    return model


def nonconjugate(golden, case):
    truth = golden("exact_tiny_nonconjugate.json")["cases"][case]
    prior, X = truth["prior"], np.array(truth["data"])
    arguments = (truth["K"], truth["alpha"], (prior["m0"], prior["s0"]))
    return truth, X, (*arguments, prior["parameters"][0])


@pytest.mark.parametrize("method", METHODS)
def test_a_model_that_is_not_conjugate(golden, method):
    """By draws of the prior, picked in proportion to their likelihood."""
    truth, X, (k, alpha, means, sds) = nonconjugate(golden, 0)
    rng, n = np.random.default_rng(4), 1_000_000
    weights = rng.dirichlet(np.full(k, alpha), n)
    mu = rng.normal(*means, (n, k))
    sigma = np.abs(rng.normal(0.0, sds, (n, k)))
    logs = np.zeros(n)
    for x in X[:, 0]:
        squares = ((x - mu) / sigma) ** 2
        logs += np.log((weights / sigma * np.exp(-squares / 2)).sum(1) + 1e-300)
    picked = rng.choice(n, 4000, p=np.exp(logs - logsumexp(logs)))
    values = {
        "weights": weights[picked],
        "means": mu[picked][..., None],
        "covariances": sigma[picked][..., None, None] ** 2,
    }
    model = written_by_hand(X, k, alpha, means, sds)
    found = bg.evidence(tree_of(X, values), model, method, random_seed=1)
    assert is_within(found, truth["logml"])
    assert found.standard_error < {"bridge": 0.04, "thames": 0.15}[method]


def test_density_of_a_model_is_its_definition():
    """Weights, means and standard deviations freed as PyMC frees them."""
    X = np.array([[0.0], [1.0], [4.0]])
    model = written_by_hand(X, 2, 1.5, (1.0, 3.0), 2.0)
    w, mu, sd = np.array([0.3, 0.7]), np.array([0.2, 3.0]), np.array([0.8, 1.7])
    values = {
        "weights": w[None],
        "means": mu[None, :, None],
        "standard_deviations": sd[None, :, None],
    }
    density = ModelDensity(model)
    flat = density.flatten(values)
    assert flat.shape == (1, 5)
    joint = np.log(w) + stats.norm.logpdf(X, mu, sd)
    expected = logsumexp(joint, axis=1).sum() + stats.dirichlet.logpdf(w, [1.5, 1.5])
    expected += stats.norm.logpdf(mu, 1.0, 3.0).sum()
    expected += stats.halfnorm.logpdf(sd, scale=2.0).sum() + np.log(sd).sum()
    # Of log w[0] - (log w[0] + log w[1]) / 2, which PyMC has.
    expected += np.log(w).sum() + np.log(2.0)
    # PyMC has the constant of the half-normal in single precision.
    assert density.log_density(flat)[0] == pytest.approx(expected, abs=1e-6)


def test_orders_are_found_whatever_the_transforms():
    """Also where every component has a scale of its own, as with `init`."""
    rng = np.random.default_rng(2)
    X = synthetic.observations(synthetic.TWO_GROUPS, 40, rng)
    em = bg.GaussianMixture(2, random_state=0).fit(X)
    target = make_target(X, 3, priors=bg.default_priors(X, 3, kind="conjugate"))
    density = ConjugateDensity(target)
    values = target.priors.draw(rng, 300, 3, target.family)
    axes = {"weights": 1, "means": 1, "covariances": 1}
    orders = find_orders(density, values, axes, 3)
    assert len(orders) == factorial(3)
    swapped = {name: np.roll(value, 1, axis=1) for name, value in values.items()}
    flat, other = density.flatten(values), density.flatten(swapped)
    moved = [flat @ order[:-1, :-1] + order[-1, :-1] for order in orders]
    gaps = [np.abs(each - other).max() for each in moved]
    assert sum(gap < 1e-8 for gap in gaps) == 1

    model = ModelDensity(bg.build_model(X, 2, init=em))
    draws = {
        "weights": rng.dirichlet([4, 4], 100),
        "means": rng.normal(size=(100, 2, 2)),
        "standard_deviations": rng.gamma(3.0, size=(100, 2, 2)),
        "partial_correlations": rng.uniform(-0.8, 0.8, (100, 2, 1)),
    }
    assert len(find_orders(model, draws, dict.fromkeys(draws, 1), 2)) == 2


def test_a_flat_vector_has_the_constants_of_its_density():
    """One feature, two components: everything written out."""
    X = np.array([[0.0], [1.0], [4.0]])
    priors = Priors(
        Dirichlet(2.0), NormalMeans([1.0], [3.0]), InverseWishart(5.0, [[2.0]]), ("x0",)
    )
    density = ConjugateDensity(make_target(X, 2, priors=priors))
    w, mu, variance = np.array([0.3, 0.7]), np.array([0.2, 3.0]), np.array([0.6, 2.9])
    values = {
        "weights": w[None],
        "means": mu[None, :, None],
        "covariances": variance[None, :, None, None],
    }
    joint = np.log(w) + stats.norm.logpdf(X, mu, np.sqrt(variance))
    expected = logsumexp(joint, axis=1).sum() + stats.norm.logpdf(mu, 1.0, 3.0).sum()
    expected += gammaln(4.0) + np.log(w).sum()
    expected += stats.invgamma.logpdf(variance, 2.5, scale=1.0).sum()
    expected += np.log(variance).sum()
    expected += np.log(w).sum() + 0.5 * np.log(2.0)  # of (log w0 - log w1) / sqrt 2
    found = density.log_density(density.flatten(values))
    assert found[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("case", [0, 3])
def test_models_that_are_not_conjugate_by_nuts(golden, case):
    truth, X, arguments = nonconjugate(golden, case)
    model = written_by_hand(X, *arguments)
    settings = {"draws": 2000, "tune": 1000, "random_seed": 1, "progress": False}
    posterior = bg.sample(model, **settings)
    for method in METHODS:
        found = bg.evidence(posterior, model, method, random_seed=1)
        assert is_within(found, truth["logml"])
