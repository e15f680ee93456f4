"""Bootstraps: the textbook for one component, mclust, and the life after."""

from dataclasses import replace
from importlib import import_module

import arviz as az
import numpy as np
import pytest
from scipy.special import entr
from synthetic import joint

import bayesgmm as bg
from bayesgmm.dims import DIMS
from bayesgmm.em import Status
from bayesgmm.errors import CollapseWarning, InputError, UncertaintyWarning
from bayesgmm.replicates import KINDS
from bayesgmm.weight_kinds import WEIGHT_KINDS

RANDOM = [kind for kind in KINDS if kind != "jackknife"]


def errors_of(em, replicates):
    return bg.bootstrap_summary(replicates, em).sel(statistic="standard_error")


def resample(em, X, kind, n=20, seed=0, **options):
    return bg.bootstrap(em, X, kind, n, seed, progress=False, **options)


def assert_equal(a, b):
    for name in DIMS:
        np.testing.assert_array_equal(a["posterior"][name], b["posterior"][name])


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).normal(size=(50, 2)) @ [[1, 0.5], [0, 2]]


@pytest.fixture(scope="module")
def one(X):
    return bg.GaussianMixture(1).fit(X)


@pytest.fixture(scope="module")
def faithful():
    return bg.datasets.load("faithful")


@pytest.fixture(scope="module")
def two(faithful):
    return bg.GaussianMixture(2, random_state=0).fit(faithful)


# -- the textbook, one component -----------------------------------------------------


def test_the_jackknife_of_a_mean_is_the_textbook_error(X, one):
    summary = bg.bootstrap_summary(resample(one, X, "jackknife"), one)
    expected = X.std(axis=0, ddof=1) / np.sqrt(len(X))
    np.testing.assert_allclose(summary["means"][1, 0], expected, rtol=1e-9)
    np.testing.assert_allclose(summary["means"][2, 0], 0.0, atol=1e-9)


def test_the_jackknife_makes_the_covariance_unbiased(X, one):
    summary = bg.bootstrap_summary(resample(one, X, "jackknife"), one)
    unbiased = summary["covariances"][0, 0] - summary["covariances"][2, 0]
    np.testing.assert_allclose(unbiased, np.cov(X.T), rtol=1e-9)


def test_intervals_of_the_jackknife_are_normal(X, one):
    summary = bg.bootstrap_summary(resample(one, X, "jackknife"), one, 0.95)
    reach = 1.959963984540054 * summary["means"][1]
    np.testing.assert_allclose(summary["means"][3], summary["means"][0] - reach)
    np.testing.assert_allclose(summary["means"][4], summary["means"][0] + reach)


@pytest.mark.parametrize("kind", RANDOM)
def test_errors_of_means_are_the_textbook_ones(X, one, kind):
    n_replicates = 1000
    ours = errors_of(one, resample(one, X, kind, n_replicates))
    n = len(X) + (kind == "weighted_likelihood")  # Dirichlet(1): variance s^2 / (n + 1)
    expected = X.std(axis=0) / np.sqrt(n)
    # An sd of B normal replicates has a relative error of 1 / sqrt(2 B).
    ratios = ours["means"].values[0] / expected - 1
    assert (np.abs(ratios) < 4.5 / np.sqrt(2 * n_replicates)).all()


@pytest.mark.parametrize("kind", RANDOM)
def test_intervals_are_percentiles_and_biases_distances(X, one, kind):
    replicates = resample(one, X, kind, 60)
    summary = bg.bootstrap_summary(replicates, one, 0.8)
    draws = replicates["posterior"]["means"].values[0]
    np.testing.assert_allclose(summary["means"][3], np.quantile(draws, 0.1, axis=0))
    np.testing.assert_allclose(summary["means"][4], np.quantile(draws, 0.9, axis=0))
    bias = draws.mean(axis=0) - one.means_
    np.testing.assert_allclose(summary["means"][2], bias, atol=1e-12)


