"""Pictures, judged by what they draw."""

from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from made_up import faithful_parameters, made_up_posterior
from matplotlib import colors, pyplot
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from scipy.stats import chi2, norm

from bayesgmm import datasets
from bayesgmm.compare import compare
from bayesgmm.errors import InputError
from bayesgmm.membership import membership
from bayesgmm.parameters import MixtureParameters
from bayesgmm.plots import _style
from bayesgmm.plots.comparison import MOST_PARAMETERS, plot_comparison
from bayesgmm.plots.density import plot_density
from bayesgmm.plots.ellipses import plot_ellipses
from bayesgmm.plots.membership import plot_membership

pytestmark = pytest.mark.usefixtures("pictures")
EM = faithful_parameters()
X = datasets.load("faithful")


@pytest.fixture(scope="module")
def posterior():
    return made_up_posterior(EM, len(X))


def line(ax, label):
    return next(item for item in ax.lines if item.get_label() == label)


class TestDensity:
    def test_em_is_the_margin_of_the_mixture(self, ax):
        plot_density(X, em=EM, feature="waiting", ax=ax)
        x, y = line(ax, "EM").get_data()
        expected = 0.356 * norm.pdf(x, 54.48, np.sqrt(33.70))
        expected += 0.644 * norm.pdf(x, 79.97, np.sqrt(36.05))
        np.testing.assert_allclose(y, expected, rtol=1e-12)

    def test_components_are_those_of_the_posterior(self, ax, posterior):
        plot_density(X, posterior, EM, ax=ax)
        group = posterior["posterior"].isel(component=1, feature=0, feature_bis=0)
        x, y = line(ax, "group 1").get_data()
        at = int(np.abs(x - 4.29).argmin())
        density = norm.pdf(x[at], group["means"], np.sqrt(group["covariances"]))
        expected = (group["weights"].values * density).mean()
        np.testing.assert_allclose(y[at], expected, rtol=1e-12)

    def test_band_holds_nine_draws_in_ten(self, ax, posterior):
        plot_density(X, posterior, ax=ax)
        band = next(c for c in ax.collections if "90%" in str(c.get_label()))
        corners = band.get_paths()[0].vertices
        group = posterior["posterior"].isel(feature=0, feature_bis=0)
        x = line(ax, "posterior mean").get_xdata()[200]
        parts = norm.pdf(x, group["means"], np.sqrt(group["covariances"]))
        draws = (group["weights"].values * parts).sum(axis=-1)
        at = corners[np.isclose(corners[:, 0], x), 1]
        inside = (draws >= at.min()) & (draws <= at.max())
        assert inside.mean() == pytest.approx(0.9, abs=0.01)

    def test_the_first_feature_is_the_default(self, ax):
        plot_density(X, em=EM, ax=ax)
        assert ax.get_xlabel() == "eruptions"

    def test_the_marker_of_a_component_is_at_its_top(self, ax):
        plot_density(X, em=EM, feature="waiting", ax=ax)
        curve = line(ax, "group 1")
        (top,) = curve.get_markevery()
        assert curve.get_marker() == "^"
        assert curve.get_xdata()[top] == pytest.approx(79.97, abs=0.2)

    def test_an_unknown_feature_is_refused(self):
        with pytest.raises(InputError, match="Did you mean 'waiting'"):
            plot_density(X, em=EM, feature="wating")

    def test_histogram_is_a_density(self, ax):
        plot_density(X, em=EM, ax=ax)
        corners = ax.patches[0].get_xy()
        # A closed outline: its area by the shoelace formula.
        x, y = corners.T
        area = abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2
        assert area == pytest.approx(1, abs=1e-9)


