"""Pictures of what a posterior says, judged by what they draw."""

import re
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from made_up import faithful_parameters, made_up_posterior
from matplotlib import colors, pyplot
from matplotlib.figure import Figure
from scipy.stats import norm

import bayesgmm as bg
from bayesgmm.errors import InputError
from bayesgmm.plots import _style
from bayesgmm.plots._inline import to_svg
from bayesgmm.plots.calibration import _spread_rows

pytestmark = pytest.mark.usefixtures("pictures")
EM = faithful_parameters()
X = bg.datasets.load("faithful")


@pytest.fixture(scope="module")
def posterior():
    return made_up_posterior(EM, len(X))


@pytest.fixture(scope="module")
def profile(posterior):
    return bg.profile(posterior, X=X, n_draws=20)


@pytest.fixture(scope="module")
def prior():
    priors = bg.default_priors(X, 2, kind="hierarchical")
    return bg.sample_prior(X, 2, priors=priors, draws=400, random_seed=1)


class TestSimilarity:
    # Rows 0, 2 and 3 are one group, row 3 less surely.
    values = np.array(
        [
            [1.0, 0.1, 0.9, 0.6],
            [0.1, 1.0, 0.2, 0.4],
            [0.9, 0.2, 1.0, 0.7],
            [0.6, 0.4, 0.7, 1.0],
        ]
    )
    table = xr.DataArray(values, dims=("obs_id", "obs_id_bis"))

    def test_rows_are_by_cluster_the_most_typical_first(self, ax):
        bg.plot_similarity(self.table, [1, 0, 1, 1], ax=ax)
        order = [1, 2, 0, 3]
        drawn = ax.images[0].get_array()
        np.testing.assert_array_equal(drawn, self.values[np.ix_(order, order)])
        assert ax.images[0].get_clim() == (0, 1)
        assert [tick.get_text() for tick in ax.get_yticklabels()] == ["0", "1"]
        np.testing.assert_allclose(ax.get_yticks(), [0, 2])
        np.testing.assert_allclose(ax.get_yticks(minor=True), [0.5])

    def test_a_tree_puts_similar_rows_side_by_side(self, ax):
        bg.plot_similarity(self.table, ax=ax)
        drawn = np.asarray(ax.images[0].get_array())
        beside = np.sort(np.diag(drawn, k=1))
        assert beside[-1] == 0.9
        assert (drawn[[0, -1], [-1, 0]] == 0.1).any() or drawn[0, 1] == 0.4

    def test_thousands_of_rows_are_thinned(self, ax):
        labels = np.repeat([0, 1], 1500)
        table = xr.DataArray(np.equal.outer(labels, labels) * 1.0, dims=("a", "b"))
        bg.plot_similarity(table, labels, ax=ax)
        drawn = ax.images[0].get_array()
        assert drawn.shape == (1000, 1000)
        assert drawn[:500, :500].all()
        assert not drawn[:500, 500:].any()

    def test_a_partition_knows_its_rows(self, ax):
        rows = {"obs_id": [0, 1, 2, 3]}
        table = self.table.assign_coords(rows)
        labels = xr.DataArray([1, 0, 1, 1], rows, ["obs_id"])
        partition = SimpleNamespace(labels=labels)
        figure = bg.plot_similarity(table, partition, ax=ax)
        assert figure is ax.figure
        other = table.assign_coords(obs_id=[5, 6, 7, 8])
        with pytest.raises(InputError, match="for each of the 4 rows, in their order"):
            bg.plot_similarity(other, partition, ax=ax)

    def test_some_pairs_are_refused(self):
        pairs = bg.similarity([[0, 0, 1], [0, 1, 1]], pairs=[(0, 1)])
        with pytest.raises(InputError, match="be of all pairs of rows"):
            bg.plot_similarity(pairs)


