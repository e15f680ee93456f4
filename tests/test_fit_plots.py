"""Pictures of fits and of memberships, judged by what they draw."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from arviz_stats.utils import ELPDDataLOO
from made_up import faithful_parameters, made_up_posterior
from matplotlib import pyplot
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

import bayesgmm as bg
from bayesgmm.errors import InputError
from bayesgmm.parameters import MixtureParameters

pytestmark = pytest.mark.usefixtures("pictures")
EM = faithful_parameters()
X = bg.datasets.load("faithful")


class TestPairs:
    def mixture(self, n_features):
        """Return two groups that differ in feature b, and some more in e and f."""
        means = np.zeros((2, n_features))
        means[1, 1], means[1, 4:] = 8.0, 3.0
        names = tuple("abcdefgh"[:n_features])
        spheres = np.stack([np.eye(n_features)] * 2)
        mixture = MixtureParameters(np.full(2, 0.5), means, spheres, "full", names)
        values = np.random.default_rng(0).normal(size=(30, n_features))
        return mixture, pd.DataFrame(values, columns=list(names))

    def test_densities_are_on_the_diagonal_and_pairs_below(self):
        posterior = made_up_posterior(EM, len(X))
        figure = bg.plot_pairs(X, posterior, EM)
        grid = np.reshape(figure.axes, (2, 2))
        assert [len(ax.patches) for ax in grid.diagonal()] == [1, 1]
        assert not grid[0, 1].axison
        below = grid[1, 0]
        assert (below.get_xlabel(), below.get_ylabel()) == ("eruptions", "waiting")
        spreads = [c for c in below.collections if isinstance(c, LineCollection)]
        assert [len(c.get_paths()) for c in spreads] == [60, 60]
        ellipse = below.lines[0].get_xydata().mean(axis=0)
        np.testing.assert_allclose(ellipse, [2.036, 54.48], rtol=0.02)

    def test_a_feature_has_one_scale(self):
        grid = np.reshape(bg.plot_pairs(X, em=EM).axes, (2, 2))
        assert grid[1, 0].get_xlim() == grid[0, 0].get_xlim()
        assert grid[1, 0].get_ylim() == grid[1, 1].get_xlim()

    def test_of_many_features_those_that_tell_groups_apart_are_drawn(self):
        mixture, rows = self.mixture(8)
        figure = bg.plot_pairs(rows, em=mixture)
        names = [ax.get_xlabel() for ax in figure.axes[-5:]]
        assert {"b", "e", "f", "g", "h"} == set(names)

    def test_features_can_be_asked_for(self):
        mixture, rows = self.mixture(6)
        figure = bg.plot_pairs(rows, em=mixture, features=["f", "a", "c"])
        assert [ax.get_xlabel() for ax in figure.axes[-3:]] == ["f", "a", "c"]

    def test_one_feature_is_refused(self):
        with pytest.raises(InputError, match="Use `plot_density`"):
            bg.plot_pairs(X, em=EM, features=["waiting"])

    def test_given_axes_are_used(self):
        axes = Figure().subplots(2, 2)
        assert bg.plot_pairs(X, em=EM, ax=axes) is axes[0, 0].figure
        assert pyplot.get_fignums() == []

    def test_another_number_of_axes_is_refused(self):
        with pytest.raises(InputError, match=r"hold 4 axes; got 3\..*subplots\(2, 2\)"):
            bg.plot_pairs(X, em=EM, ax=Figure().subplots(3))


def three_groups(*rows):
    dims = ("obs_id", "component")
    probability = xr.DataArray(np.array(rows, dtype=float), dims=dims)
    return xr.Dataset({"probability": probability}, {"component": ["a", "b", "c"]})


class TestTernary:
    def test_certain_rows_are_at_the_corners(self, ax):
        bg.plot_ternary(three_groups([1, 0, 0], [0, 1, 0], [0, 0, 1]), ax=ax)
        drawn = [c.get_offsets() for c in ax.collections if len(c.get_offsets())]
        height = np.sqrt(3) / 2
        np.testing.assert_allclose(np.vstack(drawn), [[0, 0], [1, 0], [0.5, height]])

    def test_doubtful_rows_are_hollow_and_inside(self, ax):
        bg.plot_ternary(three_groups([1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0]), ax=ax)
        (hollow,) = [c for c in ax.collections if len(c.get_offsets())]
        assert not len(hollow.get_facecolors())
        expected = [[0.5, np.sqrt(3) / 6], [0.5, 0]]
        np.testing.assert_allclose(hollow.get_offsets(), expected)
        assert ax.get_title(loc="left").startswith("2 of 2 rows are less than 90% sure")

    def test_corners_are_named(self, ax):
        bg.plot_ternary(three_groups([1, 0, 0]), ax=ax)
        places = {text.get_text(): text.get_position() for text in ax.texts}
        assert places["a"] < (0, 0)
        assert places["b"][0] > 1
        assert places["c"][1] > np.sqrt(3) / 2

    def test_the_likeliest_group_changes_at_the_thick_lines(self, ax):
        """They run from the middle of the triangle to the middles of its sides."""
        bg.plot_ternary(three_groups([1, 0, 0]), ax=ax)
        thick = [line for line in ax.lines if line.get_linewidth() == 1.2]
        ends = [line.get_xydata()[1] for line in thick]
        height = np.sqrt(3) / 4
        np.testing.assert_allclose(ends, [[0.5, 0], [0.75, height], [0.25, height]])

    def test_other_numbers_of_groups_are_refused(self, ax):
        two = three_groups([1, 0, 0]).isel(component=[0, 1])
        with pytest.raises(InputError, match=r"three groups; got 2\. Use `plot_memb"):
            bg.plot_ternary(two, ax=ax)


def made_up_restarts(heights, hits, spurious):
    table = pd.DataFrame(
        {"log_likelihood": heights, "hits": hits, "spurious": spurious}
    )
    restarts = SimpleNamespace(
        table=lambda: table,
        optima=tuple(heights),
        runs=range(sum(hits) + 2),
        n_collapsed=2,
    )
    return SimpleNamespace(restarts_=restarts)


class TestOptima:
    def test_dots_are_log_likelihoods_with_their_hits(self, ax):
        em = made_up_restarts([-10.0, -12.5, -9.0], [4, 3, 1], [False, False, True])
        bg.plot_optima(em, ax=ax)
        good, spurious = (c.get_offsets() for c in ax.collections)
        np.testing.assert_allclose(good, [[0, -10], [1, -12.5]])
        np.testing.assert_allclose(spurious, [[2, -9]])
        assert [text.get_text() for text in ax.texts] == ["4×", "3×", "1×"]
        assert ax.get_title(loc="left") == "10 starts; 3 distinct optima; 2 collapsed"

    def test_the_best_twenty_are_drawn(self, ax):
        em = made_up_restarts(-np.arange(30.0), [1] * 30, [False] * 30)
        bg.plot_optima(em, ax=ax)
        assert len(ax.collections[0].get_offsets()) == 20
        assert "the best 20 are drawn" in ax.get_title(loc="left")

    def test_of_a_fit(self, ax):
        em = bg.GaussianMixture(2, n_init=3, random_state=0).fit(X)
        bg.plot_optima(em, ax=ax)
        np.testing.assert_allclose(ax.collections[0].get_offsets()[0, 1], -1130.264)

    def test_what_was_not_fitted_is_refused(self):
        with pytest.raises(InputError, match=r"Call `\.fit\(X\)`"):
            bg.plot_optima(EM)


def made_up_loo(elpd_i, pareto_k=0.1):
    elpd_i = np.asarray(elpd_i, dtype=float)
    rows = {"obs_id": np.arange(len(elpd_i))}
    by_row = xr.DataArray(elpd_i, rows, ["obs_id"])
    return ELPDDataLOO(
        elpd=elpd_i.sum(),
        se=1.0,
        p=1.0,
        n_samples=100,
        n_data_points=len(elpd_i),
        scale="log",
        warning=False,
        good_k=0.7,
        elpd_i=by_row,
        pareto_k=xr.full_like(by_row, pareto_k),
    )


class TestLoo:
    best = np.array([-1.0, -2.0, -1.5, -1.0])
    worse = best - [0.5, 0.1, 0.3, 0.1]

    def test_differences_are_from_the_best(self, ax):
        results = {3: made_up_loo(self.best), 2: made_up_loo(self.worse)}
        bg.plot_loo(results, ax=ax)
        line = ax.lines[1]
        np.testing.assert_allclose(line.get_xydata(), [[2, -1], [3, 0]], atol=1e-12)
        assert ax.get_title() == "3 components"

    def test_lines_are_standard_errors_of_sums_of_differences(self, ax):
        results = {3: made_up_loo(self.best), 2: made_up_loo(self.worse)}
        bg.plot_loo(results, ax=ax)
        segments = np.array(ax.collections[0].get_segments())[..., 1]
        error = np.sqrt(4) * np.std([0.5, 0.1, 0.3, 0.1], ddof=1)
        np.testing.assert_allclose(segments[0], [-1 - error, -1 + error])
        np.testing.assert_allclose(segments[1], 0, atol=1e-12)

    def test_families_are_lines(self, ax):
        results = {
            (2, "VVV"): made_up_loo(self.best),
            (2, "EEE"): made_up_loo(self.worse),
        }
        bg.plot_loo(results, ax=ax)
        texts = [text.get_text() for text in ax.get_legend().get_texts()]
        assert texts == ["VVV", "EEE"]
        assert ax.get_title() == "VVV, 2 components"

    def test_what_is_not_reliable_is_open(self, ax):
        results = {
            1: made_up_loo(self.worse, pareto_k=0.9),
            2: made_up_loo(self.best),
        }
        bg.plot_loo(results, ax=ax)
        every, known = ax.lines[1:3]
        assert every.get_markerfacecolor() == "none"
        assert known.get_xdata().tolist() == [2]
        (text,) = ax.get_legend().get_texts()
        assert text.get_text() == "open: not reliable for some rows"

    def test_other_rows_are_refused(self):
        results = {1: made_up_loo(self.best), 2: made_up_loo(self.best[:3] - 1)}
        with pytest.raises(InputError, match="be of the same rows"):
            bg.plot_loo(results)
        with pytest.raises(
            InputError, match="a dict that holds results of `loo`; got none"
        ):
            bg.plot_loo({})
