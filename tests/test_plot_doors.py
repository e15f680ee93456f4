"""What pictures are given: nonsense is refused, noise and gaps have their place."""

from inspect import Parameter, signature
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from made_up import faithful_parameters, made_up_posterior
from matplotlib import colors
from matplotlib.figure import Figure
from scipy.stats import norm

import bayesgmm as bg
from bayesgmm.errors import InputError
from bayesgmm.noise import Noise
from bayesgmm.parameters import MixtureParameters
from bayesgmm.plots import _style
from bayesgmm.plots.calibration import _below
from bayesgmm.posterior import read_mixtures

pytestmark = pytest.mark.usefixtures("pictures")
EM = faithful_parameters()
X = bg.datasets.load("faithful")
BOX = Noise(0.0, np.array([1.6, 43.0]), np.diag([3.5, 53.0]))
NOISY = EM.add_noise(BOX, 0.1)
GREY = colors.to_rgb(_style.NEUTRAL)
PLOTS = [name for name in bg.__all__ if name.startswith("plot_")]


@pytest.fixture(scope="module")
def posterior():
    return made_up_posterior(EM, len(X))


@pytest.fixture(scope="module")
def noisy(posterior):
    """Return the posterior with a tenth of noise in the box of the data."""
    group = posterior["posterior"].to_dataset()
    weight = xr.full_like(group["weights"].isel(component=0, drop=True), 0.1)
    box = xr.Dataset(
        {
            "noise_corner": ("feature", BOX.corner),
            "noise_edges": (("feature_bis", "feature"), BOX.edges),
        }
    )
    tree = posterior.copy()
    tree["posterior"] = xr.DataTree(
        group.assign(weights=0.9 * group["weights"], noise_weight=weight)
    )
    tree["constant_data"] = xr.DataTree(box)
    return tree


class TestNonsense:
    @pytest.mark.parametrize("name", PLOTS)
    @pytest.mark.parametrize(
        "given",
        ["x", 3, None, X, EM, xr.Dataset({"probability": ("y", [0.5])}), xr.DataTree()],
        ids=lambda given: type(given).__name__,
    )
    def test_is_refused(self, name, given):
        plot = getattr(bg, name)
        defaults = [each.default for each in signature(plot).parameters.values()]
        with pytest.raises(InputError):
            plot(*[given] * defaults.count(Parameter.empty))

    @pytest.mark.parametrize("name", ["plot_density", "plot_ellipses", "plot_pairs"])
    def test_mixtures_that_are_none_are_refused(self, name, posterior):
        plot = getattr(bg, name)
        with pytest.raises(InputError, match="be given, or `em`; got neither"):
            plot(X)
        with pytest.raises(InputError, match="`posterior` must be an xarray"):
            plot(X, EM)
        with pytest.raises(InputError, match="`em` must be a fitted GaussianMixture"):
            plot(X, em=posterior)
        with pytest.raises(InputError, match="`X`"):
            plot("x", em=EM)
        with pytest.raises(InputError, match="features"):
            plot(X[["waiting"]], em=EM)

    def test_what_to_pass_is_said(self, posterior):
        with pytest.raises(InputError, match=r"Pass the result of `bayesgmm\.compare"):
            bg.plot_comparison(SimpleNamespace(table=None))
        maps = xr.Dataset({"probability": (("component", "y"), np.ones((2, 3)))})
        with pytest.raises(InputError, match="got probabilities by component, y"):
            bg.plot_membership(maps)
        with pytest.raises(InputError, match="dict that holds results of `loo`; got l"):
            bg.plot_loo([posterior])

    @pytest.mark.parametrize("name", PLOTS)
    def test_every_plot_takes_axes(self, name):
        assert "ax" in signature(getattr(bg, name)).parameters

    def test_axes_that_are_none_are_refused(self):
        with pytest.raises(InputError, match="`ax` must be matplotlib Axes; got str"):
            bg.plot_density(X, em=EM, ax="x")
        with pytest.raises(InputError, match="got ndarray"):
            bg.plot_density(X, em=EM, ax=Figure().subplots(2))
        with pytest.raises(InputError, match="`ax` must be matplotlib Axes; got int"):
            bg.plot_pairs(X, em=EM, ax=[1, 2, 3, 4])

    @pytest.mark.parametrize("features", ["waiting", ["eruptions"] * 2, [0, 1, 2]])
    def test_other_than_two_features_are_refused(self, features):
        with pytest.raises(InputError, match="`features`"):
            bg.plot_ellipses(X, em=EM, features=features)


