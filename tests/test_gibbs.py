"""Gibbs and telescoping sampling: exact posteriors, seeds, threads, interruptions."""

import _thread
import importlib
from dataclasses import replace

import numpy as np
import pytest
from judging import (
    assert_similarity,
    conjugate_priors,
    ess,
    fill_absent,
    joints,
    read,
    together,
    z_score,
)
from scipy import stats
from scipy.special import logsumexp

import bayesgmm as bg
from bayesgmm import sweeping
from bayesgmm.covariances import covariance_family
from bayesgmm.dims import DIMS
from bayesgmm.errors import InputError, PosteriorWarning
from bayesgmm.gibbs import gibbs
from bayesgmm.initialise import start_from_labels
from bayesgmm.kernels import reduce
from bayesgmm.priors import (
    Dirichlet,
    InverseWishart,
    NormalMeans,
    Priors,
    SizeProbabilities,
    StickBreaking,
    UniformSizes,
)
from bayesgmm.sampled import Settings
from bayesgmm.target import Target, make_target
from bayesgmm.telescoping import telescoping
from bayesgmm.validation import check_table

QUIET = {"progress": False, "random_seed": 3}


@pytest.mark.parametrize("case", range(4))
def test_gibbs_is_the_enumerated_posterior(golden, case):
    """Density, ordered means, weights within 4 Monte Carlo standard errors."""
    case = golden("exact_tiny_conjugate.json")["cases"][case]
    X, k = np.array(case["data"]), case["K"]
    priors = conjugate_priors(case, Dirichlet(case["alpha"]))
    posterior = bg.sample(
        X, k, case["covariance"], method="gibbs", priors=priors, draws=8000, **QUIET
    )
    weights, means, covariances = read(posterior)
    assert abs(z_score((weights**2).sum(-1), case["E_sum_w_squared"])) < 4
    density = np.exp(
        logsumexp(joints(np.array(case["grid"]), weights, means, covariances), -1)
    )
    for i, exact in enumerate(case["posterior_mean_density"]):
        assert abs(z_score(density[:, :, i], exact)) < 4
    ordered = np.sort(means[..., 0], axis=-1)
    for j, exact in enumerate(case.get("ordered_means", [])):
        assert abs(z_score(ordered[..., j], exact["mean"])) < 4
    assert_similarity(together(X, *read(posterior)), np.array(case["psm"]))


@pytest.mark.parametrize("case", range(2))
def test_one_component_is_normal_inverse_wishart(golden, case):
    case = golden("exact_K1_niw.json")["cases"][case]
    X = np.asarray(bg.datasets.load(case["dataset"].split("_")[0]), dtype=float)
    priors = conjugate_priors(case, Dirichlet(1.0))
    posterior = bg.sample(X, 1, method="gibbs", priors=priors, draws=4000, **QUIET)
    weights, means, covariances = read(posterior)
    assert (weights == 1).all()
    for j, exact in enumerate(case["E_mu"]):
        assert abs(z_score(means[:, :, 0, j], exact)) < 4
        for i, other in enumerate(case["E_Sigma"][j]):
            assert abs(z_score(covariances[:, :, 0, i, j], other)) < 4
    np.testing.assert_allclose(
        np.cov(means[:, :, 0].reshape(-1, X.shape[1]).T), case["Cov_mu"], rtol=0.1
    )
    points = np.array(case["predictive_points"])
    density = np.exp(joints(points, weights, means, covariances)[..., 0])
    for i, exact in enumerate(case["predictive_density"]):
        assert abs(z_score(density[:, :, i], exact)) < 4


def run(sampler, X, k, priors, draws, **options):
    """Sample a target that the door refuses: more components than rows."""
    family = covariance_family("full", X.shape[1])
    em = start_from_labels(X, np.arange(len(X)) % k, k, family)
    target = Target(check_table(X), k, family, priors, em, (em,), None)
    settings = Settings(draws, 500, 4, 2, 3, False)
    return sampler(target, settings, **options).groups


@pytest.mark.parametrize("case", range(2))
def test_many_sticks_are_a_dirichlet_process(golden, case):
    """25 sticks leave less than 1e-7 of a process of concentration 1 or 0.5."""
    case = golden("exact_random_partition.json")["cases"][case]
    X = np.array(case["data"])
    priors = conjugate_priors(case, StickBreaking(case["alpha"]))
    drawn = run(gibbs, X, 25, priors, 3000)["posterior"]
    pairs = together(X, *(drawn[name] for name in DIMS))
    assert_similarity(pairs, np.array(case["psm"]))


