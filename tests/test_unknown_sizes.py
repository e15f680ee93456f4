"""Posteriors of an unknown number of components: what their densities say."""

import warnings

import arviz_stats
import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

import bayesgmm as bg
from bayesgmm.errors import InputError
from bayesgmm.loo import _relative_efficiency
from bayesgmm.posterior import read_mixtures


@pytest.fixture(scope="module")
def galaxies():
    X = bg.datasets.load("galaxies")
    settings = {"draws": 2500, "random_seed": 1, "progress": False}
    return X, bg.sample(X, method="telescoping", **settings)


def densities(posterior, x):
    """Density at one place of every draw, from the definition; absent is no number."""
    group = posterior["posterior"]
    sds = np.sqrt(group["covariances"].values[..., 0, 0])
    parts = group["weights"].values * norm.pdf(x, group["means"].values[..., 0], sds)
    return np.nansum(parts, axis=-1)


def test_new_rows_have_the_density_averaged_over_sizes(galaxies):
    _, posterior = galaxies
    assert np.isnan(posterior["posterior"]["means"].values).any()
    places = [9.0, 16.0, 20.0, 40.0]
    found = bg.predictive_density(posterior, np.reshape(places, (-1, 1)))
    expected = [densities(posterior, x).mean() for x in places]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.filterwarnings("ignore:What 1 of 82 rows would be:UserWarning")
def test_rows_are_left_out_whatever_the_size(galaxies):
    X, posterior = galaxies
    by_row = [densities(posterior, x) for x in X.to_numpy().ravel()]
    logs = xr.Dataset(
        {"x": (("chain", "draw", "obs_id"), np.moveaxis(np.log(by_row), 0, -1))}
    )
    kept = posterior["posterior"].to_dataset()[["n_components"]]
    tree = xr.DataTree.from_dict({"posterior": kept, "log_likelihood": logs})
    loo = bg.loo(posterior)
    r_eff = _relative_efficiency(X.to_numpy(), read_mixtures(posterior))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a Pareto k close to 0.7
        expected = arviz_stats.loo(tree, pointwise=True, reff=r_eff)
    np.testing.assert_allclose(loo.elpd_i, expected.elpd_i, rtol=1e-9)
    assert loo.se == pytest.approx(expected.se, rel=1e-9)


def test_the_verdict_is_on_what_labels_cannot_change(galaxies):
    diagnosis = bg.diagnose(galaxies[1])
    group = galaxies[1]["posterior"]
    table = diagnosis.invariants
    assert table["mean"]["n_filled"] == pytest.approx(group["n_filled"].values.mean())
    assert np.isfinite(table["r_hat"]).all()
    assert diagnosis.parameters.empty
    assert diagnosis.sentence.startswith("The chains agree: R-hat is at most")
    assert "relabelled" not in diagnosis.sentence
    assert "n_components" in table.index


def test_chains_of_other_densities_do_not_agree(galaxies):
    posterior = galaxies[1].copy()
    group = posterior["posterior"].to_dataset()
    moved = group["means"].where(group["chain"] > 0, group["means"] + 10.0)
    posterior["posterior"] = group.assign(means=moved)
    assert "different solutions" in bg.diagnose(posterior).sentence


def test_the_density_is_drawn_without_components(galaxies):
    X, posterior = galaxies
    labels = bg.plot_density(X, posterior).axes[0].get_legend_handles_labels()[1]
    assert labels == ["data", "posterior, 90% of draws", "posterior mean"]


@pytest.mark.parametrize("ask", [bg.relabel, bg.membership])
def test_what_needs_components_says_how_to_get_them(galaxies, ask):
    with pytest.raises(InputError, match=r"bayesgmm\.condition_on_filled\(posterior\)"):
        ask(galaxies[1])
