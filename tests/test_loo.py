"""Leave-one-out and held-out scores, against enumeration and the definition."""

import tracemalloc
import warnings
from importlib import import_module

import arviz_stats
import numpy as np
import pandas as pd
import pytest
import synthetic
import xarray as xr
from arviz_stats.utils import ELPDDataLOOSubsample
from oracle_posterior import Enumerated
from scipy.special import logsumexp

import bayesgmm as bg
import bayesgmm.blocks
from bayesgmm.errors import InputError, PosteriorWarning
from bayesgmm.loo import _relative_efficiency
from bayesgmm.posterior import read_draws

# The package's attribute of this name is the function.
loo_module = import_module("bayesgmm.loo")


def quiet_loo(*arguments):
    """Leave out rows, whether or not that is known well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PosteriorWarning)
        return bg.loo(*arguments)


def fitted(X, n_components, rng, n_draws=400):
    """Sample from a start at equal parts along the first feature."""
    edges = np.quantile(X[:, 0], np.arange(1, n_components) / n_components)
    start = np.digitize(X[:, 0], edges)
    chains = [synthetic.gibbs(X, start, n_components, n_draws, rng) for _ in range(2)]
    return synthetic.tree(X, chains)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(5)
    return synthetic.observations(synthetic.TWO_GROUPS, 60, rng)


@pytest.fixture(scope="module")
def posterior(rows):
    return fitted(rows, 2, np.random.default_rng(6))


def log_likelihoods(posterior, X):
    """Return log p(x | draw), shape (n_chains, n_draws, n_observations)."""
    group = posterior["posterior"]
    parts = [group[name].values for name in ("weights", "means", "covariances")]
    shape = parts[0].shape[:2]
    draws = zip(*(part.reshape(-1, *part.shape[2:]) for part in parts), strict=True)
    logs = [logsumexp(synthetic.joint(X, *draw), axis=1) for draw in draws]
    return np.reshape(logs, (*shape, len(X)))


@pytest.mark.parametrize("case", range(4))
def test_exact_leave_one_out_is_found_or_flagged(golden, case):
    """By exact draws of a posterior whose leave-one-out predictions are enumerated."""
    truth = golden("exact_tiny_conjugate.json")["cases"][case]
    exact = Enumerated(truth["data"], truth["K"], truth["alpha"], truth["prior"])
    assert exact.log_evidence == pytest.approx(truth["logml"], abs=1e-9)
    draws = exact.draws(10_000, np.random.default_rng(case))
    X = np.array(truth["data"])
    found = quiet_loo(synthetic.tree(X, [draws], lp=False))
    error = np.abs(found.elpd_i.values - truth["loo_log_predictive"])
    flagged = found.pareto_k.values > found.good_k
    assert (flagged | (error < 0.1)).all()
    assert flagged.sum() <= 2
    assert found.warning == flagged.any()


def test_streamed_is_what_arviz_does_at_once(posterior, rows, monkeypatch):
    logs = xr.DataArray(
        log_likelihoods(posterior, rows), dims=("chain", "draw", "obs_id"), name="x"
    )
    tree = xr.DataTree.from_dict(
        {
            "posterior": posterior["posterior"].to_dataset(),
            "log_likelihood": logs.to_dataset(),
        }
    )
    r_eff = _relative_efficiency(rows, read_draws(posterior))
    expected = arviz_stats.loo(tree, pointwise=True, reff=r_eff)
    monkeypatch.setattr(bayesgmm.blocks, "BLOCK_BYTES", 8 * 800 * 7)
    found = bg.loo(posterior)
    for name in ("elpd", "se", "p", "good_k", "n_samples", "n_data_points"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-9)
    np.testing.assert_allclose(found.elpd_i, expected.elpd_i, rtol=1e-9)
    np.testing.assert_allclose(found.pareto_k, expected.pareto_k, rtol=1e-6)
    assert found.elpd_i.dims == ("obs_id",)
    assert type(found) is type(expected)


def test_efficiency_does_not_know_labels(posterior, rows):
    draws = read_draws(posterior)
    found = _relative_efficiency(rows, draws)
    some = rows[np.linspace(0, 59, 32).astype(int)]
    likelihoods = np.exp(log_likelihoods(posterior, some))
    sizes = [arviz_stats.ess(likelihoods[..., n], method="mean") for n in range(32)]
    # A row's draws count for no more than they are.
    assert found == pytest.approx(np.minimum(sizes, 800).mean() / 800, rel=1e-9)


def test_switched_labels_change_nothing(posterior, rows):
    rng = np.random.default_rng(0)
    group = posterior["posterior"]
    chains = [
        synthetic.switched(
            [group[name].values[c] for name in ("weights", "means", "covariances")],
            synthetic.random_permutations(400, 2, rng),
        )
        for c in range(2)
    ]
    found = bg.loo(synthetic.tree(rows, chains))
    np.testing.assert_allclose(found.elpd_i, bg.loo(posterior).elpd_i, rtol=1e-9)


def test_arviz_compares_fits_of_different_size():
    """Old Faithful's eruptions are of two kinds, and a third is no use."""
    X = bg.datasets.load("faithful")
    results = {
        str(k): bg.loo(
            bg.sample(X, k, method="gibbs", random_seed=1, progress=False, draws=250)
        )
        for k in (1, 2, 3)
    }
    table = arviz_stats.compare(results, round_to="none")
    assert set(table.index[:2]) == {"2", "3"}
    assert table["elpd_diff"].iloc[1] > -3 * table["dse"].iloc[1]
    gain = results["2"].elpd_i - results["1"].elpd_i
    assert table.loc["1", "elpd"] == pytest.approx(results["1"].elpd)
    assert gain.sum() > 8 * np.sqrt(272) * gain.std()