class TestEllipses:
    def test_em_ellipse_is_the_quantile_of_the_distance(self, ax):
        plot_ellipses(X, em=EM, probability=0.8, ax=ax)
        assert len(ax.lines) == 2
        for k, item in enumerate(ax.lines):
            z = item.get_xydata() - EM.means[k]
            distance = np.einsum("ni,ij,nj->n", z, np.linalg.inv(EM.covariances[k]), z)
            np.testing.assert_allclose(distance, chi2.ppf(0.8, 2), rtol=1e-9)

    def test_each_group_has_a_spread_of_ellipses_in_its_colour(self, ax, posterior):
        plot_ellipses(X, posterior, EM, ax=ax)
        spreads = [c for c in ax.collections if isinstance(c, LineCollection)]
        assert [len(c.get_paths()) for c in spreads] == [60, 60]
        for k, spread in enumerate(spreads):
            expected = colors.to_rgb(_style.COLOURS[k])
            np.testing.assert_allclose(spread.get_colors()[0][:3], expected)

    def test_rows_in_doubt_are_hollow(self, ax):
        plot_ellipses(X, em=EM, ax=ax)
        probability = _responsibilities(X.to_numpy(float), EM)
        hollow = [c for c in ax.collections if not len(c.get_facecolors())]
        shown = sum(len(c.get_offsets()) for c in hollow)
        assert shown == (probability.max(axis=1) < 0.9).sum() == 1
        assert sum(len(c.get_offsets()) for c in ax.collections) == len(X)

    def test_the_clearest_pair_is_chosen(self, ax):
        """Only features b and d tell the two groups apart."""
        means = np.array([[0.0, 0.0, 0.0, 0.0], [0.0, 6.0, 0.1, 6.0]])
        covariances = np.stack([np.eye(4), np.eye(4)])
        mixture = MixtureParameters(
            np.array([0.5, 0.5]), means, covariances, "full", tuple("abcd")
        )
        rng = np.random.default_rng(0)
        rows = pd.DataFrame(rng.normal(size=(20, 4)), columns=list("abcd"))
        plot_ellipses(rows, em=mixture, ax=ax)
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("b", "d")

    def test_a_pair_can_be_asked_for(self, ax):
        plot_ellipses(X, em=EM, features=("waiting", "eruptions"), ax=ax)
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("waiting", "eruptions")
        assert ax.lines[0].get_xdata().mean() == pytest.approx(54.48, abs=0.2)

    def test_one_feature_is_refused(self):
        one = MixtureParameters(
            np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)), "full", ("a",)
        )
        with pytest.raises(InputError, match="Use `plot_density`"):
            plot_ellipses(pd.DataFrame({"a": [1.0, 2.0]}), em=one)

    @pytest.mark.parametrize("probability", [0, 1, 2.5])
    def test_a_content_outside_zero_and_one_is_refused(self, probability):
        with pytest.raises(InputError, match="be between 0 and 1"):
            plot_ellipses(X, em=EM, probability=probability)


def _responsibilities(values, mixture):
    """From the definition."""
    log_joint = []
    for w, m, c in zip(
        mixture.weights, mixture.means, mixture.covariances, strict=True
    ):
        z = values - m
        distance = np.einsum("ni,ij,nj->n", z, np.linalg.inv(c), z)
        log_joint.append(np.log(w) - 0.5 * (distance + np.linalg.slogdet(c)[1]))
    joint = np.exp(np.column_stack(log_joint))
    return joint / joint.sum(axis=1, keepdims=True)


def made_up_membership(best: np.ndarray, label: np.ndarray) -> xr.Dataset:
    """Return memberships in two groups with known probabilities."""
    probability = np.where(np.arange(2) == label[:, None], best[:, None], 0)
    probability[np.arange(len(label)), 1 - label] = 1 - best
    dims = ("obs_id", "component")
    return xr.Dataset(
        {
            "probability": (dims, probability),
            "probability_lower": (dims, np.maximum(probability - 0.1, 0)),
            "probability_upper": (dims, np.minimum(probability + 0.1, 1)),
        },
        coords={"obs_id": np.arange(100, 100 + len(best)), "component": [0, 1]},
    )


class TestMembership:
    best = np.concatenate([[0.6, 0.95, 0.7], np.full(37, 0.995)])
    label = np.concatenate([[1, 0, 0], np.tile([0, 1], 19)[:37]])

    def drawn(self, ax):
        plot_membership(made_up_membership(self.best, self.label), ax=ax)
        return [tick.get_text() for tick in ax.get_xticklabels()]

    def test_doubtful_rows_are_drawn_and_named(self, ax):
        names = self.drawn(ax)
        assert len(names) == 20
        assert {"100", "101", "102"} <= set(names)

    def test_rows_are_sorted_by_group_then_by_certainty(self, ax):
        names = self.drawn(ax)
        assert names.index("101") + 1 == names.index("102")
        assert names[-1] == "100"

    def test_colours_of_a_row_add_up_to_one(self, ax):
        self.drawn(ax)
        heights = np.zeros(20)
        for stack in ax.collections[:2]:
            for path in stack.get_paths():
                x, y = path.vertices[:4].T
                heights[round(x.mean())] += y.max() - y.min()
        np.testing.assert_allclose(heights, 1)

    def test_line_is_the_interval_of_the_likeliest_group(self, ax):
        names = self.drawn(ax)
        segment = ax.collections[-1].get_segments()[names.index("102")]
        np.testing.assert_allclose(segment[:, 1], [0.6, 0.8])

    def test_there_are_no_lines_where_there_are_no_intervals(self, ax):
        """As of the segments of a table by EM."""
        rows = made_up_membership(self.best, self.label)
        plot_membership(rows[["probability"]], ax=ax)
        assert not any(isinstance(c, LineCollection) for c in ax.collections)
        assert ax.get_title(loc="left") == "3 of 40 rows are less than 99% sure"

    def test_title_counts_the_doubtful(self, ax):
        self.drawn(ax)
        assert "3 of 40 rows are less than 99% sure" in ax.get_title(loc="left")

    def test_legend_names_every_group_that_can_be_seen(self, ax):
        """Also one that is the likeliest nowhere."""
        rows = made_up_membership(np.full(30, 0.8), np.zeros(30, dtype=int))
        plot_membership(rows, ax=ax)
        texts = [text.get_text() for text in ax.get_legend().get_texts()]
        assert texts == ["group 0", "group 1"]

    def test_many_rows_become_pixels(self, ax):
        rng = np.random.default_rng(2)
        many = made_up_membership(rng.uniform(0.5, 1, 5000), rng.integers(2, size=5000))
        plot_membership(many, ax=ax)
        assert all(item.get_rasterized() for item in ax.collections)


