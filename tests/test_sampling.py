"""`sample`: exact posteriors, Old Faithful, seeds, interruptions, refusals."""

import _thread
import threading

import arviz as az
import numpy as np
import pymc as pm
import pytest
from scipy import stats

import bayesgmm as bg
from bayesgmm.dims import DIMS
from bayesgmm.errors import InputError, PosteriorWarning
from bayesgmm.marginal.compile import FlatModel


def responsibilities(X, weights, means, sds):
    """Return p(k | x) of a one-dimensional mixture, draws x rows x components."""
    joint = weights[:, None] * stats.norm.pdf(X, means[:, None], sds[:, None])
    return joint / joint.sum(axis=2, keepdims=True)


def standard_error(values):
    """Return the Monte Carlo standard error of means over chains and draws."""
    flat = values.reshape(*values.shape[:2], -1)
    return np.array([float(az.mcse(flat[:, :, i])) for i in range(flat.shape[2])])


def tiny_model(case):
    """Write the enumerated case with the package's likelihood and its own prior."""
    X, k, prior = np.array(case["data"]), case["K"], case["prior"]
    with pm.Model(coords={"component": range(k), "feature": ["y"]}) as model:
        weights = pm.Dirichlet("weights", np.full(k, case["alpha"]), dims="component")
        means = pm.Normal(
            "means", prior["m0"], prior["s0"], dims=("component", "feature")
        )
        sds = pm.HalfNormal("sds", prior["parameters"][0], dims="component")
        bg.MvNormalMixture(
            "x",
            weights=weights,
            means=means,
            cholesky=sds[:, None, None],
            observed=X,
        )
    return X, model


def check_enumerated(posterior, truth, X, error_of=standard_error):
    """Pairs and density within 4 Monte Carlo standard errors of all allocations."""
    group = posterior["posterior"]
    shape = group["weights"].shape[:2]
    arrays = [group[name].values for name in ("weights", "means", "sds")]
    weights, means, sds = (x.reshape(-1, truth["K"]) for x in arrays)
    r = responsibilities(X, weights, means, sds)
    together = np.einsum("sik,sjk->sij", r, r).reshape(*shape, len(X), len(X))
    pairs = np.triu_indices(len(X), 1)
    got, expected = together[:, :, *pairs], np.array(truth["psm"])[pairs]
    error = np.abs(got.mean(axis=(0, 1)) - expected)
    assert (error < 4 * error_of(got)).all()
    density = [
        (weights * stats.norm.pdf(x, means, sds)).sum(1).reshape(shape)
        for (x,) in truth["grid"]
    ]
    density = np.stack(density, axis=-1)
    error = np.abs(density.mean(axis=(0, 1)) - truth["posterior_mean_density"])
    assert (error < 4 * error_of(density)).all()


@pytest.mark.slow
@pytest.mark.parametrize("case", [0, 2])
def test_nuts_equals_enumeration(golden, case):
    truth = golden("exact_tiny_nonconjugate.json")["cases"][case]
    X, model = tiny_model(truth)
    posterior = bg.sample(model, draws=3000, random_seed=3, progress=False)
    check_enumerated(posterior, truth, X)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["nuts_pymc", "nuts_numpyro", "nuts_blackjax"])
def test_other_steps_of_nuts_equal_enumeration(golden, method):
    """Of rows close together.

    Where one stands alone, HalfNormal standard deviations have a tail near zero that
    few draws reach, whoever takes the steps: the Monte Carlo error is not known there.
    """
    truth = golden("exact_tiny_nonconjugate.json")["cases"][2]
    X, model = tiny_model(truth)
    settings = {"draws": 1000, "random_seed": 3, "progress": False}
    check_enumerated(bg.sample(model, method=method, **settings), truth, X)


def between_chains(values):
    """Return the standard error of a mean by its spread over independent chains."""
    means = values.mean(axis=1)
    return means.std(axis=0, ddof=1) / np.sqrt(len(means))