# Unknown number of components ------------------------------------------------------


def test_telescoping_is_the_enumerated_mixture_of_finite_mixtures(golden):
    """p(K | data), p(number with rows | data) and pairs of all 4140 partitions."""
    case = golden("exact_random_partition.json")["cases"][2]
    X = np.array(case["data"])
    priors = conjugate_priors(case, Dirichlet(1.0), UniformSizes(6))
    groups = run(telescoping, X, 3, priors, 20_000, thin=2)
    exact = [case["posterior_K"][str(k)] for k in range(1, 7)]
    size, drawn = groups["size"], groups["posterior"]
    z = (size["probability"] - exact) / size["probability_se"]
    assert np.abs(z).max() < stats.t.isf(1e-4 / 12, 3)
    np.testing.assert_allclose(size["probability"], exact, atol=0.01)
    for n, p in enumerate(case["P_occupied"][:6], start=1):
        x = (drawn["n_filled"] == n).astype(float)
        assert abs(x.mean() - p) < 0.001 + 4 * np.sqrt(p * (1 - p) / ess(x))
        assert abs(size["n_filled_probability"][n - 1] - p) < 0.01
    arrays = [drawn[name] for name in DIMS]
    arrays[1:] = fill_absent(*arrays)
    assert_similarity(together(X, *arrays), np.array(case["psm"]))


def test_sizes_that_are_known_are_a_known_size(golden):
    """All prior probability on two components: the enumerated posterior of two."""
    case = golden("exact_tiny_conjugate.json")["cases"][0]
    X = np.array(case["data"])
    priors = conjugate_priors(case, Dirichlet(1.0), SizeProbabilities([0.0, 1.0]))
    drawn = run(telescoping, X, 2, priors, 8000, thin=2)["posterior"]
    assert (drawn["n_components"] == 2).all()
    weights = drawn["weights"]
    assert abs(z_score((weights**2).sum(-1), case["E_sum_w_squared"])) < 4
    p, x = case["P_occupied"][0], (drawn["n_filled"] == 1).astype(float)
    assert abs(x.mean() - p) < 4 * np.sqrt(p * (1 - p) / ess(x))


def total_variation(p, q):
    return 0.5 * np.abs(np.asarray(p) - np.asarray(q)).sum()


@pytest.mark.slow
def test_richardson_and_green(golden):
    """Total variation from Green's own program at most 0.03, as the reference asks."""
    truth, X = golden("galaxy_sizes.json")["nmix"], galaxies()
    priors = bg.default_priors(X, 6, kind="richardson_green")
    size = run(telescoping, X, 6, priors, 100_000)["size"]
    assert total_variation(size["probability"], truth["p_k"]) < 0.03
    assert total_variation(size["n_filled_probability"], truth["p_kpos"]) < 0.03


@pytest.mark.slow
def test_sizes_of_galaxies_are_the_odds_of_evidences(golden):
    truth = golden("galaxy_sizes.json")["fixed"]["posterior_K_uniform_1_12"]
    priors = Priors(
        Dirichlet(1.0),
        NormalMeans([20.0], [10.0]),
        InverseWishart(6.0, [[40.0]]),
        ("velocity",),
        UniformSizes(12),
    )
    size = run(telescoping, galaxies(), 5, priors, 100_000)["size"]
    assert total_variation(size["probability"], truth) < 0.03


def galaxies():
    X = np.asarray(bg.datasets.load("galaxies"), dtype=float)
    return X / 1000 if X.max() > 1000 else X


# Manners ---------------------------------------------------------------------------

METHODS = {"gibbs": {"n_components": 3}, "telescoping": {"n_components": 3}}
KINDS = {"gibbs": "conjugate", "telescoping": "dynamic"}


def sample(method, X, **options):
    return bg.sample(
        X,
        3,
        method=method,
        **({"draws": 60, "tune": 20, "chains": 3} | QUIET | options),
    )