# -- mixtures ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "theirs", "tolerance", "of_covariances"),
    [
        ("nonparametric", "bs", 0.15, 0.25),
        ("weighted_likelihood", "wlbs", 0.15, 0.25),
        # Deterministic, but that mclust stops EM early.
        ("jackknife", "jk", 0.03, 0.05),
    ],
)
def test_agrees_with_mclust(
    faithful, two, golden, kind, theirs, tolerance, of_covariances
):
    expected = golden("mclust_bootstrap.json")["standard_errors"][theirs]
    ours = errors_of(two, resample(two, faithful, kind, 400))
    for name, close in zip(DIMS, [tolerance, tolerance, of_covariances], strict=True):
        np.testing.assert_allclose(ours[name], expected[name], rtol=close)


@pytest.mark.parametrize("kind", RANDOM)
def test_agrees_with_the_information_where_groups_stand_apart(kind):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(600, 2)) + 8.0 * (rng.random((600, 1)) < 0.4)
    em = bg.GaussianMixture(2, n_init=1, random_state=0).fit(X)
    n_replicates = 300
    ours, analytic = errors_of(em, resample(em, X, kind, n_replicates)), None
    analytic = bg.standard_errors(em, X, "information")
    # Monte Carlo, and fourth moments of finite groups for variances.
    mc = 4.5 / np.sqrt(2 * n_replicates)
    for name, finite in (("weights", 0.0), ("means", 0.0), ("covariances", 0.1)):
        assert np.abs(ours[name] / analytic[name] - 1).max() < mc + finite


