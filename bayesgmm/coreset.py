"""`coreset`: few weighted rows whose likelihood stands for that of all, near a fit."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_count
from bayesgmm.calibration import match_step
from bayesgmm.cell_search import find_cells
from bayesgmm.cells import Cells, sum_cells
from bayesgmm.coreset_error import CoresetError, compare_sums, score_chunk
from bayesgmm.errors import InputError
from bayesgmm.extent import survey
from bayesgmm.held import Held, as_given, hold
from bayesgmm.nearby import draw_nearby, variation_at
from bayesgmm.parameters import MixtureParameters, as_parameters
from bayesgmm.stand_ins import stand_ins
from bayesgmm.statistics import add_moments, moments
from bayesgmm.validation import are_named, check_features, check_table
from bayesgmm.weight_kinds import weight_kind

SAMPLE_ROWS = 100_000
"""Rows from which cells are found, at least; `SAMPLE_FACTOR` for one of the coreset."""
SAMPLE_FACTOR = 5
INFORMATION_ROWS = 20_000
N_PILOTS, N_DRAWS = 8, 30
"""Mixtures around the fit by which cells are found, and by which errors are told."""


@dataclass(frozen=True, slots=True, eq=False)
class Coreset:
    """Weighted rows that stand for many more. Approximate: `error` says how good.

    Attributes
    ----------
    rows : array or data frame of shape (n_rows, n_features)
        Means of the rows they stand for, spread as those are; none is one of them.
    sample_weight : array of shape (n_rows,)
        For how many observations each of them stands (``weight_kind="frequency"``).
    n_observations : int
        Rows that were read.
    error : CoresetError
        Measured on all rows.
    """

    rows: Any
    sample_weight: Floats
    n_observations: int
    error: CoresetError

    def __str__(self):
        return (
            f"{len(self.rows):,} weighted rows for {self.n_observations:,}: "
            f"approximate, near the fit they were made for. {self.error}"
        )


def coreset(
    X: Any,
    em: Any,
    n_rows: int = 20_000,
    *,
    sample_weight: Any = None,
    random_state: Any = None,
) -> Coreset:
    """Return few weighted rows whose likelihood is that of all rows near a fit.

    Space is divided into cells, small where a few points in place of the rows of a
    cell would change log-likelihood ratios. The rows of each cell become the corners
    of a simplex with their count, mean and covariance. Weights are then changed by
    little, so that the log-likelihood at the fit, and all that a step of EM from there
    needs, are those of all rows. What is left is measured on all rows, and printed.

    Parameters
    ----------
    X : array-like of shape (n_observations, n_features), data frame, lazy or not
        Without gaps. Lazy rows (Dask) are read three times: a sample, and all twice.
    em : GaussianMixture or MixtureParameters
        The fit near which likelihoods are to be right, without noise. A posterior has
        to have its mass there: of any priors, and of mixtures of the same components.
    n_rows : int, default 20,000
        At most.
    sample_weight : array-like of shape (n_observations,), optional
        The weights of the fit.
    random_state : int, RandomState or None
        Of the sample from which cells are found.

    Returns
    -------
    Coreset
        ``bg.sample(core.rows, k, init=em, sample_weight=core.sample_weight)`` and the
        like take it.

    Raises
    ------
    InputError
        If there are gaps, other features than in the fit, no more rows than `n_rows`,
        or `n_rows` is too few for the components.

    See Also
    --------
    compress : Exact, where many rows are equal.

    Notes
    -----
    Time is that of some 40 steps of EM. The error of log-likelihood ratios hardly
    grows with the number of observations, and falls with `n_rows`; a uniform sample of
    the same size is off by ``sqrt(n_parameters n_observations / n_rows)`` nats.

    References
    ----------
    .. [1] A. W. Moore (1999), *Very fast EM-based mixture model clustering using
       multiresolution kd-trees*, NIPS 11.
    .. [2] J. J. Verbeek, J. R. J. Nunnink, N. Vlassis (2006), *Accelerated EM-based
       clustering of large data sets*, Data Mining and Knowledge Discovery 13:291-307.
    .. [3] J.-C. Deville, C.-E. Sarndal (1992), *Calibration estimators in survey
       sampling*, J. Am. Stat. Assoc. 87:376-382.

    Examples
    --------
    >>> import numpy as np
    >>> import bayesgmm as bg
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(np.repeat([0, 3], [20_000, 10_000]), 1)[:, None]
    >>> em = bg.GaussianMixture(2, random_state=0).fit(X)
    >>> core = bg.coreset(X, em, n_rows=200, random_state=0)
    >>> len(core.rows), round(core.sample_weight.sum())
    (200, 30000)
    >>> core.error.sd < 0.01
    True
    """
    mixture, rows = _open(X, em, sample_weight)
    _check_size(n_rows, rows.n_observations, mixture)
    seed = check_random_state(random_state).randint(2**32, dtype=np.uint32)
    random = np.random.default_rng(int(seed))
    cells = _find_cells(rows, mixture, n_rows, random)
    summed = rows.sum(_sum_chunk, add_moments, cells)[1]
    found = moments(summed, cells.centres)
    reach = ((found.means - cells.centres) ** 2).sum(axis=1)
    points, weight, _ = stand_ins(found, reach)
    variation = variation_at(mixture, points, weight)
    mixtures = [mixture, *draw_nearby(mixture, variation, N_DRAWS, random)]
    whole = rows.sum(score_chunk, add_moments, mixtures)
    calibrated = match_step(points, weight, mixture, whole[0][0], whole[1])
    weight = weight if calibrated is None else calibrated
    few = score_chunk(points, weight, mixtures)
    error = compare_sums(few, whole, mixtures, variation)
    return Coreset(as_given(points, rows), weight, rows.n_observations, error)


def _open(X, em, sample_weight):
    """Return the mixture and the rows, weighted as the fit did."""
    mixture = as_parameters(em)
    kind = weight_kind(getattr(em, "weight_kind", "frequency"))
    rows = hold(X, sample_weight, kind)
    check_features(rows, mixture.feature_names, are_named(mixture.feature_names))
    return mixture, rows


def _check_size(n_rows, n: int, mixture: MixtureParameters):
    check_count("n_rows", n_rows)
    k, d = mixture.means.shape
    least = 4 * k * (1 + d) * (2 + d) // 2
    if n_rows < least:
        raise InputError(
            "n_rows",
            f"be {least} at least, for {k} components of {d} features",
            f"{n_rows}",
            "Ask for more rows.",
        )
    if n_rows >= n:
        raise InputError(
            "n_rows", f"be below the {n} rows of `X`", f"{n_rows}", "Use them all."
        )


def _find_cells(rows, mixture: MixtureParameters, n_rows, random) -> Cells:
    """Find cells from a sample of the rows."""
    n, d = rows.n_observations, mixture.n_features
    size = min(n, max(SAMPLE_ROWS, SAMPLE_FACTOR * n_rows))
    X, weight = _take(rows, np.sort(random.choice(n, size, replace=False)))
    few = random.choice(size, min(size, INFORMATION_ROWS), replace=False)
    variation = variation_at(mixture, X[few], weight[few] * (n / len(few)))
    pilots = draw_nearby(mixture, variation, N_PILOTS, random)
    return find_cells(X, weight * (n / size), mixture, pilots, n_rows // (d + 1))


def _take(rows, places):
    try:
        table, weight = rows.take(places)
    except InputError:
        if not isinstance(rows, Held):
            survey(rows)  # it names the chunk
        raise
    X = table.values.astype(np.float64, copy=False)
    return X, np.ones(len(X)) if weight is None else weight


def _sum_chunk(rows, weight, cells: Cells):
    return 0.0, sum_cells(check_table(rows).values, weight, cells)
