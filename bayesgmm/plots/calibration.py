"""Whether the data look like what a posterior predicts, feature by feature."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import ndtr

from bayesgmm._typing import Floats, Ints
from bayesgmm.arguments import check_places
from bayesgmm.dims import FEATURE, OBSERVATION
from bayesgmm.errors import InputError
from bayesgmm.kept import observations_of, weights_of
from bayesgmm.plots._arviz import panels
from bayesgmm.plots._style import COLOURS, MOST_ROWS, is_leftmost, open_grid, thin, wrap
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
        If there are no data, or no such feature or no value of it.

    Notes
    -----
    It is ``arviz_plots.plot_ecdf_pit`` of exact probabilities: the distribution
    function of the mixture, averaged over draws. The test [1]_ holds for values that
    depend on each other, and is said to fail by chance in one feature of a hundred.
    Margins say nothing of how features hang together. Of more than 5,000 rows as many
    are drawn, and rows of weight w count w times. Noise counts as uniform in its box.

    Of rows with missing values those that are there count. If large values of a feature
    are missing more often because of what another one is, its line leaves zero though
    the model is right.

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
    draws = read_mixtures(posterior, noisy=True)
    known = draws.feature_names
    table = observations_of(posterior, known, X, gappy=True)
    columns = check_places("features", known if features is None else features, known)
    rows = _spread_rows(weights_of(posterior, table))
    below = {known[j]: _below(table.values[rows, j], draws, j) for j in columns}
    _check_present(below)
    figure, axes = open_grid(ax, len(columns), MOST_ABREAST, SIZE)
    for each, (name, values) in zip(axes, below.items(), strict=True):
        _draw(each, name, values)
    _finish(axes)
    return figure


def _check_present(below: dict[str, Floats]) -> None:
    for name, values in below.items():
        if not values.size:
            raise InputError(
                "X",
                "have values of every feature that is drawn",
                f"none of {name!r}",
                "Choose others by `features`.",
            )


def _spread_rows(weight: Floats) -> Ints:
    """Return the rows, one of weight w about w times, or as many as can be drawn."""
    total = np.nan_to_num(weight, nan=1.0).cumsum()  # new rows have no weight
    n_rows = min(round(total[-1]), MOST_ROWS)
    middles = (np.arange(n_rows) + 0.5) / n_rows * total[-1]
    return np.searchsorted(total, middles)


def _below(values: Floats, draws: Draws, column: int) -> Floats:
    """Return the posterior predictive distribution function at what is not missing."""
    values = values[~np.isnan(values)].astype(np.float64)
    draws = draws.take(thin(draws.n_samples, N_DRAWS))
    sds = np.sqrt(draws.covariances[:, :, column, column])
    total = np.zeros_like(values)
    for weights, means, sd in zip(
        draws.weights, draws.means[..., column], sds, strict=True
    ):
        total += ndtr((values[:, None] - means) / sd) @ weights
    if draws.noise is not None and draws.noise_weight is not None:
        places, _, below = draws.noise.margin(column)
        total += draws.noise_weight.sum() * np.interp(values, places, below)
    return np.clip(total / draws.n_samples, 0.0, 1.0)


def _draw(ax: Axes, name: str, below: Floats) -> None:
    """Draw one feature, its p-value in the title, where no line can cross it."""
    from arviz_plots import plot_ecdf_pit

    looks: Any = {
        "ecdf_lines": {"color": COLOURS[0]},
        "suspicious_points": {"color": COLOURS[1]},
        "p_value_text": {"text": _write_p},
        "xlabel": False,  # which would be black on any ground
    }
    data = xr.Dataset(
        {"pit": ((OBSERVATION, FEATURE), below[:, None])}, coords={FEATURE: [name]}
    )
    plot_ecdf_pit(
        xr.DataTree.from_dict({"pit": data}),
        group="pit",
        sample_dims=[OBSERVATION],
        envelope_prob=SURE,
        plot_collection=panels(data, FEATURE, [ax]),
        visuals=looks,
    )
    notes = [text.get_text().strip() for text in ax.texts]
    for text in list(ax.texts):
        text.remove()
    ax.set_title("\n".join([wrap(name), *notes]), fontsize="small")


def _write_p(p: Any) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {float(p):.2g}"


def _finish(axes: list[Axes]) -> None:
    """Give all one scale, and name it at the left."""
    highest = max(np.abs(ax.get_ylim()).max() for ax in axes)
    for ax in axes:
        ax.set_ylim(-highest, highest)
        ax.tick_params(labelleft=is_leftmost(ax))
        ax.set_ylabel("observed less due" if is_leftmost(ax) else "")
        ax.set_xlabel("predicted probability of less", fontsize="small")
