"""Rows that lie too thinly to belong to a group: where a noise component begins.

Among n points of a homogeneous Poisson process, the distance of a point to its k-th
neighbour to the power of the dimension is Gamma(k)-distributed, at a rate that is
proportional to the density. Groups and clutter are two such processes; a mixture of two
gamma distributions tells them apart. Byers and Raftery (1998), *Nearest-neighbor
clutter removal for estimating features in spatial point processes*, JASA 93:577-584.
"""

from typing import Any

import numpy as np
from scipy.spatial import KDTree
from scipy.special import expit

from bayesgmm._typing import Floats
from bayesgmm.initialise import standardise

NEIGHBOUR = 12
# Neighbours are looked for among so many rows; that thins both processes alike.
MOST_ROWS = 10_000
# Of all rows; EM finds the share, it only must not begin at nothing or at all.
SMALLEST_SHARE, LARGEST_SHARE = 0.01, 0.5
STEPS = 200
TINY = 1e-9


def find_clutter(X: Floats) -> Any:
    """Return which rows look like noise.

    Parameters
    ----------
    X : array of shape (n_observations, n_features)
        Varying in every column.

    Returns
    -------
    array of bool, shape (n_observations,)
        At least one row in a hundred, at most every second: those that lie thinnest.
    """
    Z, n = standardise(X)[0], len(X)
    if n < 3:
        return np.zeros(n, dtype=bool)
    rows = np.random.default_rng(0).permutation(n)[:MOST_ROWS]
    neighbour = min(NEIGHBOUR, len(rows) - 1)
    distances = KDTree(Z[rows]).query(Z, k=neighbour + 1)[0][:, -1]
    share = _share_of_clutter(distances, neighbour, X.shape[1])
    n_noise = int(np.clip(share, SMALLEST_SHARE, LARGEST_SHARE) * n)
    is_noise = np.zeros(n, dtype=bool)
    is_noise[np.argsort(-distances, kind="stable")[:n_noise]] = True
    return is_noise


def _share_of_clutter(distances, neighbour, n_features):
    """Return the share of rows that belong to the thinner of two processes."""
    positive = distances[distances > 0]
    if not len(positive):
        return 0.0
    with np.errstate(divide="ignore"):
        log_ratios = n_features * (np.log(distances) - np.log(np.median(positive)))
    volumes = np.exp(np.clip(log_ratios, -500, 500))
    thin = (volumes > np.quantile(volumes, 0.8)).astype(np.float64)
    share = thin.mean()
    for _ in range(STEPS):
        both = np.array([thin, 1 - thin])
        rates = neighbour * (both.sum(axis=1) + TINY) / (both @ volumes + TINY)
        odds = np.log(share + TINY) - np.log(1 - share + TINY)
        odds += neighbour * (np.log(rates[0]) - np.log(rates[1]))
        thin = expit(odds - (rates[0] - rates[1]) * volumes)
        before, share = share, thin.mean()
        if abs(share - before) < 1e-6:
            break
    return (thin > 0.5).mean()
