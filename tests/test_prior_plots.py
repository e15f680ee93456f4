"""Mixtures drawn from priors, and what their pictures show."""

import numpy as np
import pytest
import xarray as xr
from made_up import faithful_parameters, made_up_posterior
from matplotlib import pyplot
from matplotlib.figure import Figure
from scipy.stats import betanbinom, kstest, lognorm, norm

import bayesgmm as bg
from bayesgmm import priors as parts
from bayesgmm.errors import InputError

pytestmark = pytest.mark.usefixtures("pictures")
X = bg.datasets.load("faithful")


@pytest.fixture
def axes():
    """Return a pair of axes of a figure that pyplot does not know."""
    return Figure().subplots(1, 2)


@pytest.fixture(scope="module")
def posterior():
    return made_up_posterior(faithful_parameters(), len(X))


@pytest.fixture(scope="module")
def default_draws():
    return bg.sample_prior(X, 2, random_seed=1)


@pytest.fixture(scope="module")
def conjugate_draws():
    priors = bg.default_priors(X, 3, kind="hierarchical")
    return bg.sample_prior(X, 3, priors=priors, random_seed=1)


class TestDraws:
    def test_are_those_of_the_default_prior(self, default_draws):
        """False alarms: one in a thousand for each of six tests."""
        priors = bg.default_priors(X, 2)
        group = default_draws["prior"]
        assert group.sizes["draw"] == 500
        weight = group["weights"].isel(component=0).values.ravel()
        assert kstest(weight, "uniform").pvalue > 1e-3
        for j, name in enumerate(X.columns):
            law = norm(priors.means.location[j], priors.means.scale[j])
            mean = group["means"].sel(component=1, feature=name).values.ravel()
            assert kstest(mean, law.cdf).pvalue > 1e-3
            place = {"component": 0, "feature": name, "feature_bis": name}
            sd = np.sqrt(group["covariances"].sel(place).values.ravel())
            median = np.exp(priors.covariances.sds_log_location[j])
            law = lognorm(priors.covariances.sds_log_scale, scale=median)
            assert kstest(sd, law.cdf).pvalue > 1e-3
        one = group["covariances"].isel(component=0).values[0]
        correlation = one[:, 0, 1] / np.sqrt(one[:, 0, 0] * one[:, 1, 1])
        # LKJ(2) of two features: Beta(2, 2) on (-1, 1).
        assert kstest((correlation + 1) / 2, "beta", (2, 2)).pvalue > 1e-3

    def test_of_conjugate_priors_have_their_hyperparameters(self, conjugate_draws):
        group = conjugate_draws["prior"]
        assert group["covariances_scale"].dims == (
            "chain",
            "draw",
            "feature",
            "feature_bis",
        )
        assert list(group.coords["feature"].values) == ["eruptions", "waiting"]
        sparse = bg.default_priors(X, 3, kind="sparse")
        group = bg.sample_prior(X, 3, priors=sparse, draws=2, random_seed=1)["prior"]
        assert group["means_spread"].dims == ("chain", "draw", "feature")
        assert group["concentration"].shape == (1, 2)

    def test_the_same_seed_draws_the_same(self, default_draws):
        again = bg.sample_prior(X, 2, random_seed=1)
        xr.testing.assert_equal(
            again["prior"]["means"], default_draws["prior"]["means"]
        )

    def test_priors_of_another_number_of_components_are_refused(self):
        priors = bg.default_priors(X, 2, kind="conjugate")
        own = parts.Priors(
            parts.Dirichlet([1.0, 2.0]),
            priors.means,
            priors.covariances,
            priors.feature_names,
        )
        with pytest.raises(InputError, match="or one for each of 3; got 2"):
            bg.sample_prior(X, 3, priors=own)