class TestProfile:
    def test_markers_and_lines_are_those_of_the_table(self, profile):
        figure = bg.plot_profile(profile)
        assert [ax.get_xlabel() for ax in figure.axes] == [
            "share of rows",
            "eruptions",
            "waiting",
        ]
        for ax, (quantity, column) in zip(
            figure.axes,
            [("share", ""), ("mean", "eruptions"), ("mean", "waiting")],
            strict=True,
        ):
            rows = profile.table.xs((quantity, column), level=(1, 2))
            marks = [line.get_xdata()[0] for line in ax.lines]
            np.testing.assert_allclose(marks, rows["mean"])
            assert [line.get_marker() for line in ax.lines] == ["o", "^"]
            broad = [c for c in ax.collections if c.get_linewidth()[0] == 3]
            ends = [c.get_segments()[0][:, 0] for c in broad]
            np.testing.assert_allclose(ends, rows[["lower", "upper"]])

    def test_thin_lines_are_one_sd_of_the_members(self, profile):
        ax = bg.plot_profile(profile, columns=["waiting"]).axes[1]
        thin = next(c for c in ax.collections if c.get_linewidth()[0] < 1)
        width = np.ptp(np.array(thin.get_segments())[..., 0], axis=1)
        sds = profile.table.xs(("sd", "waiting"), level=(1, 2))["mean"]
        np.testing.assert_allclose(width, 2 * sds)

    def test_groups_are_named_at_the_left(self, profile):
        axes = bg.plot_profile(profile).axes
        names = [tick.get_text() for tick in axes[0].get_yticklabels()]
        assert names == ["group 0", "group 1"]
        assert axes[0].get_ylim() == (1.5, -0.5)

    def test_noise_is_grey(self, profile):
        noisy = profile.draws.assign_coords(component=[0, -1])
        ax = bg.plot_profile(replace(profile, draws=noisy)).axes[0]
        assert [tick.get_text() for tick in ax.get_yticklabels()] == [
            "group 0",
            "noise",
        ]
        assert ax.lines[1].get_color() == _style.NEUTRAL

    def test_an_unknown_column_is_refused(self, profile):
        with pytest.raises(InputError, match="Did you mean 'waiting'"):
            bg.plot_profile(profile, columns=["wating"])

    def test_stands_in_a_page_in_the_colours_of_its_text(self, profile):
        plot = partial(bg.plot_profile, profile)
        svg = to_svg(plot, (7, 2), "Profile", n_axes=3, n_columns=2)
        assert 'aria-label="Profile"' in svg
        assert svg.count("currentColor") > 20
        assert "#000000" not in svg

    def test_given_axes_are_used(self, profile):
        axes = Figure().subplots(1, 3)
        assert bg.plot_profile(profile, ax=axes) is axes[0].figure
        assert pyplot.get_fignums() == []


class TestCalibration:
    def test_line_is_observed_less_due(self, posterior):
        figure = bg.plot_calibration(posterior, X, features=["waiting"])
        (ax,) = figure.axes
        group = posterior["posterior"].sel(feature="waiting", feature_bis="waiting")
        sd = np.sqrt(group["covariances"].values)[..., None]
        centred = X["waiting"].to_numpy() - group["means"].values[..., None]
        below = (group["weights"].values[..., None] * norm.cdf(centred / sd)).sum(2)
        below = below.mean(axis=(0, 1))
        curve = max(ax.lines, key=lambda line: len(line.get_xdata()))
        x, y = curve.get_data()
        # ArviZ's line is a staircase at even places of x.
        due = np.array([(below <= place).mean() for place in x]) - x
        assert np.abs(y - due).max() < 2 / len(x)
        assert ax.get_title().startswith("waiting")

    def test_p_is_in_the_title_and_scales_are_at_the_left(self, posterior):
        """Whatever the number of columns of the grid."""
        axes = Figure().subplots(2, 1)
        wrong = X.assign(waiting=X["waiting"] + 15)
        bg.plot_calibration(posterior, wrong, ax=axes)
        for ax, name, p in zip(axes, X, ("= 0\\.\\d+", "< 0.001"), strict=True):
            assert re.fullmatch(rf"{name}\np {p}", ax.get_title())
            assert not ax.texts
            assert ax.get_ylabel() == "observed less due"
        assert axes[0].get_ylim() == axes[1].get_ylim()
        axes = Figure().subplots(1, 2)
        bg.plot_calibration(posterior, X, ax=axes)
        assert [ax.get_ylabel() for ax in axes] == ["observed less due", ""]

    def test_a_wrong_posterior_is_seen(self, posterior):
        """Points against it are marked, and the probability of the test is tiny."""
        figure = bg.plot_calibration(posterior, X.assign(waiting=X["waiting"] + 15))
        good, bad = figure.axes
        assert not sum(len(c.get_offsets()) for c in good.collections)
        assert sum(len(c.get_offsets()) for c in bad.collections) > 0

    def test_weights_repeat_rows(self):
        assert _spread_rows(np.array([1.0, 3.0, 0.0, 2.0])).tolist() == [
            0,
            1,
            1,
            1,
            3,
            3,
        ]
        assert len(_spread_rows(np.ones(20_000))) == _style.MOST_ROWS

    def test_given_axes_are_used_and_settings_left_alone(self, posterior):
        before = dict(mpl.rcParams)
        axes = Figure().subplots(2)
        assert bg.plot_calibration(posterior, X, ax=axes) is axes[0].figure
        assert pyplot.get_fignums() == []
        assert dict(mpl.rcParams) == before


