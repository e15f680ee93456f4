"""From sufficient statistics to the moments of an M-step."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from bayesgmm._typing import Floats, SufficientStatistics


class Moments(NamedTuple):
    """What an M-step needs, centred on the components' own new means.

    Attributes
    ----------
    counts : array of shape (n_components,)
    means : array of shape (n_components, n_features)
    scatters : array of shape (n_components, n_features, n_features)
        ``sum_n r_nk (x_n - mean_k)(x_n - mean_k)^T``, the W_k of the literature.
    """

    counts: Floats
    means: Floats
    scatters: Floats


def moments(statistics: SufficientStatistics, means: Floats) -> Moments:
    """Move statistics centred on `means` to the weighted means of the rows.

    A component without rows keeps its mean and has scatter zero.
    """
    counts, sums, outer_products = statistics
    shift = sums / np.where(counts > 0, counts, 1.0)[:, None]
    correction = counts[:, None, None] * shift[:, :, None] * shift[:, None, :]
    return Moments(counts, means + shift, outer_products - correction)


def add_moments(
    parts: Iterable[tuple[float, SufficientStatistics]],
) -> tuple[float, SufficientStatistics]:
    """Return the sum of log-likelihoods and of statistics with the same centres."""
    totals, statistics = zip(*parts, strict=True)
    sums = (np.sum(each, axis=0) for each in zip(*statistics, strict=True))
    return sum(totals), SufficientStatistics(*sums)


def recentre(
    statistics: SufficientStatistics, means: Floats, centre: Floats
) -> SufficientStatistics:
    """Return statistics centred on `means` as they are about another centre.

    Parameters
    ----------
    statistics : SufficientStatistics
    means : array of shape (n_components, n_features)
    centre : array of shape (n_features,) or (n_components, n_features)
    """
    counts, sums, outer_products = statistics
    shift = means - centre
    moved = sums + counts[:, None] * shift
    cross = sums[:, :, None] * shift[:, None, :]
    cross = cross + shift[:, :, None] * moved[:, None, :]
    return SufficientStatistics(counts, moved, outer_products + cross)