def test_weight_two_is_the_row_twice(posterior, rows):
    weight = np.ones(60)
    weight[:20] = 2.0
    weighted = posterior.copy()
    data = posterior["constant_data"].to_dataset()
    weighted["constant_data"] = data.assign(sample_weight=("obs_id", weight))
    found = bg.loo(weighted)
    twice = posterior.copy()
    twice["constant_data"] = xr.Dataset(
        {"X": (("obs_id", "feature"), np.vstack([rows, rows[:20]]))}
    )
    repeated = bg.loo(twice)
    assert found.elpd == pytest.approx(repeated.elpd, rel=1e-3)
    assert found.se == pytest.approx(repeated.se, rel=1e-2)
    assert found.n_data_points == repeated.n_data_points == 80
    plain = bg.loo(posterior).elpd_i.values
    np.testing.assert_allclose(found.elpd_i.values[20:], plain[20:], rtol=1e-3)
    np.testing.assert_allclose(found.elpd_i.values[:20], 2 * plain[:20], rtol=1e-3)


def test_a_sample_of_many_rows_stands_for_all(posterior, rows, monkeypatch):
    whole = bg.loo(posterior)
    monkeypatch.setattr(loo_module, "LARGEST_FULL", 30)
    found = bg.loo(posterior)
    assert isinstance(found, ELPDDataLOOSubsample)
    assert found.subsample_size == 30
    assert found.n_data_points == 60
    assert 0 < found.subsampling_se < 3
    assert abs(found.elpd - whole.elpd) < 4 * found.subsampling_se
    assert found.se == pytest.approx(whole.se, rel=0.2)
    assert found.p == pytest.approx(whole.p, rel=0.5)
    seen = found.loo_subsample_observations
    np.testing.assert_allclose(found.elpd_i[seen], whole.elpd_i[seen], rtol=1e-3)
    assert np.isnan(found.pareto_k).sum() == 30
    other = quiet_loo(fitted(rows, 1, np.random.default_rng(1)))
    table = arviz_stats.compare({"2": found, "1": other})
    assert list(table.index) == ["2", "1"]