class TestPriorPosterior:
    def test_posteriors_are_where_draws_are(self, prior, posterior):
        figure = bg.plot_prior_posterior(prior, posterior)
        assert [ax.get_xlabel() for ax in figure.axes] == ["eruptions", "waiting"]
        group = posterior["posterior"]["means"].sel(feature="waiting")
        ax = figure.axes[1]
        solid = [line for line in ax.lines if line.get_linestyle() == "-"]
        for k, line in enumerate(solid):
            draws = group.isel(component=k).values.ravel()
            x, y = line.get_data()
            step = np.diff(x).mean()
            assert (y * step).sum() == pytest.approx(1, abs=0.02)
            assert line.get_markevery() == [y.argmax()]
            assert (x * y * step).sum() == pytest.approx(draws.mean(), abs=0.1)
            assert colors.to_rgb(line.get_color()) == colors.to_rgb(_style.COLOURS[k])
        assert len(ax.lines) == 4

    def test_weights_have_one_picture(self, prior, posterior):
        figure = bg.plot_prior_posterior(prior, posterior, parameter="weights")
        (ax,) = figure.axes
        peaks = [x[y.argmax()] for x, y in (line.get_data() for line in ax.lines[2:])]
        np.testing.assert_allclose(peaks, [0.356, 0.644], atol=0.03)

    def test_standard_deviations_are_roots_of_variances(self, prior, posterior):
        figure = bg.plot_prior_posterior(
            prior, posterior, parameter="standard_deviations", features=["waiting"]
        )
        line = figure.axes[0].lines[2]
        peak = line.get_xdata()[line.get_ydata().argmax()]
        assert peak == pytest.approx(np.sqrt(33.7), abs=0.5)

    def test_what_is_fixed_is_refused(self, prior, posterior):
        fixed = posterior.copy(deep=True)
        fixed["posterior"]["weights"][:] = 0.5
        with pytest.raises(InputError, match="'weights', which the model fixes"):
            bg.plot_prior_posterior(prior, fixed, parameter="weights")

    def test_another_prior_is_refused(self, posterior):
        priors = bg.default_priors(X, 3, kind="hierarchical")
        three = bg.sample_prior(X, 3, priors=priors, draws=10, random_seed=1)
        with pytest.raises(InputError, match="have the 2 components"):
            bg.plot_prior_posterior(three, posterior)
        with pytest.raises(InputError, match="Did you mean 'means'"):
            bg.plot_prior_posterior(three, posterior, parameter="mean")

    def test_given_axes_are_used(self, prior, posterior):
        axes = Figure().subplots(2)
        assert bg.plot_prior_posterior(prior, posterior, ax=axes) is axes[0].figure
        assert pyplot.get_fignums() == []
