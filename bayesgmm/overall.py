"""One component on all rows: the yardstick of a fit, and what fills gaps at first."""

import numpy as np

from bayesgmm._typing import Floats, SufficientStatistics
from bayesgmm.covariances import CovarianceFamily
from bayesgmm.em import Status, run_em
from bayesgmm.imputation import impute
from bayesgmm.incomplete import observe
from bayesgmm.initialise import Overall, weighted_covariance
from bayesgmm.observations import Observations
from bayesgmm.parameters import MixtureParameters
from bayesgmm.statistics import moments, recentre
from bayesgmm.steps import Objective

MAX_STEPS = 1000
# Of a correlation matrix that EM left as singular, the eigenvalues that mean zero.
NO_SPREAD = 1e-8


def find_overall(
    X: Floats, sample_weight: Floats | None, family: CovarianceFamily
) -> Overall:
    """Return the mean and covariance of all rows, by maximum likelihood.

    Parameters
    ----------
    X : array of shape (n_observations, n_features)
        NaN marks a missing value. Every column has two different values.
    sample_weight : array of shape (n_observations,), optional
    family : CovarianceFamily
        Of one component, that is fitted to rows with gaps.

    Returns
    -------
    Overall
        With a singular covariance if the rows lie in a plane.
    """
    if not np.isnan(X.min()):
        return Overall.of(X, sample_weight)
    mean, variances = _column_moments(X, sample_weight)
    return find_overall_with_gaps(observe(X, sample_weight), mean, variances, family)


def overall_of(statistics: SufficientStatistics, means: Floats) -> Overall:
    """Return the moments of all rows from those of components.

    Parameters
    ----------
    statistics : SufficientStatistics
        With gaps they are expected ones, and so is then what is returned.
    means : array of shape (n_components, n_features)
        On which they are centred.
    """
    total = SufficientStatistics(
        *(part.sum(axis=0)[None] for part in recentre(statistics, means, means[0]))
    )
    (count,), (mean,), (scatter,) = moments(total, means[:1])
    return Overall(mean, scatter / count, float(count))


def find_overall_with_gaps(
    observations: Observations,
    mean: Floats,
    variances: Floats,
    family: CovarianceFamily,
) -> Overall:
    """Return the mean and covariance of rows with gaps, by EM of one component.

    Parameters
    ----------
    observations : Observations
    mean, variances : array of shape (n_features,)
        Of what was observed of each column, where EM begins.
    family : CovarianceFamily
    """
    start = _one(mean, np.diag(variances), family.name)
    objective = Objective(observations, start.covariances[0])
    run = run_em(objective, start, max_iter=MAX_STEPS)
    end, n = run.parameters, objective.n_observations
    if run.status is Status.COLLAPSED:
        return Overall(end.means[0], _flatten(end.covariances[0]), n)
    return Overall(end.means[0], end.covariances[0], n)


def one_component(overall: Overall, family: CovarianceFamily) -> MixtureParameters:
    """Return one component of a family, at the maximum of its likelihood."""
    covariances = family.estimate(overall.covariance[None], np.ones(1))
    return _one(overall.mean, covariances[0], family.name)


def fill_gaps(
    X: Floats, sample_weight: Floats | None, reference: Floats, family: CovarianceFamily
) -> Floats:
    """Return the rows, gaps filled by what one component expects of them.

    Parameters
    ----------
    X : array of shape (n_observations, n_features)
    sample_weight : array of shape (n_observations,), optional
    reference : array of shape (n_features, n_features)
        Covariance of the component, positive definite.
    family : CovarianceFamily
    """
    if not np.isnan(X.min()):
        return X
    mean = find_overall(X, sample_weight, family).mean
    return impute(_one(mean, reference, family.name), X)


def _one(mean, covariance, covariance_type):
    names = tuple(f"x{j}" for j in range(len(mean)))
    return MixtureParameters(
        np.ones(1), mean[None], covariance[None], covariance_type, names
    )


def _column_moments(X, sample_weight):
    """Return mean and variance of what was observed of each column."""
    moments = []
    for column in X.T:
        seen = ~np.isnan(column)
        weight = None if sample_weight is None else sample_weight[seen]
        mean, variance = weighted_covariance(column[seen, None], weight)
        moments.append((mean[0], variance[0, 0]))
    return np.array(moments).T


def _flatten(covariance):
    """Return the covariance without the directions in which there is no spread."""
    scale = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    values[values < NO_SPREAD] = 0.0
    return (vectors * values) @ vectors.T * np.outer(scale, scale)