def three_groups(n=90):
    rng = np.random.default_rng(5)
    return rng.normal(size=(n, 2)) + np.repeat(
        [[0, 0], [5, 1], [-3, 4]], n // 3, axis=0
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("threaded", [False, True])
def test_same_seed_same_bits_on_any_threads(method, threaded, monkeypatch):
    if threaded:  # as with many rows: threads share them, not chains
        monkeypatch.setattr(sweeping, "_WORTH_THREADS", 1)
        monkeypatch.setattr(reduce, "_LARGEST_CHUNK", 32)
        monkeypatch.setattr(reduce, "_SMALLEST_CHUNK", 32)
    X = three_groups()
    one, two = (sample(method, X, cores=cores)["posterior"] for cores in (1, 2))
    for name in one.data_vars:
        np.testing.assert_array_equal(one[name], two[name])
    other = sample(method, X, random_seed=4)["posterior"]
    assert (other["means"].values[..., 0, 0] != one["means"].values[..., 0, 0]).any()


@pytest.mark.parametrize("method", METHODS)
def test_rows_shared_by_threads_give_the_same_posterior(method, monkeypatch):
    """The loop in Python and the compiled one draw the same, up to rounding."""
    X = three_groups()
    serial = sample(method, X, draws=5, tune=2)["posterior"]
    monkeypatch.setattr(sweeping, "_WORTH_THREADS", 1)
    shared = sample(method, X, draws=5, tune=2)["posterior"]
    np.testing.assert_allclose(serial["weights"], shared["weights"], rtol=1e-6)
    np.testing.assert_allclose(serial["means"], shared["means"], rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_weights_are_repeated_rows(method):
    X, weight = three_groups(), np.arange(90) % 3
    priors = bg.default_priors(X, 3, kind=KINDS[method])
    weighted = sample(method, X, sample_weight=weight, priors=priors, draws=5, tune=2)
    assert "sample_weight" in weighted["constant_data"]
    log_likelihood = weighted["sample_stats"]["log_likelihood_total"].values
    group = weighted["posterior"].isel(component=slice(0, 3))
    arrays = [group[name].values for name in DIMS]
    arrays[1:] = fill_absent(*arrays)
    if method == "gibbs":
        rows = logsumexp(joints(X, *arrays), axis=-1) @ weight
        np.testing.assert_allclose(log_likelihood, rows)


@pytest.mark.parametrize("method", METHODS)
def test_weights_that_are_no_counts_are_refused(method):
    with pytest.raises(InputError, match="method='nuts'"):
        sample(method, three_groups(), sample_weight=np.full(90, 1.5))


def test_log_posterior_is_likelihood_and_prior():
    X = three_groups()
    posterior = sample("gibbs", X)
    rows = logsumexp(joints(X, *read(posterior)), axis=-1).sum(-1)
    drawn = posterior["sample_stats"]
    np.testing.assert_allclose(drawn["log_likelihood_total"], rows)
    assert drawn["lp"].std() > 0


@pytest.mark.parametrize("weights", [Dirichlet(1e-3), StickBreaking(1e-3)])
def test_weights_too_small_for_numbers_have_a_density(weights):
    priors = replace(bg.default_priors(three_groups(), 3), weights=weights)
    covariances = bg.default_priors(three_groups(), 3, kind="conjugate").covariances
    priors = replace(priors, covariances=covariances)
    posterior = sample("gibbs", three_groups() / 9, priors=priors)
    assert posterior["posterior"]["weights"].min() == np.finfo(float).tiny
    assert np.isfinite(posterior["sample_stats"]["lp"]).all()
    assert (priors.weights.draw(np.random.default_rng(1), 500, 3)["weights"] > 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_what_is_not_conjugate_is_refused(method):
    X = three_groups()
    known = bg.default_priors(X, 3)
    given = replace(known, n_components=UniformSizes(5)) if method != "gibbs" else known
    with pytest.raises(InputError, match="inverse-Wishart"):
        sample(method, X, priors=given)
    priors = bg.default_priors(X, 3, kind=KINDS[method])
    with pytest.raises(InputError, match="covariance_type"):
        bg.sample(X, 3, "VEE", method=method, priors=priors)


def test_telescoping_needs_a_prior_on_the_number_of_components():
    X = three_groups()
    with pytest.raises(InputError, match="prior on `n_components`"):
        sample("telescoping", X, priors=bg.default_priors(X, 3, kind="conjugate"))


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupt_keeps_what_is_drawn(method, monkeypatch):
    home, calls = importlib.import_module(f"bayesgmm.{method}"), []
    sweep = home._sweep

    def interrupted(*arguments):
        done = sweep(*arguments)
        calls.append(1)
        if len(calls) == 12:  # six of one chain at least, of which three are draws
            _thread.interrupt_main()
        return done

    monkeypatch.setattr(home, "_sweep", interrupted)
    target = make_target(three_groups(), 3, priors=priors_of(method))
    sampler = {"gibbs": gibbs, "telescoping": telescoping}[method]
    drawn = sampler(target, Settings(10**5, 5, 2, 2, 3, False))
    assert drawn.interrupted
    weights = drawn.groups["posterior"]["weights"]
    assert 0 < weights.shape[1] < 10**5
    assert np.isfinite(weights).all()


def priors_of(method):
    return bg.default_priors(three_groups(), 3, kind=KINDS[method])


def test_a_singular_covariance_ends_a_chain_and_is_never_returned():
    """Columns that are collinear but for a prior too small to count."""
    x = np.linspace(-1, 1, 40)
    X = np.column_stack([x, x])
    priors = Priors(
        Dirichlet(1.0),
        NormalMeans([0.0, 0.0], [1.0, 1.0]),
        InverseWishart(4.0, 1e-40 * np.eye(2)),
        ("a", "b"),
    )
    with pytest.raises(FloatingPointError, match="prior scale is too small"):
        run(gibbs, X, 2, priors, 50)


def test_random_labels_visit_all_orders():
    """Every component is every group equally often, whatever the chain began with."""
    posterior = bg.unrelabel(sample("gibbs", three_groups(), draws=1000))
    nearest = (posterior["posterior"]["means"].values[..., 0] > 2.5).argmax(-1)
    shares = np.bincount(nearest.ravel(), minlength=3) / nearest.size
    np.testing.assert_allclose(shares, 1 / 3, atol=4 * np.sqrt(2 / 9 / nearest.size))


# Draws of one size -----------------------------------------------------------------


def test_draws_of_one_size_are_a_posterior_like_any():
    X = three_groups()
    posterior = sample("telescoping", X, draws=200)
    group = posterior["posterior"]
    some = bg.condition_on_filled(posterior)
    of_three = bg.condition_on_filled(posterior, 3)["posterior"]
    assert of_three.attrs["n_filled"] == 3
    assert some["posterior"].sizes["component"] == 3
    lengths = (group["n_filled"] == 3).sum("draw").values
    kept = lengths[lengths >= of_three.sizes["draw"]]
    assert len(kept) == of_three.sizes["chain"]
    np.testing.assert_allclose(of_three["weights"].sum("component"), 1.0)
    chain, draw = np.argwhere((group["n_filled"] == 3).values)[0]
    first = group["means"].values[chain, draw, :3]
    np.testing.assert_array_equal(of_three["means"].values[0, 0], first)
    resolved = bg.relabel(some)
    assert bg.membership(resolved, X)["label"].shape == (90,)


def test_sizes_that_no_draw_has_are_refused():
    posterior = sample("telescoping", three_groups())
    with pytest.raises(InputError, match="number that draws have"):
        bg.condition_on_filled(posterior, 50)
    with pytest.raises(InputError, match="n_filled"):
        bg.condition_on_filled(sample("gibbs", three_groups()))


def test_size_group_holds_probabilities():
    posterior = sample("telescoping", three_groups(), draws=300)
    size = posterior["size"]
    for name in ("probability", "n_filled_probability", "prior"):
        assert float(size[name].sum()) == pytest.approx(1.0)
    filled = posterior["posterior"]["n_filled"].values
    share = (filled == 3).mean()  # of one sweep in ten
    assert abs(float(size["n_filled_probability"].sel(n_components=3)) - share) < 0.1


def tied_rows():
    """Eight rows are one number: the integral over a common scale is infinite."""
    return np.r_[np.zeros(8), np.random.default_rng(1).normal(3, 1, 12)][:, None]


def test_components_on_tied_rows_are_told():
    priors = bg.default_priors(tied_rows(), 3, kind="hierarchical")
    with pytest.warns(PosteriorWarning, match="as on tied rows"):
        sample("gibbs", tied_rows(), priors=priors, draws=2000)


def test_chains_end_where_rows_lose_their_components():
    """Where variances are too small for numbers, no component explains other rows."""
    priors = bg.default_priors(tied_rows(), 3, kind="static")
    with pytest.raises(FloatingPointError, match="follows tied rows to zero"):
        sample("telescoping", tied_rows(), priors=priors, draws=2000)
