"""The prior of Fraley and Raftery, scaled to the data."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bayesgmm.arguments import check_choice, check_count
from bayesgmm.conjugate import ConjugatePrior, check_at_least_zero, has_matrices
from bayesgmm.covariances import CovarianceFamily, covariance_family
from bayesgmm.errors import InputError
from bayesgmm.fittable import check_fittable
from bayesgmm.initialise import Overall, spread_in_all_directions
from bayesgmm.validation import check_sample_weight, check_table

SHRINKAGE = 0.01


# Degrees of freedom by which mclust's converged fits of several components are maxima,
# where they are not the d + 2 of the paper: (n_features, n_components) -> degrees.
_MCLUST_DEGREES: dict[str, Callable[[int, int], float]] = {
    "EEI": lambda d, k: d + 2 - k,
    "VEI": lambda d, k: (d + 5) / d - 3,  # noqa: ARG005
    "EVI": lambda d, k: (d + 4) / k - 3,
    "EEV": lambda d, k: (2 * d + 4) / k - d - 2,
    "VEV": lambda d, k: -d - 2,  # noqa: ARG005
}
# Where mclust's fits of several components are maxima without any scale.
_MCLUST_WITHOUT_SCALE = ("EII",)


def conjugate_prior(
    X,
    n_components: int,
    covariance_type: str = "full",
    *,
    sample_weight=None,
    shrinkage: float = SHRINKAGE,
    degrees_of_freedom: float | None = None,
) -> ConjugatePrior:
    """Return the prior of Fraley and Raftery, scaled to the data.

    Parameters
    ----------
    X : array-like of shape (n_observations, n_features) or data frame
    n_components : int
    covariance_type : str
        As in `GaussianMixture`.
    sample_weight : array-like of shape (n_observations,), optional
        How often each row counts.
    shrinkage : float
        How many rows at the mean of all data every component has beside its own.
    degrees_of_freedom : float, optional
        By default ``n_features + 2``.

    Returns
    -------
    ConjugatePrior
        Its scale is the covariance of all rows over ``n_components ** (2 /
        n_features)``; for balls and families with the features as axes, that factor
        times the mean of the variances, so there features should be in comparable
        units. If columns are collinear, or there are no more rows than columns, the
        covariance has no spread in some direction and only its diagonal is used.

    Raises
    ------
    InputError
        If the data cannot carry a mixture of `n_components`.

    References
    ----------
    .. [1] C. Fraley and A. E. Raftery (2007), *Bayesian regularization for normal
       mixture estimation and model-based clustering*, J. Classification 24:155-181.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesgmm import conjugate_prior
    >>> print(conjugate_prior(np.array([[0.0], [1.0], [2.0], [10.0], [11.0]]), 2))
    shrinkage 0.01, degrees of freedom 3
    feature: mean, scale
    x0: 4.8, 6.925
    """
    n_components = check_count("n_components", n_components)
    check_at_least_zero("shrinkage", shrinkage)
    table = check_table(X)
    family = covariance_family(covariance_type, table.n_features)
    check_fittable(table, n_components, distinct=False)
    weight = check_sample_weight(sample_weight, table.n_observations)
    overall = Overall.of(table.values, weight)
    prior = default_conjugate(overall, n_components, family, table.feature_names)
    degrees = prior.degrees_of_freedom
    if degrees_of_freedom is not None:
        degrees = float(degrees_of_freedom)
    return replace(prior, shrinkage=shrinkage, degrees_of_freedom=degrees)


def default_conjugate(
    overall: Overall, n_components, family, feature_names
) -> ConjugatePrior:
    """Return `conjugate_prior` of data that were checked."""
    mean, covariance, total = overall
    if total <= 1:
        raise InputError(
            "sample_weight",
            "sum to more than one observation",
            f"a sum of {total:g}",
            "Scale weights that are no counts to a mean of one.",
        )
    d = len(mean)
    scale = spread_in_all_directions(covariance) * total / (total - 1)
    scale /= n_components ** (2 / d)
    if not has_matrices(family):
        scale = np.trace(scale) / d * np.eye(d)
    return ConjugatePrior(mean, SHRINKAGE, d + 2.0, scale, feature_names)


def _mclust_conjugate(
    overall: Overall, n_components, family, feature_names
) -> ConjugatePrior:
    """Return the prior under which mclust's fits with its default prior are maxima.

    In six families mclust departs from the paper as soon as there are several
    components.
    """
    prior = default_conjugate(overall, n_components, family, feature_names)
    name = family.mclust_name
    if n_components == 1:
        return prior
    if name in _MCLUST_WITHOUT_SCALE:
        return replace(prior, scale=np.zeros_like(prior.scale))
    if name not in _MCLUST_DEGREES:
        return prior
    degrees = _MCLUST_DEGREES[name](len(prior.mean), n_components)
    return replace(prior, degrees_of_freedom=float(degrees))


PRIORS = {"default": default_conjugate, "mclust": _mclust_conjugate}


def resolve_prior(
    prior: ConjugatePrior | str | None,
    overall: Overall,
    n_components: int,
    family: CovarianceFamily,
    feature_names: tuple[str, ...],
) -> ConjugatePrior | None:
    """Return the prior of a fit: as given, or by its name."""
    if prior is None:
        return None
    if not isinstance(prior, ConjugatePrior):
        make = PRIORS[check_choice("prior", prior, PRIORS)]
        return make(overall, n_components, family, feature_names)
    d = len(feature_names)
    if len(prior.mean) != d:
        raise InputError(
            "prior",
            f"have the {d} features of `X`",
            f"one of {len(prior.mean)}",
            "Make it from the same columns, for example by `conjugate_prior`.",
        )
    if prior.rows(family, np.zeros((n_components, d)))[0] < 0:
        raise InputError(
            "prior",
            "add no less than nothing to the count of any component",
            f"{prior.degrees_of_freedom:g} degrees of freedom",
            f"Give `degrees_of_freedom` of {d + 2}, the paper's, or another number "
            "above 0.",
        )
    return prior
