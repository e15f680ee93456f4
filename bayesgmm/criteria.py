"""Criteria that weigh fit against size. Lower is better in all of them.

Observations count by their weight: n is the number of rows or the sum of
`sample_weight`, which `bayesgmm.weight_kinds` has scaled to what the weights mean. Of
rows with missing values (NaN) the observed ones count.
"""

from collections.abc import Callable, Sequence
from functools import wraps

import numpy as np
from scipy.special import entr

from bayesgmm._typing import Floats
from bayesgmm.chunks import Chunks
from bayesgmm.incomplete import observe
from bayesgmm.kernels.reduce import log_likelihood_rows, responsibilities
from bayesgmm.parameters import MixtureParameters

BLOCK = 8192


def bic(parameters: MixtureParameters, X, sample_weight: Floats | None = None) -> float:
    """Return -2 log-likelihood + n_parameters log(n).

    References
    ----------
    .. [1] G. Schwarz (1978), Estimating the dimension of a model, Annals of Statistics
       6:461-464.
    """
    n = len(X) if sample_weight is None else float(sample_weight.sum())
    deviance = -2 * log_likelihood(parameters, X, sample_weight)
    return deviance + parameters.n_parameters * float(np.log(n))


def aic(parameters: MixtureParameters, X, sample_weight: Floats | None = None) -> float:
    """Return -2 log-likelihood + 2 n_parameters.

    References
    ----------
    .. [1] H. Akaike (1974), A new look at the statistical model identification, IEEE
       Transactions on Automatic Control 19:716-723.
    """
    deviance = -2 * log_likelihood(parameters, X, sample_weight)
    return deviance + 2 * parameters.n_parameters


def icl(parameters: MixtureParameters, X, sample_weight: Floats | None = None) -> float:
    """Return `bic` minus twice the log-probability of every row's label.

    Components that overlap cost.

    References
    ----------
    .. [1] C. Biernacki, G. Celeux, G. Govaert (2000), Assessing a mixture model for
       clustering with the integrated completed likelihood, IEEE PAMI 22:719-725.
    """
    doubt = _sum_blocks(parameters, X, sample_weight, _log_surest)
    return bic(parameters, X, sample_weight) - 2 * doubt


def entropy(
    parameters: MixtureParameters, X, sample_weight: Floats | None = None
) -> float:
    """Return ``-sum_nk r_nk log r_nk``: how much components overlap, in nats."""
    return _sum_blocks(parameters, X, sample_weight, _entropy_rows)


def nec(
    parameters: MixtureParameters,
    X,
    sample_weight: Floats | None = None,
    *,
    of_one: float,
) -> float:
    """Return the entropy over what the components add to the log-likelihood.

    Parameters
    ----------
    parameters : MixtureParameters
    X : array of shape (n_observations, n_features)
    sample_weight : array of shape (n_observations,), optional
    of_one : float
        Log-likelihood of one component of the same family.

    Returns
    -------
    float
        One for one component, by the convention of [2]_: several are better if they
        have less. NaN if they add nothing.

    References
    ----------
    .. [1] G. Celeux, G. Soromenho (1996), An entropy criterion for assessing the number
       of clusters in a mixture model, J. Classification 13:195-212.
    .. [2] C. Biernacki, G. Celeux, G. Govaert (1999), An improvement of the NEC
       criterion for assessing the number of clusters in a mixture model, Pattern
       Recognition Letters 20:267-272.
    """
    if parameters.n_components == 1:
        return 1.0
    added = log_likelihood(parameters, X, sample_weight) - of_one
    doubt = entropy(parameters, X, sample_weight)
    return doubt / added if added > 0 else float("nan")


def _over_chunks[T](summed: Callable[..., T]) -> Callable[..., T]:
    """Let a sum over rows take lazy ones, chunk by chunk."""

    @wraps(summed)
    def total(parameters, X, sample_weight=None, *more):
        if isinstance(X, Chunks):
            return X.sum(_of_chunk, sum, total, parameters, more)
        return summed(parameters, X, sample_weight, *more)

    return total


def _of_chunk(rows, weight, total, parameters, more):
    return total(parameters, rows, weight, *more)


def log_likelihood(
    parameters: MixtureParameters, X, sample_weight: Floats | None = None
) -> float:
    """Return the (weighted) sum of log densities."""
    return float(log_likelihoods([parameters], X, sample_weight)[0])


@_over_chunks
def log_likelihoods(
    mixtures: Sequence[MixtureParameters], X, sample_weight: Floats | None = None
) -> Floats:
    """Return the (weighted) sum of log densities under each of many mixtures.

    Parameters
    ----------
    mixtures : sequence of MixtureParameters
    X : array of shape (n_observations, n_features), or Chunks
        A chunk is read once for all mixtures.
    sample_weight : array of shape (n_observations,), optional
        Not of chunks, which have their own.

    Returns
    -------
    array of shape (n_mixtures,)
    """
    rows = observe(X)
    return np.array(
        [
            _total(rows.each(log_likelihood_rows, each), sample_weight, slice(None))
            for each in mixtures
        ]
    )


@_over_chunks
def _sum_blocks(parameters, X, sample_weight, of_rows):
    """Sum what `of_rows` makes of responsibilities, block by block."""
    total = 0.0
    for start in range(0, len(X), BLOCK):
        rows = slice(start, start + BLOCK)
        values = of_rows(observe(X[rows]).each(responsibilities, parameters))
        total += _total(values, sample_weight, rows)
    return total


def _log_surest(shares):
    return np.log(shares.max(axis=1))


def _entropy_rows(shares):
    return entr(shares).sum(axis=1)


def _total(values, sample_weight, rows):
    return float(
        values.sum() if sample_weight is None else sample_weight[rows] @ values
    )