def test_the_jackknife_agrees_with_the_sandwich(faithful, two):
    """Both are exact to first order, whatever the distribution of the rows."""
    ours = errors_of(two, resample(two, faithful, "jackknife"))
    analytic = bg.standard_errors(two, faithful, "sandwich")
    for name in DIMS:
        np.testing.assert_allclose(ours[name], analytic[name], rtol=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_bits_on_any_number_of_threads(faithful, two, kind, monkeypatch):
    trees = []
    for n_threads in (1, 3):
        monkeypatch.setattr(
            "bayesgmm.kernels.threads.available_cores", lambda n=n_threads: n
        )
        trees.append(resample(two, faithful, kind, seed=7))
    assert_equal(*trees)
    if kind in RANDOM:
        other = resample(two, faithful, kind, seed=8)["posterior"]["means"]
        assert not np.allclose(other, trees[0]["posterior"]["means"])


def test_components_are_matched_with_the_fit(faithful, two, monkeypatch):
    module = import_module("bayesgmm.bootstrap")

    expected = resample(two, faithful, "weighted_likelihood")
    run = module.run_replicates

    def in_any_order(*arguments):
        runs = run(*arguments)
        return [run.largest_first() for run in runs[:10]] + [
            replace(run, parameters=run.parameters.permute([1, 0])) for run in runs[10:]
        ]

    monkeypatch.setattr(module, "run_replicates", in_any_order)
    ours = resample(two, faithful, "weighted_likelihood")
    assert_equal(ours, expected)
    assert (ours["relabelling"]["permutation"].values[0, 10:, 0] == 1).all()


def test_replicates_keep_the_family_and_its_prior_settings(faithful):
    em = bg.GaussianMixture(2, covariance_type="EEE", reg_covar=0.5, random_state=0)
    replicates = resample(em.fit(faithful), faithful, "jackknife")["posterior"]
    covariances = replicates["covariances"].values[0]
    np.testing.assert_array_equal(covariances[:, 0], covariances[:, 1])
    assert np.linalg.eigvalsh(covariances).min() > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_gaps_stay_gaps(kind):
    """Two features apart: the one with gaps has the error of what was observed."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(120, 2))
    X[rng.random(120) < 0.6, 1] = np.nan
    em = bg.GaussianMixture(1, covariance_type="diag", missing="fiml").fit(X)
    n_replicates = 400
    ours = errors_of(em, resample(em, X, kind, n_replicates))["means"].values[0]
    observed = (~np.isnan(X)).sum(axis=0)
    expected = np.nanstd(X, axis=0) / np.sqrt(observed)
    # Of Monte Carlo, and of 1 / n.
    assert np.abs(ours / expected - 1).max() < 4.5 / np.sqrt(2 * n_replicates) + 0.02


def test_known_labels_stay_known(faithful):
    """All labels known: each group is one sample with the textbook error."""
    labels = (faithful["eruptions"] < 3.5).to_numpy().astype(int)
    em = bg.GaussianMixture(2, n_init=1, random_state=0).fit(faithful, labels=labels)
    ours = errors_of(em, resample(em, faithful, "jackknife", labels=labels))
    for k in (0, 1):
        group = faithful[labels == k]
        expected = group.std(ddof=1) / np.sqrt(len(group))
        # Only shares of rows differ from one group's own jackknife.
        np.testing.assert_allclose(ours["means"][k], expected, rtol=0.01)


# -- weights -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weighted(faithful):
    times = 1 + (np.arange(len(faithful)) < 5)
    em = bg.GaussianMixture(2, n_init=2, random_state=0)
    return em.fit(faithful, sample_weight=times), times


def test_weight_two_is_the_row_twice_in_the_jackknife(faithful, weighted):
    em, times = weighted
    ours = resample(em, faithful, "jackknife", sample_weight=times)
    expected = resample(em, faithful.loc[faithful.index.repeat(times)], "jackknife")
    for name in DIMS:
        np.testing.assert_allclose(
            ours["posterior"][name], expected["posterior"][name], rtol=1e-6
        )
    assert ours["posterior"].attrs["standard_error_factor"] == np.sqrt(times.sum() - 1)
    assert ours["sample_stats"]["replicate"].values[0, :4].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("kind", RANDOM)
def test_frequencies_are_numbers_of_observations(X, one, kind):
    """Three of every row: errors are smaller by the square root of three."""
    tripled = np.full(len(X), 3.0)
    ours = errors_of(one, resample(one, X, kind, 500, sample_weight=tripled))
    n = 3 * len(X) + (kind == "weighted_likelihood")
    ratios = ours["means"].values[0] / (X.std(axis=0) / np.sqrt(n)) - 1
    assert (np.abs(ratios) < 4.5 / np.sqrt(1000)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_only_ratios_of_reliabilities_count(X, one, kind):
    weight = np.random.default_rng(1).exponential(size=len(X))
    ours, expected = (
        resample(one, X, kind, sample_weight=w, weight_kind="reliability")
        for w in (1e-3 * weight, weight)
    )
    for name in DIMS:
        np.testing.assert_allclose(
            ours["posterior"][name], expected["posterior"][name], rtol=1e-6
        )


@pytest.mark.parametrize("kind", ["nonparametric", "weighted_likelihood", "jackknife"])
def test_unequal_reliabilities_make_errors_larger(X, kind):
    """Those of a weighted mean, which one row is more important for than another."""
    weight = np.random.default_rng(3).exponential(size=len(X))
    em = bg.GaussianMixture(1, weight_kind="reliability").fit(X, sample_weight=weight)
    n_replicates = 1000
    ours = errors_of(em, resample(em, X, kind, n_replicates, sample_weight=weight))
    shift = X - np.average(X, axis=0, weights=weight)
    expected = np.sqrt(weight**2 @ shift**2) / weight.sum()
    # Monte Carlo, and 1 / n twice over: 27 rows in effect.
    ratios = ours["means"].values[0] / expected - 1
    assert (np.abs(ratios) < 4.5 / np.sqrt(2 * n_replicates) + 0.04).all()


@pytest.mark.parametrize("weight_kind", WEIGHT_KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_weight_zero_is_the_row_absent(X, one, kind, weight_kind):
    weight = np.ones(len(X))
    weight[30:] = 0.0
    options = {"sample_weight": weight, "weight_kind": weight_kind}
    replicates = resample(one, X, kind, 400, **options)
    n_replicates = 30 if kind == "jackknife" else 400
    assert replicates["posterior"].sizes["draw"] == n_replicates
    ours = errors_of(one, replicates)
    expected = X[:30].std(axis=0) / np.sqrt(30)
    assert (np.abs(ours["means"].values[0] / expected - 1) < 0.17).all()


def test_weights_and_known_labels_are_kept(faithful, weighted):
    em, times = weighted
    labels = np.full(len(faithful), -1)
    labels[:2] = em.predict(faithful.iloc[:2])
    known = {"sample_weight": times, "labels": labels}
    replicates = resample(em, faithful, "weighted_likelihood", 10, **known)
    assert (bg.draw_labels(replicates)[..., :2] == labels[:2]).all()
    size = bg.profile(replicates).draws["size"].sum("component")
    np.testing.assert_allclose(size, times.sum())


def test_parts_of_an_observation_cannot_be_left_out(X, one):
    with pytest.raises(InputError, match=r"`sample_weight`.*whole numbers.*got 0\.5"):
        resample(one, X, "jackknife", sample_weight=np.full(len(X), 0.5))


# -- afterwards ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def replicates(faithful, two):
    return resample(two, faithful, "weighted_likelihood", 50)


def test_everything_for_posteriors_works(faithful, two, replicates):
    assert "weights[0]" in az.summary(replicates).index
    members = bg.membership(replicates)
    assert members.sizes == {"obs_id": len(faithful), "component": 2}
    comparison = bg.compare(two, replicates, faithful, bootstrap=replicates)
    ours = errors_of(two, replicates)["means"].values.ravel()
    assert comparison.table.loc["means"]["bootstrap_sd"].to_numpy() == pytest.approx(
        ours
    )
    assert_equal(bg.unrelabel(bg.relabel(replicates)), bg.unrelabel(replicates))


def test_the_tree_says_what_it_is(tmp_path, faithful, replicates):
    stats = replicates["sample_stats"]
    assert stats["converged"].values.all()
    assert stats["replicate"].values.tolist() == [list(range(50))]
    attrs = replicates["posterior"].attrs
    assert attrs["bootstrap"] == "weighted_likelihood"
    assert (attrs["n_replicates"], attrs["n_collapsed"]) == (50, 0)
    replicates.to_netcdf(tmp_path / "replicates.nc")
    np.testing.assert_array_equal(replicates["observed_data"]["x"], faithful)


def test_jackknife_replicates_are_stretched_wherever_they_are_summarised(faithful, two):
    replicates = resample(two, faithful, "jackknife")
    expected = errors_of(two, replicates)
    table = bg.compare(two, replicates, faithful, bootstrap=replicates).table
    ours = table.loc["means"]["bootstrap_sd"].to_numpy()
    assert ours == pytest.approx(expected["means"].values.ravel())
    members = bg.membership(replicates)
    posterior = replicates["posterior"]
    draws = zip(*(posterior[name].values[0] for name in DIMS), strict=True)
    scores = np.array([joint(faithful.to_numpy(), *draw) for draw in draws])
    p = np.exp(scores - np.logaddexp.reduce(scores, axis=2, keepdims=True))
    sd = np.sqrt(len(faithful) - 1) * p.std(axis=0)
    np.testing.assert_allclose(members["probability_sd"], sd, 1e-6, 1e-9)
    lower, upper = members["probability_lower"], members["probability_upper"]
    assert lower.values.min() >= 0.0
    assert upper.values.max() <= 1.0
    mean = p.mean(axis=0)
    knowing = (entr(mean) - entr(p).mean(axis=0)).sum(axis=1)
    expected = np.minimum((len(faithful) - 1) * knowing, entr(mean).sum(axis=1))
    np.testing.assert_allclose(members["parameter_entropy"], expected, 1e-4, 1e-9)


# -- what goes wrong -----------------------------------------------------------------


@pytest.fixture(scope="module")
def small_group():
    rng = np.random.default_rng(3)
    X = np.vstack([rng.normal(size=(60, 2)), 20 + rng.normal(size=(4, 2))])
    return X, bg.GaussianMixture(2, n_init=2, random_state=0).fit(X)


def test_collapsed_replicates_are_left_out_and_counted(small_group):
    X, em = small_group
    with pytest.warns(UncertaintyWarning, match="Of 40 replicates [0-9]+ collapsed"):
        replicates = resample(em, X, "nonparametric", 40)
    posterior = replicates["posterior"]
    n_collapsed = posterior.attrs["n_collapsed"]
    assert 0 < n_collapsed < 40
    assert posterior.sizes["draw"] == 40 - n_collapsed
    assert len(set(replicates["sample_stats"]["replicate"].values[0])) == len(
        posterior["draw"]
    )
    assert np.linalg.eigvalsh(posterior["covariances"].values).min() > 0


def test_weights_of_rows_leave_out_no_group(small_group):
    X, em = small_group
    assert resample(em, X, "weighted_likelihood", 40)["posterior"].sizes["draw"] == 40


def test_replicates_that_all_collapse_are_no_answer(monkeypatch, small_group):
    module = import_module("bayesgmm.bootstrap")

    X, em = small_group
    run = module.run_replicates
    monkeypatch.setattr(
        module,
        "run_replicates",
        lambda *arguments: [
            replace(run, status=Status.COLLAPSED) for run in run(*arguments)
        ],
    )
    with pytest.raises(InputError, match="all of which collapsed"):
        resample(em, X, "parametric")


def test_what_cannot_be_replicated_is_refused(X, one):
    with pytest.raises(InputError, match="be a fitted GaussianMixture"):
        bg.bootstrap(one.parameters_, X)
    with pytest.raises(InputError, match="be a fitted GaussianMixture"):
        bg.bootstrap(bg.GaussianMixture(2), X)
    with pytest.raises(InputError, match="mean 'parametric'"):
        resample(one, X, "parametrc")
    with pytest.raises(InputError, match="2 features of the fit"):
        resample(one, X[:, :1], "parametric")
    with pytest.raises(InputError, match="`n_replicates`"):
        resample(one, X, "parametric", 1)


def fit_beside_repeated_rows(X, on_collapse, **settings):
    """Fit groups of which the first, of one row five times, collapses."""
    rows = np.vstack([np.full((5, 2), 30.0), X, X + 12.0])
    em = bg.GaussianMixture(
        3,
        means_init=[[30.0, 30.0], X.mean(0), X.mean(0) + 12.0],
        precisions_init=[np.eye(2)] * 3,
        on_collapse=on_collapse,
        **settings,
    )
    with pytest.warns(CollapseWarning):
        return em.fit(rows), rows


def test_a_dropped_component_leaves_what_is_held_to_the_others(X):
    """Of three, so that places and weights of the settings are not those of the fit."""
    held = {"frozen": [1], "fixed_weights": [0.2, 0.2, 0.6]}
    em, rows = fit_beside_repeated_rows(X, "drop", **held)
    replicates = resample(em, rows, "weighted_likelihood", n=4).posterior
    np.testing.assert_allclose(replicates["weights"].values[0], [[0.25, 0.75]] * 4)
    assert (replicates["means"].values[..., 0, :] == X.mean(0)).all()
    assert (replicates["means"].values[..., 1, :].std(axis=1) > 0).all()


def test_replicates_of_a_repaired_fit_have_its_prior(X):
    """Without it components collapse onto the repeated row in every replicate."""
    em, rows = fit_beside_repeated_rows(X, "repair")
    assert em.status_ is Status.REPAIRED
    replicates = resample(em, rows, "weighted_likelihood", n=4)
    assert replicates.posterior.attrs["n_collapsed"] == 0