@pytest.mark.slow
@pytest.mark.parametrize("case", [0, 2])
def test_smc_equals_enumeration(golden, case):
    """The evidence too. Draws of one population depend on each other in no order."""
    truth = golden("exact_tiny_nonconjugate.json")["cases"][case]
    X, model = tiny_model(truth)
    settings = {"draws": 700, "chains": 16, "random_seed": 3, "progress": False}
    posterior = bg.sample(model, method="smc", **settings)
    check_enumerated(posterior, truth, X, between_chains)
    attrs = posterior["posterior"].attrs
    error = attrs["log_evidence_sd"] / 4
    assert abs(attrs["log_evidence"] - truth["logml"]) < 4 * error
    assert error < 0.1


def test_pathfinder_finds_a_normal_posterior():
    """Far from the start and narrow: resampled draws have its mean and covariance."""
    root = np.array([[0.1, 0.0, 0.0], [0.5, 2.0, 0.0], [-0.3, 1.0, 0.5]])
    mean = np.array([3.0, -20.0, 7.0])
    with pm.Model() as model:
        pm.MvNormal("x", mean, chol=root, shape=3)
    settings = {"draws": 1000, "random_seed": 5, "progress": False}
    posterior = bg.sample(model, method="pathfinder", **settings)["posterior"]
    assert posterior.attrs["pareto_k"] < 0.5
    z = np.linalg.solve(root, (posterior["x"].values[0] - mean).T)
    # Of 4,000 resampled from 16,000: standard errors are at most 1.5 / sqrt(4000).
    np.testing.assert_allclose(z.mean(axis=1), 0.0, atol=4 * 1.5 / np.sqrt(4000))
    np.testing.assert_allclose(np.cov(z), np.eye(3), atol=4 * 1.5 * np.sqrt(2 / 4000))


@pytest.fixture(scope="module")
def faithful():
    X = bg.datasets.load("faithful")
    em = bg.GaussianMixture(2, random_state=0).fit(X)
    return X, em, bg.build_model(X, 2, init=em)


@pytest.fixture(scope="module")
def posterior(faithful):
    return bg.sample(faithful[2], random_seed=1, progress=False)


def test_old_faithful_converges(posterior):
    summary = az.summary(posterior, var_names=list(DIMS), round_to="none")
    assert summary["r_hat"].max() < 1.01
    assert summary["ess_bulk"].min() > 400
    assert posterior["sample_stats"]["diverging"].sum() == 0


def test_old_faithful_equals_pm_mixture(posterior, golden):
    """Means within a quarter, sds within a tenth of a sd of a long independent run."""
    oracle = golden("faithful_pm_mixture.json")
    order = np.argsort(posterior["posterior"]["means"].mean(("chain", "draw"))[:, 0])
    for name, expected in oracle.items():
        draws = posterior["posterior"][name].isel(component=order.values)
        mean, sd = np.array(expected["mean"]), np.array(expected["sd"])
        got = draws.mean(("chain", "draw")).values
        assert (np.abs(got - mean) < 0.25 * sd).all(), name
        np.testing.assert_allclose(draws.std(("chain", "draw")), sd, rtol=0.1)


def test_arviz_reads_the_result_as_it_stands(posterior):
    loo = az.loo(posterior)
    X, parts = posterior["observed_data"]["x"].values, {}
    for name in DIMS:
        parts[name] = posterior["posterior"][name].isel(chain=2, draw=17).values
    joint = [
        np.log(w) + stats.multivariate_normal(m, S).logpdf(X)
        for w, m, S in zip(*parts.values(), strict=True)
    ]
    rows = posterior["log_likelihood"]["x"].isel(chain=2, draw=17)
    np.testing.assert_allclose(rows, np.logaddexp(*joint), rtol=1e-9)
    assert loo.elpd == pytest.approx(-1141.5, abs=1.0)
    assert {"lp", "diverging", "tree_depth", "energy"} <= set(posterior["sample_stats"])
    az.plot_trace(posterior, var_names=["weights"], backend="none")


