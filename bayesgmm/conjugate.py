"""A prior that adds observations nobody made: to every mean, and to covariances.

Given its covariance a mean is normal, and covariances are inverse-Wishart or, where a
family has variances only, inverse-gamma. The maximum with such a prior is that of the
likelihood with a few more rows, so the M-step stays the family's own. Fraley and
Raftery (2007), *Bayesian regularization for normal mixture estimation and model-based
clustering*, J. Classification 24:155-181.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_choice, check_count, check_number
from bayesgmm.covariances import CovarianceFamily, covariance_family
from bayesgmm.errors import InputError
from bayesgmm.fittable import check_fittable
from bayesgmm.initialise import Overall, spread_in_all_directions
from bayesgmm.parameters import MixtureParameters
from bayesgmm.validation import check_sample_weight, check_table

SHRINKAGE = 0.01
# An eigenvalue of a correlation matrix that is zero but for rounding.
ROUNDING = 1e-10

# What has the inverse distribution: of each, degrees of freedom and features -> how
# many rows of a component the exponent of determinants is worth, and the share of the
# scale matrix that these rows have as their scatter.
Worth = Callable[[float, int], tuple[float, float]]


def _matrix(degrees, n_features):
    return degrees + n_features + 1, 1.0


def _variance_of_each_feature(degrees, n_features):  # noqa: ARG001
    return degrees + 2, 1.0


def _one_variance(degrees, n_features):
    return (degrees + 2) / n_features, 1 / n_features


# By a family's letters for shapes and axes; a matrix where not listed.
_WORTH: dict[str, Worth] = {
    "II": _one_variance,
    "EI": _variance_of_each_feature,
    "VI": _variance_of_each_feature,
}


def _of_the_paper(n_features, n_components):  # noqa: ARG001
    return n_features + 2


# Degrees of freedom by which mclust's converged fits of several components are maxima,
# where they are not the d + 2 of the paper: (n_features, n_components) -> degrees.
_DEGREES: dict[str, Callable[[int, int], float]] = {
    "EEI": lambda d, k: d + 2 - k,
    "VEI": lambda d, k: (d + 5) / d - 3,  # noqa: ARG005
    "EVI": lambda d, k: (d + 4) / k - 3,
    "EEV": lambda d, k: (2 * d + 4) / k - d - 2,
    "VEV": lambda d, k: -d - 2,  # noqa: ARG005
}
# Where mclust's fits of several components are maxima without any scale.
_WITHOUT_SCALE = ("EII",)


@dataclass(frozen=True, slots=True, eq=False)
class ConjugatePrior:
    """Means normal given covariances, covariances inverse-Wishart or inverse-gamma.

    mean_k | covariance_k ~ Normal(mean, covariance_k / shrinkage), and covariance_k ~
    InverseWishart(degrees_of_freedom, scale). Families with the features as axes have
    ``variance_kj ~ InverseGamma(degrees_of_freedom / 2, scale_jj / 2)`` for every
    feature, balls one such variance with the mean of ``scale_jj``. What all components
    share has one such factor. Families that share something in part have the density
    of the product over components, taken where the family is.

    Attributes
    ----------
    mean : array of shape (n_features,)
    shrinkage : float
        How many rows at `mean` every component has beside its own. 0 or more.
    degrees_of_freedom : float
        More ties covariances more closely to `scale`. Up to ``n_features - 1`` (balls
        and features as axes: 0) the density has no finite integral, yet a maximum.
    scale : array of shape (n_features, n_features)
        In squared units of the data, symmetric, no eigenvalue below zero.
    feature_names : tuple of str
    """

    mean: Floats
    shrinkage: float
    degrees_of_freedom: float
    scale: Floats
    feature_names: tuple[str, ...]

    def __post_init__(self):
        for name in ("mean", "scale"):
            value = np.array(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, value)
        _check_number("shrinkage", self.shrinkage)
        _check_scale(self.scale, len(self.feature_names))
        if self.mean.shape != (len(self.feature_names),):
            raise InputError(
                "mean",
                f"have shape ({len(self.feature_names)},), one entry a feature name",
                f"shape {self.mean.shape}",
                "Give one number for every feature.",
            )

    def __str__(self) -> str:
        lines = [
            f"shrinkage {self.shrinkage:g}, degrees of freedom "
            f"{self.degrees_of_freedom:g}",
            "feature: mean, scale",
        ]
        rows = zip(self.feature_names, self.mean, self.scale, strict=True)
        for name, mean, row in rows:
            lines.append(f"{name}: {mean:.4g}, " + " ".join(f"{v:.4g}" for v in row))
        return "\n".join(lines)

    def shrink(self, counts: Floats, means: Floats) -> Floats:
        """Return the means of `counts` rows with these means and those of the prior.

        Parameters
        ----------
        counts : array of shape (n_components,)
        means : array of shape (n_components, n_features)
        """
        total = counts + self.shrinkage
        share = self.shrinkage / np.where(total > 0, total, 1.0)
        return means + share[:, None] * (self.mean - means)

    def rows(self, family: CovarianceFamily, means: Floats) -> tuple[float, Floats]:
        """Return for how many rows of each component it stands, and their scatters.

        With these added to counts and scatters around `means`, a family's estimate is
        the maximum of the expected log-likelihood plus `log_density`.

        Parameters
        ----------
        family : CovarianceFamily
        means : array of shape (n_components, n_features)

        Returns
        -------
        count : float
        scatters : array of shape (n_components, n_features, n_features)
        """
        name, (k, d) = family.mclust_name, means.shape
        count, share = _WORTH.get(name[1:], _matrix)(self.degrees_of_freedom, d)
        copies = 1.0 if "V" in name else 1 / k  # what all share has one
        gaps = means - self.mean
        around = self.shrinkage * gaps[:, :, None] * gaps[:, None, :]
        return 1 + copies * count, copies * share * self.scale + around

    def log_density(self, at: MixtureParameters) -> float:
        """Return the log density of means and covariances, without its constant.

        The constant depends on the prior and the family only, and is infinite for the
        default prior of some families; see `conjugate_prior`.

        Parameters
        ----------
        at : MixtureParameters

        Returns
        -------
        float
        """
        count, scatters = self.rows(at.family, at.means)
        whiteners = at.precisions_cholesky
        log_roots = np.log(np.diagonal(whiteners, axis1=1, axis2=2)).sum()
        traces = np.einsum("kij,kil,klj->", whiteners, scatters, whiteners)
        return float(count * log_roots - 0.5 * traces)


def conjugate_prior(
    X,
    n_components: int,
    covariance_type: str = "full",
    *,
    sample_weight=None,
    shrinkage: float = SHRINKAGE,
    degrees_of_freedom: float | None = None,
) -> ConjugatePrior:
    """Return the prior of Fraley and Raftery, scaled to the data, as mclust uses it.

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
        ``n_features + 2`` is that of the paper. None is mclust's, which is another for
        several components of "EEI", "VEI", "EVI", "EEV" and "VEV".

    Returns
    -------
    ConjugatePrior
        Its scale is the covariance of all rows over ``n_components ** (2 /
        n_features)``; for balls and families with the features as axes, that factor
        times the mean of the variances, so there features should be in comparable
        units. It is zero for several components of "EII", as mclust's. If columns are
        collinear, or there are no more rows than columns, the covariance has no spread
        in some direction and only its diagonal is used.

    Raises
    ------
    InputError
        If the data cannot carry a mixture of `n_components`.

    Notes
    -----
    In six families mclust departs from the one rule of the paper as soon as there are
    several components. The defaults here are those under which mclust's converged fits
    are maxima. For the rule of the paper give ``degrees_of_freedom=n_features + 2``,
    and a `ConjugatePrior` with a scale for "EII".

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
    _check_number("shrinkage", shrinkage)
    table = check_table(X)
    family = covariance_family(covariance_type, table.n_features)
    check_fittable(table, n_components, distinct=False)
    weight = check_sample_weight(sample_weight, table.n_observations)
    overall = Overall.of(table.values, weight)
    prior = default_conjugate(
        overall, n_components, family, table.feature_names, shrinkage
    )
    if degrees_of_freedom is None:
        return prior
    return replace(prior, degrees_of_freedom=float(degrees_of_freedom))


