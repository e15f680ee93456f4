"""Missing values filled in: by what a mixture expects them to be, or by draws."""

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.kernels.reduce import responsibilities
from bayesgmm.parameters import MixtureParameters
from bayesgmm.patterns import Regression, find_patterns, regress, select

BLOCK = 8192


def impute(at: MixtureParameters, X: Floats, random=None) -> Floats:
    """Return rows with their gaps filled.

    Parameters
    ----------
    at : MixtureParameters
    X : array of shape (n_observations, n_features)
        NaN marks a missing value.
    random : numpy.random.RandomState or Generator, optional
        Fill by a draw from p(missing | observed). None fills by its mean.

    Returns
    -------
    array of shape (n_observations, n_features), float64
    """
    filled = X.astype(np.float64)
    for rows, observed in find_patterns(X):
        if observed.all():
            continue
        seen, missing = regress(at, observed), np.flatnonzero(~observed)
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            whole = _complete(at, seen, select(X, block, observed), random)
            filled[np.ix_(block, missing)] = whole[:, missing]
    return filled


def _complete(at, seen: Regression, X, random):
    """Return all columns of rows, given those observed."""
    shares = responsibilities(X, seen.quadratics)
    shares[~shares.any(axis=1)] = at.weights  # nothing explains the row
    z = None
    if random is not None:
        shares = _draw_components(shares, random)
        z = random.standard_normal((len(X), seen.spreads.shape[-1]))
    whole = np.zeros((len(X), at.n_features))
    for k, share in enumerate(shares.T):
        centred = X - seen.quadratics.means[k]
        each = at.means[k] + centred @ seen.completions[k].T
        if z is not None:
            each += z @ seen.spreads[k].T
        whole += share[:, None] * each
    return whole


def _draw_components(shares, random):
    """Return a one for the component drawn, and zeros."""
    cumulated = shares.cumsum(axis=1)
    uniforms = random.random(len(shares))[:, None] * cumulated[:, -1:]
    drawn = (cumulated <= uniforms).sum(axis=1)
    return np.eye(shares.shape[1])[drawn]