class TestComparison:
    def test_em_stands_at_its_standardised_difference(self, ax, posterior):
        comparison = compare(EM, posterior, X)
        plot_comparison(comparison, ax=ax)
        table = comparison.table
        shown = ax.collections[-1].get_offsets()
        expected = (table["em"] - table["mean"]) / table["sd"]
        np.testing.assert_allclose(shown[:, 0], expected, rtol=1e-12)

    def test_names_say_what_and_which_group(self, ax, posterior):
        plot_comparison(compare(EM, posterior, X), ax=ax)
        names = [tick.get_text() for tick in ax.get_yticklabels()]
        assert names[0] == "group 0: weight"
        assert "group 1: mean of waiting" in names
        assert "group 0: correlation of eruptions, waiting" in names

    def test_of_many_parameters_those_that_differ_most_are_drawn(self, ax):
        n = 50
        size = np.arange(n, dtype=float)
        index = pd.MultiIndex.from_product(
            [["means"], [0], [f"f{j}" for j in range(n)], [""]],
            names=["parameter", "component", "feature", "feature_bis"],
        )
        table = pd.DataFrame(
            {"em": size, "mean": 0.0, "sd": 1.0, "lower": -1.0, "upper": 1.0},
            index=index,
        ).assign(standardised_difference=size)
        plot_comparison(SimpleNamespace(table=table, observations=None), ax=ax)
        shown = ax.collections[-1].get_offsets()[:, 0]
        np.testing.assert_array_equal(shown, size[-MOST_PARAMETERS:])

    def test_what_the_model_fixes_is_not_drawn(self, ax, posterior):
        table = compare(EM, posterior, X).table
        known = table.index.get_level_values("parameter") == "correlations"
        table.loc[known, "sd"] = 0.0
        plot_comparison(SimpleNamespace(table=table, observations=None), ax=ax)
        names = [tick.get_text() for tick in ax.get_yticklabels()]
        assert len(names) == 10
        assert not any("correlation" in name for name in names)

    def test_a_bootstrap_stands_below_the_posterior(self, ax, posterior):
        comparison = compare(EM, posterior, X, bootstrap=posterior)
        plot_comparison(comparison, ax=ax)
        above, below = (c for c in ax.collections if isinstance(c, LineCollection))
        upper, lower = (np.array(c.get_segments()) for c in (above, below))
        np.testing.assert_allclose(upper[..., 0], lower[..., 0])
        assert (lower[..., 1] > upper[..., 1]).all()
        texts = [text.get_text() for text in ax.get_legend().get_texts()]
        assert texts[2] == "bootstrap of EM"


def all_plots(posterior, ax=None):
    yield plot_density(X, posterior, EM, ax=ax)
    yield plot_ellipses(X, posterior, EM, ax=ax)
    yield plot_membership(membership(posterior, X), ax=ax)
    yield plot_comparison(compare(EM, posterior, X), ax=ax)


def test_figures_are_returned_and_settings_left_alone(posterior):
    before = dict(mpl.rcParams)
    figures = list(all_plots(posterior))
    assert all(isinstance(figure, Figure) for figure in figures)
    assert dict(mpl.rcParams) == before


def test_given_axes_are_used_and_no_other_figure_is_opened(posterior, ax):
    assert all(figure is ax.figure for figure in all_plots(posterior, ax))
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize("plot", [plot_density, plot_ellipses])
def test_nothing_to_draw_is_refused(plot):
    with pytest.raises(InputError, match="Pass the fitted EM, the posterior, or both"):
        plot(X)
