"""Whether the data look like what a posterior predicts, feature by feature."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.special import ndtr

from bayesgmm._typing import Floats, Ints
from bayesgmm.arguments import check_places
from bayesgmm.dims import FEATURE, OBSERVATION
from bayesgmm.kept import observations_of, weights_of
from bayesgmm.plots._arviz import panels
from bayesgmm.plots._style import COLOURS, MOST_ROWS, ink, open_grid, thin, wrap
from bayesgmm.posterior import Draws, read_mixtures

N_DRAWS = 200
MOST_ABREAST = 3
SIZE = (3.3, 2.7)
# Of the test: a false alarm in one feature of a hundred.
SURE = 0.99


def plot_calibration(
    posterior: Any, X: Any = None, *, features: Any = None, ax: Any = None
) -> Figure:
    """Plot how often data fall below what the posterior predicts, less how often due.

    Each value is replaced by the probability that the posterior predictive gives to
    smaller ones; if the model is right these are uniform, and the line stays near zero.
    A line that rises at the left says that more values are low than predicted; one that
    goes up, down and up again, that the data spread more. Points that speak most
    against the model are marked where a test of all of them does.

    Parameters
    ----------
    posterior : xarray.DataTree
        Draws of a mixture, also of an unknown number of components.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        By default the data that the posterior holds; new rows are a harder test.
    features : sequence of str, optional
        In the order wanted, by default all.
    ax : sequence of matplotlib Axes, optional
        One a feature, default a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there are no data, or no such feature.

    Notes
    -----
    It is ``arviz_plots.plot_ecdf_pit`` of exact probabilities: the distribution
    function of the mixture, averaged over draws. The test [1]_ holds for values that
    depend on each other, and is said to fail by chance in one feature of a hundred.
    Margins say nothing of how features hang together. Of more than 5,000 rows as many
    are drawn, and rows of weight w count w times.

    References
    ----------
    .. [1] Tesso et al. (2026), *LOO-PIT predictive model checking*,
       arXiv:2603.02928.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> posterior = bg.sample(X, 2, method="gibbs", random_seed=1, progress=False)
    >>> figure = bg.plot_calibration(posterior)
    """
    draws = read_mixtures(posterior)
    table = observations_of(posterior, draws.feature_names, X)
    known = table.feature_names
    columns = check_places("features", known if features is None else features, known)
    names = [known[j] for j in columns]
    rows = _spread_rows(weights_of(posterior, table))
    values = np.asarray(table.values[rows][:, columns], dtype=np.float64)
    below = xr.Dataset(
        {"pit": ((OBSERVATION, FEATURE), _probability_below(values, draws, columns))},
        coords={FEATURE: names},
    )
    figure, axes = open_grid(ax, len(names), MOST_ABREAST, SIZE, sharey=True)
    _draw(below, axes)
    return figure


def _spread_rows(weight: Floats) -> Ints:
    """Return the rows, one of weight w about w times, or as many as can be drawn."""
    total = weight.cumsum()
    n_rows = min(round(total[-1]), MOST_ROWS)
    middles = (np.arange(n_rows) + 0.5) / n_rows * total[-1]
    return np.searchsorted(total, middles)


def _probability_below(values: Floats, draws: Draws, columns: list[int]) -> Floats:
    """Return the posterior predictive distribution function of each feature."""
    kept = thin(draws.n_samples, N_DRAWS)
    total = np.zeros_like(values)
    for s in kept:
        for k, weight in enumerate(draws.weights[s]):
            mean = draws.means[s, k, columns]
            sd = np.sqrt(np.diagonal(draws.covariances[s, k])[columns])
            total += weight * ndtr((values - mean) / sd)
    return np.clip(total / len(kept), 0.0, 1.0)


def _draw(below: xr.Dataset, axes) -> None:
    from arviz_plots import plot_ecdf_pit

    looks: Any = {
        "ecdf_lines": {"color": COLOURS[0]},
        "suspicious_points": {"color": COLOURS[1]},
        "p_value_text": {"color": ink()},
    }
    plot_ecdf_pit(
        xr.DataTree.from_dict({"pit": below}),
        group="pit",
        sample_dims=[OBSERVATION],
        envelope_prob=SURE,
        plot_collection=panels(below, FEATURE, axes),
        visuals=looks,
    )
    for place, (each, name) in enumerate(zip(axes, below[FEATURE].values, strict=True)):
        each.set_title(wrap(name), fontsize="medium")
        first = place % MOST_ABREAST == 0
        each.set_ylabel("observed less due" if first else "")
        each.set_xlabel("predicted probability of less", fontsize="small")