def default_conjugate(
    overall: Overall, n_components, family, feature_names, shrinkage=SHRINKAGE
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
    name, d = family.mclust_name, len(mean)
    scale = spread_in_all_directions(covariance) * total / (total - 1)
    scale /= n_components ** (2 / d)
    if name[1:] in _WORTH:
        scale = np.trace(scale) / d * np.eye(d)
    several = n_components > 1
    degrees = _DEGREES.get(name, _of_the_paper) if several else _of_the_paper
    if several and name in _WITHOUT_SCALE:
        scale = np.zeros_like(scale)
    return ConjugatePrior(
        mean, shrinkage, float(degrees(d, n_components)), scale, feature_names
    )


PRIORS = {"default": default_conjugate}


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


def _check_number(name, value):
    check_number(name, value, "be a number of 0 or more", lambda number: number >= 0)


def _check_scale(scale, d):
    good = scale.shape == (d, d) and np.isfinite(scale).all()
    if good:
        roots = np.sqrt(np.maximum(np.diag(scale), 0.0))
        unit = np.where(roots > 0, roots, 1.0)
        lowest = np.linalg.eigvalsh(scale / np.outer(unit, unit))[0]
        good = np.allclose(scale, scale.T) and lowest > -ROUNDING
    if not good:
        raise InputError(
            "scale",
            f"be a symmetric matrix of shape ({d}, {d}) without negative eigenvalues",
            f"shape {scale.shape}" if scale.shape != (d, d) else "another matrix",
            "Give for example a covariance of the data.",
        )
