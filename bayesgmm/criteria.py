"""Criteria that weigh fit against size. Lower is better in all of them.

Observations count by their weight: n is the number of rows or the sum of
`sample_weight`, which `bayesgmm.weight_kinds` has scaled to what the weights mean. Of
rows with missing values (NaN) the observed ones count.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import NamedTuple

import numpy as np
from scipy.special import entr

from bayesgmm._typing import Floats
from bayesgmm.chunks import Chunks
from bayesgmm.incomplete import observe
from bayesgmm.kernels.reduce import log_likelihood_rows, responsibilities
from bayesgmm.parameters import MixtureParameters

BLOCK = 8192


class Sums(NamedTuple):
    """Sums over rows of which all criteria are made, of each of some mixtures.

    Attributes
    ----------
    log_likelihood : array of shape (n_mixtures,)
    log_surest : array of shape (n_mixtures,)
        Of the log-probabilities of the rows' likeliest labels.
    entropy : array of shape (n_mixtures,)
        ``-sum_nk r_nk log r_nk``: how much components overlap, in nats.
    """

    log_likelihood: Floats
    log_surest: Floats
    entropy: Floats


def bic(parameters: MixtureParameters, X, sample_weight: Floats | None = None) -> float:
    """Return -2 log-likelihood + n_parameters log(n).

    References
    ----------
    .. [1] G. Schwarz (1978), Estimating the dimension of a model, Annals of Statistics
       6:461-464.
    """
    value = log_likelihood(parameters, X, sample_weight)
    return _penalise(value, parameters, np.log(_count(X, sample_weight)))


def aic(parameters: MixtureParameters, X, sample_weight: Floats | None = None) -> float:
    """Return -2 log-likelihood + 2 n_parameters.

    References
    ----------
    .. [1] H. Akaike (1974), A new look at the statistical model identification, IEEE
       Transactions on Automatic Control 19:716-723.
    """
    return _penalise(log_likelihood(parameters, X, sample_weight), parameters, 2.0)


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


def nec(n_components: int, entropy: float, added: float) -> float:
    """Return the entropy over what the components add to the log-likelihood.

    Parameters
    ----------
    n_components : int
    entropy : float
    added : float
        To the log-likelihood of one component of the same family.

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
    if n_components == 1:
        return 1.0
    return entropy / added if added > 0 else float("nan")


def all_criteria(
    parameters: MixtureParameters, n: float, sums: Sums, of_one: float
) -> dict[str, float]:
    """Return every criterion by name.

    Parameters
    ----------
    parameters : MixtureParameters
    n : float
        Observations.
    sums : Sums
        Of this mixture alone.
    of_one : float
        Log-likelihood of one component of the same family.
    """
    value, surest, entropy = map(float, sums)
    bic = _penalise(value, parameters, np.log(n))
    return {
        "bic": bic,
        "aic": _penalise(value, parameters, 2.0),
        "icl": bic - 2 * surest,
        "nec": nec(parameters.n_components, entropy, value - of_one),
    }


def _penalise(log_likelihood, parameters, price) -> float:
    return -2 * log_likelihood + parameters.n_parameters * float(price)


def _count(X, sample_weight):
    return len(X) if sample_weight is None else float(sample_weight.sum())


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


def sum_rows(
    mixtures: Sequence[MixtureParameters], X, sample_weight: Floats | None = None
) -> Sums:
    """Return the sums over rows of which the criteria of many mixtures are made.

    Parameters
    ----------
    mixtures, X, sample_weight
        As of `log_likelihoods`.
    """
    return Sums(*_sum_rows(mixtures, X, sample_weight))


@_over_chunks
def _sum_rows(mixtures, X, sample_weight):
    """Return `Sums` as an array, which adds up."""
    of_rows = _log_surest, _entropy_rows
    overlaps = [
        [_sum_blocks(each, X, sample_weight, one) for each in mixtures]
        for one in of_rows
    ]
    return np.array([log_likelihoods(mixtures, X, sample_weight), *overlaps])


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
