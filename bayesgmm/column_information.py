"""How much each column tells of the component that a row belongs to."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import entr

from bayesgmm._typing import Floats, Ints
from bayesgmm.arguments import check_probability, check_seed
from bayesgmm.intervals import INTERVAL_PROBABILITY, spread
from bayesgmm.kept import observations_of, weights_of
from bayesgmm.label_draws import draw_labels
from bayesgmm.posterior import read_draws
from bayesgmm.profile_columns import read_columns
from bayesgmm.profile_result import COLUMN, SUMMARY

N_DRAWS = 100
"""Of each chain."""
MOST_BINS = 16
ROWS_PER_CELL = 5
"""Bins of a column by components: on average this many rows each, or fewer bins."""


def column_information(
    posterior: xr.DataTree,
    data: Any = None,
    X: Any = None,
    *,
    n_draws: int | None = None,
    probability: float = INTERVAL_PROBABILITY,
    random_seed: int | None = 0,
) -> pd.DataFrame:
    """Say how much each column alone tells of the components, the most telling first.

    Who knows only this column of a row has this part less to learn about where the row
    belongs: 0 if its distribution is the same in all components, 1 if it gives the
    component away.

    Parameters
    ----------
    posterior : xarray.DataTree
        Draws of a mixture; they need not be relabelled.
    data : data frame or array-like of shape (n_observations, n_columns), optional
        Columns to judge, as for `profile`: also such as the mixture was not fitted to.
        By default the features.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        Old or new observations, by default the data that the posterior holds.
    n_draws : int, optional
        Of each chain, evenly spread. By default 100, or all if there are fewer.
    probability : float, default 0.9
        Of the equal-tailed intervals.
    random_seed : int or None, default 0
        None takes another one each time.

    Returns
    -------
    pandas.DataFrame
        One row a ``column``: posterior ``mean``, ``sd``, ``lower`` and ``upper``. NaN
        where all rows are in one component.

    Raises
    ------
    InputError
        As for `profile`.

    Notes
    -----
    Labels are drawn by `draw_labels`, and the mutual information of label and column is
    divided by the entropy of the labels (Theil's uncertainty coefficient [1]_). The
    column is cut into up to 16 bins of equally many rows, so that a logarithm or
    another increasing function of it says the same; the bias of sparse tables is taken
    away to first order [2]_, which may leave numbers a little below 0: they are called
    0. Rows count by their sample weights, missing values are left out.

    Columns that say the same are each as telling as alone: it is no measure of what
    would be lost without a column.

    References
    ----------
    .. [1] H. Theil (1970), *On the estimation of relationships involving qualitative
       variables*, American Journal of Sociology 76:103-154.
    .. [2] G. A. Miller (1955), *Note on the bias of information estimates*, in
       Information Theory in Psychology, Free Press.
    """
    probability = check_probability("probability", probability)
    random_seed = check_seed(random_seed)
    draws = read_draws(posterior, noisy=True)
    table = observations_of(posterior, draws.feature_names, X, gappy=True)
    columns = read_columns(data, table)
    n_draws = min(N_DRAWS, draws.n_draws) if n_draws is None else n_draws
    labels = draw_labels(posterior, table, n_draws=n_draws, random_seed=random_seed)
    codes = np.unique(labels.values, return_inverse=True)[1]
    codes = codes.reshape(-1, table.n_observations)
    weight = weights_of(posterior, table)
    n_labels = int(codes.max()) + 1
    found = {
        name: _summarise(_informations(values, codes, n_labels, weight), probability)
        for name, values in zip(columns.feature_names, columns.values.T, strict=True)
    }
    frame = pd.DataFrame.from_dict(found, orient="index", columns=list(SUMMARY))
    return frame.rename_axis(COLUMN).sort_values("mean", ascending=False, kind="stable")


def _informations(values: Floats, labels: Ints, n_labels: int, weight: Floats):
    """Return the uncertainty coefficient of a column in every draw, (n_samples,)."""
    seen = ~np.isnan(values) & (weight > 0)
    if not seen.any():
        return np.full(len(labels), np.nan)
    bins, n_bins = _cut(values[seen], weight[seen], n_labels)
    weight, cells = weight[seen], bins * n_labels
    return np.array(
        [
            _coefficient(np.bincount(cells + row, weight, n_bins * n_labels), n_labels)
            for row in labels[:, seen]
        ]
    )


def _cut(values: Floats, weight: Floats, n_labels: int) -> tuple[Ints, int]:
    """Return bins of equally many rows, 0, 1, ...; equal values share one."""
    places, inverse = np.unique(values, return_inverse=True)
    mass = np.bincount(inverse, weight)
    n_bins = int(mass.sum() / (ROWS_PER_CELL * n_labels))
    n_bins = min(max(n_bins, 2), MOST_BINS, len(places))
    middle = (mass.cumsum() - mass / 2) / mass.sum()
    return np.minimum((middle * n_bins).astype(np.intp), n_bins - 1)[inverse], n_bins


def _coefficient(counts: Floats, n_labels: int) -> float:
    """Return the share of the entropy of labels that a table of bins explains."""
    table = counts.reshape(-1, n_labels)
    of_bins, of_labels = table.sum(axis=1), table.sum(axis=0)
    whole = _entropy(of_labels)
    if not whole > 0:
        return np.nan
    information = whole + _entropy(of_bins) - _entropy(table)
    filled = [np.count_nonzero(part) for part in (table, of_bins, of_labels)]
    bias = (filled[0] - filled[1] - filled[2] + 1) / (2 * table.sum())
    return float(np.clip((information - bias) / whole, 0.0, 1.0))


def _entropy(counts: Floats) -> float:
    return float(entr(counts / counts.sum()).sum())


def _summarise(values: Floats, probability: float) -> tuple[float, ...]:
    known = values[~np.isnan(values)]
    if not len(known):
        return (np.nan,) * len(SUMMARY)
    return tuple(map(float, spread(known, probability)))
