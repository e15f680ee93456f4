"""Criteria that weigh fit against size. Lower is better in all of them.

Observations count by their weight: n is the number of rows or the sum of
`sample_weight`, which `bayesgmm.weight_kinds` has scaled to what the weights mean. Of
rows with missing values (NaN) the observed ones count.
"""

import numpy as np

from bayesgmm._typing import Floats
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
    n = len(X) if sample_weight is None else sample_weight.sum()
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
    doubt = 0.0
    for start in range(0, len(X), BLOCK):
        rows = slice(start, start + BLOCK)
        shares = observe(X[rows]).each(responsibilities, parameters)
        surest = shares.max(axis=1)
        doubt -= _total(np.log(surest), sample_weight, rows)
    return bic(parameters, X, sample_weight) + 2 * doubt


def log_likelihood(
    parameters: MixtureParameters, X, sample_weight: Floats | None = None
) -> float:
    """Return the (weighted) sum of log densities."""
    rows = observe(X).each(log_likelihood_rows, parameters)
    return _total(rows, sample_weight, slice(None))


def _total(values, sample_weight, rows):
    return float(
        values.sum() if sample_weight is None else sample_weight[rows] @ values
    )