def test_components_are_ordered_as_em(faithful, posterior):
    means = posterior["posterior"]["means"].mean(("chain", "draw"))
    np.testing.assert_allclose(means, faithful[1].means_, rtol=0.02)


def test_a_chain_that_dies_leaves_the_others(faithful, monkeypatch):
    compiled = FlatModel(faithful[2]).log_posterior()
    calls = iter(range(10**9))

    def dies_once(x):
        if next(calls) == 700:
            raise FloatingPointError("no more")
        return compiled(x)

    monkeypatch.setattr(FlatModel, "log_posterior", lambda _: dies_once)
    settings = {"draws": 100, "tune": 100, "random_seed": 5, "progress": False}
    with pytest.warns(PosteriorWarning, match="Chain . died .*FloatingPointError: no"):
        posterior = bg.sample(faithful[2], chains=3, cores=1, **settings)
    assert posterior["posterior"].sizes["chain"] == 2
    assert posterior["posterior"].sizes["draw"] == 100


def test_an_interrupt_keeps_the_draws(faithful):
    timer = threading.Timer(6.0, _thread.interrupt_main)
    timer.start()
    with pytest.warns(PosteriorWarning, match="interrupted: .* of 10000000 draws"):
        posterior = bg.sample(
            faithful[2], draws=10_000_000, chains=2, random_seed=1, progress=False
        )
    draws = posterior["posterior"]["means"]
    assert draws.sizes["draw"] > 10
    assert np.isfinite(draws).all()


def test_a_model_or_observations_are_the_same(faithful):
    X, em, model = faithful
    options = {"draws": 20, "tune": 60, "chains": 1, "random_seed": 1}
    one = bg.sample(model, **options, progress=False)["posterior"]
    other = bg.sample(X, 2, init=em, **options, progress=False)["posterior"]
    np.testing.assert_array_equal(other["means"], one["means"])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"method": "nutz"},
            "`method` must be a known name; got 'nutz'. Did you mean 'nuts'? "
            "Choose one of 'nuts', 'nuts_pymc', 'nuts_numpyro', 'nuts_blackjax', "
            "'advi', 'fullrank_advi', 'laplace', 'pathfinder', 'smc', "
            "'gibbs', 'telescoping', 'cavi'.",
        ),
        (
            {"draws": 0},
            "`draws` must be a whole number of 1 or more; got 0. "
            "For example `draws=2`.",
        ),
        (
            {"random_seed": -1},
            "`random_seed` must be a whole number of 0 or more; got -1. "
            "For example `random_seed=2`.",
        ),
        (
            {"n_components": 2},
            "`n_components` must not be given with a model, which has its own; got "
            "both. Pass it to `build_model`, or pass observations to `sample`.",
        ),
        (
            {"covariance_type": "diag"},
            "`covariance_type` must not be given with a model, which has its own; got "
            "both. Pass it to `build_model`, or pass observations to `sample`.",
        ),
        (
            {"cores": 0},
            "`cores` must be a whole number of 1 or more; got 0. "
            "For example `cores=2`.",
        ),
    ],
)
def test_bad_arguments_are_refused(faithful, arguments, text):
    arguments = {"model_or_X": faithful[2]} | arguments
    with pytest.raises(InputError) as refused:
        bg.sample(**arguments)
    assert str(refused.value) == text


def test_a_name_of_no_method_is_refused_before_all_else(faithful):
    with pytest.raises(InputError, match="`method` must be a known name"):
        bg.sample(faithful[0], method="gibs")