class TestMarginOfNoise:
    def test_of_a_box_along_the_features_is_uniform(self):
        values, density, below = Noise(
            0.1, np.array([2.0, 5.0]), np.diag([4.0, 1.0])
        ).margin(0)
        assert (values[0], values[-1]) == (2.0, 6.0)
        np.testing.assert_allclose(density, 0.25)
        np.testing.assert_allclose(below, (values - 2) / 4, atol=1e-12)

    def test_of_a_turned_box_is_a_trapezoid(self):
        """Lengths 2 and 1 add up: it rises over 1, is 1/2 over 1, and falls."""
        edges = np.array([[2.0, 0.0], [-1.0, 3.0]])
        values, density, below = Noise(0.1, np.array([10.0, 0.0]), edges).margin(0)
        assert (values[0], values[-1]) == (9.0, pytest.approx(12.0))
        at = np.array([9.0, 9.5, 10.5, 11.5, 12.0])
        shown = np.interp(at, values, density)
        np.testing.assert_allclose(shown, [0, 0.25, 0.5, 0.25, 0], atol=1e-3)
        shown = np.interp([10.0, 10.5, 11.0], values, below)
        np.testing.assert_allclose(shown, [0.25, 0.5, 0.75], atol=1e-4)

    def test_of_three_edges_is_that_of_three_uniforms(self):
        """Irwin and Hall: 3/4 in the middle, 1/6 of it below 1."""
        edges = np.ones((3, 3))
        values, density, below = Noise(0.1, np.zeros(3), edges).margin(1)
        assert np.interp(1.5, values, density) == pytest.approx(0.75, abs=1e-3)
        assert np.interp(1.0, values, below) == pytest.approx(1 / 6, abs=1e-3)


class TestNoise:
    def total(self, x):
        """Return EM's density of waiting times with a tenth of noise, 43 to 96."""
        groups = 0.356 * norm.pdf(x, 54.48, np.sqrt(33.70))
        groups += 0.644 * norm.pdf(x, 79.97, np.sqrt(36.05))
        return 0.9 * groups + 0.1 / 53 * ((x >= 43) & (x <= 96))

    def test_is_a_grey_level_of_the_density(self, ax):
        bg.plot_density(X, em=NOISY, feature="waiting", ax=ax)
        lines = {line.get_label(): line for line in ax.lines}
        assert set(lines) == {"group 0", "group 1", "noise", "EM"}
        x, y = lines["EM"].get_data()
        np.testing.assert_allclose(y, self.total(x), rtol=1e-9)
        assert colors.to_rgb(lines["noise"].get_color()) == GREY

    def test_is_in_the_density_of_draws(self, ax, noisy):
        bg.plot_density(X, noisy, feature="waiting", ax=ax)
        lines = {line.get_label(): line for line in ax.lines}
        x, y = lines["noise"].get_data()
        np.testing.assert_allclose(y, 0.1 / 53 * ((x >= 43) & (x <= 96)))
        parts = [lines[name].get_ydata() for name in ("group 0", "group 1", "noise")]
        np.testing.assert_allclose(lines["posterior mean"].get_ydata(), sum(parts))

    @pytest.mark.parametrize("by", ["em", "posterior"])
    def test_rows_of_it_are_grey_dots(self, by, noisy, ax):
        far = pd.DataFrame({"eruptions": [2.0, 5.0], "waiting": [54.0, 45.0]})
        bg.plot_ellipses(far, **{by: NOISY if by == "em" else noisy}, ax=ax)
        grey = [
            c.get_offsets().tolist()
            for c in ax.collections
            if len(c.get_offsets()) and np.allclose(c.get_edgecolors()[0, :3], GREY)
        ]
        assert grey == [[[5.0, 45.0]]]
        texts = [text.get_text() for text in ax.get_legend().get_texts()]
        assert texts[:3] == ["group 0", "group 1", "noise"]

    def test_counts_in_calibration(self, noisy):
        """A value at the middle of the box has half of the noise below it."""
        draws = read_mixtures(noisy, noisy=True)
        (below,) = _below(np.array([69.5]), draws, 1)
        group = noisy["posterior"].sel(feature="waiting", feature_bis="waiting")
        sd = np.sqrt(group["covariances"].values)
        parts = group["weights"].values * norm.cdf((69.5 - group["means"].values) / sd)
        assert below == pytest.approx(parts.sum(-1).mean() + 0.05, rel=1e-9)
        assert bg.plot_calibration(noisy, X).axes

    def test_gaps_beside_it_are_refused(self):
        gaps = X.where(X > 2)
        with pytest.raises(InputError, match="be finite"):
            bg.plot_density(gaps, em=NOISY)