def test_nothing_as_large_as_draws_by_rows_is_made(posterior, monkeypatch):
    many = np.tile(posterior["constant_data"]["X"].values, (100, 1))
    large = posterior.copy()
    large["constant_data"] = xr.Dataset({"X": (("obs_id", "feature"), many)})
    block = 2**18
    monkeypatch.setattr(bayesgmm.blocks, "BLOCK_BYTES", block)
    monkeypatch.setattr(loo_module, "LARGEST_FULL", 200)
    quiet_loo(large)
    tracemalloc.start()
    quiet_loo(large)
    bg.log_score(large, many)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * block < 8 * many.shape[0] * 800 / 8


class TestRefusals:
    def test_other_order(self, posterior, rows):
        bg.loo(posterior, rows)
        shifted = np.roll(rows, 1, axis=0)
        with pytest.raises(InputError, match="got other values, the first in row 0"):
            bg.loo(posterior, shifted)
        swapped = rows[np.r_[:10, 11, 10, 12:60]]
        with pytest.raises(InputError, match="first in row 10"):
            bg.loo(posterior, swapped)

    def test_other_number_of_rows(self, posterior, rows):
        with pytest.raises(InputError, match="59 rows where the posterior holds 60"):
            bg.loo(posterior, rows[:-1])

    def test_replicates_are_no_posterior(self, posterior):
        replicates = posterior.copy()
        replicates["posterior"].attrs["standard_error_factor"] = 1.0
        with pytest.raises(InputError, match="replicates of a bootstrap"):
            bg.loo(replicates)

    def test_few_draws(self, posterior):
        with pytest.raises(InputError, match="25 draws or more; got 24"):
            bg.loo(posterior.isel(draw=slice(12)))


def test_an_approximation_is_said_to_be_one(posterior):
    rough = posterior.copy()
    rough["posterior"].attrs |= {"approximate": 1, "method": "advi"}
    with pytest.warns(PosteriorWarning, match=r"approximation \(advi\)"):
        bg.loo(rough)


def test_a_row_that_few_draws_explain_is_named(posterior, rows):
    far = rows.copy()
    far[17] = 9.0
    names = [f"row {n}" for n in range(60)]
    frame = pd.DataFrame(far, columns=["x0", "x1"], index=names)
    alone = xr.DataTree.from_dict({"posterior": posterior["posterior"].to_dataset()})
    with pytest.warns(PosteriorWarning, match=r"1 of 60 rows.* for row row 17\."):
        found = bg.loo(alone, frame)
    assert found.warning
    assert list(found.elpd_i["obs_id"].values) == names


def test_chains_that_stand_still(posterior):
    still = posterior.isel(draw=[3] * 400)
    with pytest.warns(PosteriorWarning, match="at most inf"):
        found = bg.loo(still)
    assert np.isfinite(found.elpd_i).all()
    one = bg.loo(still.isel(chain=[0]))
    X = posterior["constant_data"]["X"].values
    expected = log_likelihoods(posterior, X)[0, 3]
    np.testing.assert_allclose(one.elpd_i, expected, rtol=1e-9)
    assert not one.warning


def test_log_score_is_the_log_of_the_mean_density(posterior):
    X = np.array([[0.0, 1.0], [-2.0, 0.5], [40.0, -30.0]])
    found = bg.log_score(posterior, X)
    logs = log_likelihoods(posterior, X).reshape(800, 3)
    expected = logsumexp(logs, axis=0) - np.log(800)
    np.testing.assert_allclose(found["log_density"], expected, rtol=1e-10)
    assert float(found["log_score"]) == pytest.approx(expected.sum())
    error = np.sqrt(3) * expected.std(ddof=1)
    assert float(found["standard_error"]) == pytest.approx(error)
    density = bg.predictive_density(posterior, X)
    np.testing.assert_allclose(density[:2], np.exp(expected[:2]), rtol=1e-9)
    assert density.dims == ("obs_id",)
    assert np.isnan(bg.log_score(posterior, X[:1])["standard_error"])


def test_predictive_density_integrates_to_one(posterior):
    one = posterior.isel(feature=[0], feature_bis=[0])
    grid = np.linspace(-30, 30, 6001)
    density = bg.predictive_density(one, grid[:, None])
    assert np.trapezoid(density, grid) == pytest.approx(1.0, abs=1e-4)