class TestPriorPredictive:
    def test_lines_are_margins_of_the_mixtures(self, conjugate_draws):
        ax = Figure().add_subplot()
        bg.plot_prior_predictive(X, conjugate_draws, feature="waiting", ax=ax)
        assert len(ax.lines) == 51
        group = conjugate_draws["prior"].isel(chain=0).sel(feature="waiting")
        sd = np.sqrt(group["covariances"].sel(feature_bis="waiting"))
        x = ax.lines[0].get_xdata()[150]
        parts = norm.pdf(x, group["means"], sd)
        densities = (group["weights"].values * parts).sum(axis=-1)
        shown = [line.get_ydata()[150] for line in ax.lines]
        np.testing.assert_allclose(shown[0], densities[0], rtol=1e-12)
        np.testing.assert_allclose(shown[49], densities[-1], rtol=1e-12)
        np.testing.assert_allclose(shown[50], densities.mean(), rtol=1e-12)

    def test_narrow_components_do_not_flatten_the_data(self, conjugate_draws):
        figure = bg.plot_prior_predictive(X, conjugate_draws)
        (ax,) = figure.axes
        assert ax.get_xlabel() == "eruptions"
        bars = ax.patches[0].get_xy()[:, 1].max()
        assert ax.get_ylim() == (0, pytest.approx(3 * bars))
        low, high = ax.get_xlim()
        width = np.ptp(X["eruptions"])
        assert low == pytest.approx(X["eruptions"].min() - width)
        assert high == pytest.approx(X["eruptions"].max() + width)

    def test_what_is_not_there_is_refused(self, conjugate_draws, posterior):
        with pytest.raises(InputError, match=r"Pass what `bayesgmm\.sample_prior`"):
            bg.plot_prior_predictive(X, posterior)
        with pytest.raises(InputError, match="Did you mean 'waiting'"):
            bg.plot_prior_predictive(X, conjugate_draws, feature="wating")
        with pytest.raises(InputError, match="features"):
            bg.plot_prior_predictive(X[["waiting"]], conjugate_draws)


class TestPrior:
    static = bg.default_priors(X, 3, kind="static")

    def simulation(self, n_draws=4000):
        return self.static.simulate(n_observations=272, n_draws=n_draws, random_seed=1)

    def test_bars_are_probabilities_of_filled_components(self, axes):
        """Concentration 1 leaves few of one or two components empty."""
        bg.plot_prior(self.simulation(), ax=axes)
        heights = [bar.get_height() for bar in axes[0].patches]
        one = betanbinom.pmf(0, 1, 4, 3)
        assert heights[0] == pytest.approx(one, abs=4 * np.sqrt(one / 4 / 4000) + 0.01)
        assert sum(heights) == pytest.approx(1, abs=0.02)
        assert len(axes[0].containers) == 1

    def test_dots_are_mean_shares(self, axes):
        simulation = self.simulation(200)
        bg.plot_prior(simulation, ax=axes)
        (dots,) = axes[1].lines
        n = len(dots.get_xdata())
        np.testing.assert_allclose(dots.get_ydata(), simulation.shares.mean(0)[:n])
        segments = axes[1].collections[0].get_segments()
        expected = np.quantile(simulation.shares[:, 0], [0.05, 0.95])
        np.testing.assert_allclose(np.array(segments[0])[:, 1], expected)

    def test_all_that_is_drawn_is_within(self, axes):
        bg.plot_prior(self.simulation(200), ax=axes)
        for ax in axes:
            assert ax.get_xlim()[1] > ax.dataLim.xmax + 0.2

    def test_posterior_stands_beside(self, axes, posterior):
        bg.plot_prior(self.simulation(200), posterior, ax=axes)
        bars = axes[0].containers[1].patches
        assert [bar.get_height() for bar in bars] == [0, 1]
        dots = axes[1].lines[1].get_ydata()
        np.testing.assert_allclose(dots, [0.644, 0.356], atol=0.01)
        texts = [text.get_text() for text in axes[1].get_legend().get_texts()]
        assert texts == ["prior", "posterior"]

    @pytest.mark.parametrize("group", ["posterior", "sample_stats"])
    def test_what_the_sampler_counted_comes_first(self, axes, posterior, group):
        counted = xr.DataArray(np.full((2, 100), 3), dims=("chain", "draw"))
        tree = posterior.copy()
        tree[group] = xr.DataTree(
            (tree[group].to_dataset() if group in tree else xr.Dataset()).assign(
                n_components=counted, n_filled=counted
            )
        )
        bg.plot_prior(self.simulation(200), tree, ax=axes)
        bars = axes[0].containers[1].patches
        assert [bar.get_height() for bar in bars] == [0, 0, 1]

    def test_a_figure_of_two_axes_is_returned(self, posterior):
        figure = bg.plot_prior(self.simulation(50), posterior)
        assert isinstance(figure, Figure)
        assert len(figure.axes) == 2

    def test_given_axes_open_no_figure(self, axes):
        assert bg.plot_prior(self.simulation(50), ax=axes) is axes[0].figure
        assert pyplot.get_fignums() == []