class TestGaps:
    gaps = X.assign(waiting=X["waiting"].where(X.index % 3 > 0))

    def test_density_is_of_what_is_there(self, ax):
        bg.plot_density(self.gaps, em=EM, feature="waiting", ax=ax)
        ticks = next(c for c in ax.collections if c.get_label() != "data")
        assert len(ticks.get_segments()) == self.gaps["waiting"].notna().sum()

    def test_what_is_not_there_is_refused(self):
        empty = X.assign(waiting=np.nan)
        with pytest.raises(InputError, match="got none of 'waiting'"):
            bg.plot_density(empty, em=EM, feature="waiting")

    @pytest.mark.parametrize("by", ["em", "posterior"])
    def test_groups_of_rows_are_by_what_is_there(self, by, ax):
        """The third feature tells all; without it the first decides."""
        means = np.array([[0.0, 0, 0], [1, 0, 9]])
        mixture = MixtureParameters(
            np.full(2, 0.5), means, np.stack([np.eye(3)] * 2), "full", tuple("abc")
        )
        draws = made_up_posterior(mixture, 10**6)
        rows = pd.DataFrame({"a": [1.0, 4], "b": [0.0, 1], "c": [0.0, np.nan]})
        given = {"em": mixture} if by == "em" else {"posterior": draws}
        bg.plot_ellipses(rows, **given, features=("a", "b"), ax=ax)
        drawn = {
            tuple(point): colors.to_hex(c.get_edgecolors()[0])
            for c in ax.collections
            for point in c.get_offsets().tolist()
            if len(c.get_offsets()) == 1 and len(c.get_edgecolors())
        }
        first, second = (colour.lower() for colour in _style.COLOURS[:2])
        assert drawn[1, 0] == first
        assert drawn[4, 1] == second

    def test_rows_without_one_of_a_pair_are_not_drawn(self, ax):
        bg.plot_ellipses(self.gaps, em=EM, ax=ax)
        n_drawn = sum(len(c.get_offsets()) for c in ax.collections)
        assert n_drawn == self.gaps["waiting"].notna().sum()

    def test_calibration_is_of_what_is_there(self, posterior):
        held = xr.Dataset(
            {"X": (("obs_id", "feature"), self.gaps.to_numpy())},
            {"obs_id": X.index, "feature": list(X)},
        )
        tree = posterior.copy()
        tree["constant_data"] = xr.DataTree(held)
        with_gaps = bg.plot_calibration(tree, features=["waiting"]).axes[0]
        there = self.gaps.dropna()
        without = bg.plot_calibration(posterior, there, features=["waiting"]).axes[0]
        curves = [
            max(ax.lines, key=lambda line: len(line.get_xdata())).get_xydata()
            for ax in (with_gaps, without)
        ]
        np.testing.assert_array_equal(*curves)


def test_colours_are_of_em_where_labels_are_not_resolved(posterior, ax):
    """A component of draws that nobody relabelled is nothing to draw."""
    loose = posterior.copy()
    del loose["relabelling"]
    bg.plot_density(X, loose, EM, feature="waiting", ax=ax)
    line = next(line for line in ax.lines if line.get_label() == "group 1")
    x, y = line.get_data()
    np.testing.assert_allclose(y, 0.644 * norm.pdf(x, 79.97, np.sqrt(36.05)))
    bare = Figure().add_subplot()
    bg.plot_density(X, loose, ax=bare)
    assert [line.get_label() for line in bare.lines] == ["posterior mean"]


def test_results_plot_themselves(posterior):
    priors = bg.default_priors(X, 3, kind="static")
    for result, n_axes in [
        (bg.compare(EM, posterior, X), 1),
        (bg.profile(posterior, X=X, n_draws=20), 3),
        (priors.simulate(n_observations=272, n_draws=50, random_seed=1), 2),
    ]:
        axes = Figure().subplots(1, n_axes)
        assert result.plot(ax=axes) is np.ravel(axes)[0].figure