@pytest.mark.slow
def test_laplace_is_the_posterior_where_that_is_nearly_normal(faithful, posterior):
    """Means within a tenth of a sd of NUTS, sds within a tenth."""
    laplace = bg.sample(faithful[2], method="laplace", random_seed=1, progress=False)
    assert laplace["posterior"].sizes["chain"] == 1
    assert laplace["posterior"].sizes["draw"] == 4000
    assert laplace["posterior"].attrs["approximate"] == 1
    assert laplace["posterior"].attrs["pareto_k"] < 0.5
    for name in DIMS:
        exact, got = posterior["posterior"][name], laplace["posterior"][name]
        error = np.abs(got.mean(("chain", "draw")) - exact.mean(("chain", "draw")))
        assert (error < 0.1 * exact.std(("chain", "draw"))).all(), name
        ratio = got.std(("chain", "draw")) / exact.std(("chain", "draw"))
        np.testing.assert_allclose(ratio, 1.0, atol=0.1)


def test_laplace_says_that_it_is_rough(golden):
    """Three groups in six numbers: no normal distribution, but many modes."""
    _, model = tiny_model(golden("exact_tiny_nonconjugate.json")["cases"][2])
    with pytest.warns(PosteriorWarning, match=r"rough: Pareto k-hat is .*above 0\.7"):
        draws = bg.sample(model, method="laplace", random_seed=1, progress=False)
    assert draws["posterior"].attrs["pareto_k"] > 0.7
    assert draws["posterior"].sizes["draw"] == 4000


@pytest.mark.slow
@pytest.mark.parametrize("method", ["advi", "fullrank_advi"])
def test_advi_is_near_nuts(faithful, posterior, method):
    """Posterior means within half a sd: ADVI is an approximation."""
    approximate = bg.sample(faithful[2], method=method, random_seed=1, progress=False)
    assert approximate["posterior"].sizes["chain"] == 1
    assert approximate["posterior"].attrs["approximate"] == 1
    assert posterior["posterior"].attrs["approximate"] == 0
    for name in ("weights", "means", "standard_deviations"):
        exact = posterior["posterior"][name]
        sd = exact.std(("chain", "draw"))
        got = approximate["posterior"][name].mean(("chain", "draw"))
        assert (np.abs(got - exact.mean(("chain", "draw"))) < 0.5 * sd).all()


@pytest.mark.slow
@pytest.mark.parametrize("nuts_sampler", ["pymc", "nutpie"])
def test_a_bare_pm_sample_starts_at_em(faithful, nuts_sampler):
    """First warm-up draws of every chain within 6 sds of EM, for both samplers."""
    _, em, model = faithful
    with model:
        tree = pm.sample(
            100,
            tune=200,
            random_seed=1,
            nuts_sampler=nuts_sampler,
            discard_tuned_samples=False,
            progressbar=False,
            compute_convergence_checks=False,
        )
    sd = tree["posterior"]["means"].std(("chain", "draw")).values
    first = tree["warmup_posterior"]["means"].isel(draw=0).values
    assert (np.abs(first - em.means_) < 6 * sd).all()


@pytest.mark.slow
def test_pm_fit_starts_at_em(faithful):
    """A few steps of ADVI have not left the neighbourhood of EM."""
    _, _, model = faithful
    with model:
        approximation = pm.fit(20, method="advi", random_seed=1, progressbar=False)
    assert np.abs(approximation.mean.eval()).max() < 1


def test_log_likelihoods_are_left_out_where_they_are_many(faithful, monkeypatch):
    """They are what grows with draws x observations; `az.loo` wants them, no more."""
    limit = "bayesgmm.marginal.quantities.MAX_LOG_LIKELIHOODS"
    settings = {"draws": 10, "chains": 2, "tune": 50, "progress": False}
    monkeypatch.setattr(limit, 2 * 10 * 272 - 1)
    assert "log_likelihood" not in bg.sample(faithful[2], **settings).children
    monkeypatch.setattr(limit, 2 * 10 * 272)
    assert "log_likelihood" in bg.sample(faithful[2], **settings).children
