"""Passes over the data that reduce rows to a few numbers."""

import numpy as np
from scipy.special import logsumexp

from bayesgmm._typing import SufficientStatistics


def log_joint(X, quadratics):
    """Return offsets[k] - 1/2 ||(x_n - means[k]) @ precisions_cholesky[k]||^2."""
    centred = X[:, None, :].astype(np.float64) - quadratics.means
    z = np.einsum("nki,kij->nkj", centred, quadratics.precisions_cholesky)
    return quadratics.offsets - 0.5 * (z**2).sum(-1)


def one_pass(X, quadratics, *, sample_weight=None):
    joint = log_joint(X, quadratics)
    rows = logsumexp(joint, axis=1)
    r = np.exp(joint - rows[:, None])
    if sample_weight is not None:
        r, rows = r * sample_weight[:, None], rows * sample_weight
    centred = X[:, None, :] - quadratics.means
    sums = np.einsum("nk,nki->ki", r, centred)
    outer = np.einsum("nk,nki,nkj->kij", r, centred, centred)
    return rows.sum(), SufficientStatistics(r.sum(0), sums, outer)


def log_likelihood_rows(X, quadratics):
    return logsumexp(log_joint(X, quadratics), axis=1)


def responsibilities(X, quadratics):
    joint = log_joint(X, quadratics)
    return np.exp(joint - logsumexp(joint, axis=1)[:, None])
