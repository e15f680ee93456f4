"""A prior that adds observations nobody made: to every mean, and to covariances.

Given its covariance a mean is normal, and covariances are inverse-Wishart or, where a
family has variances only, inverse-gamma. The maximum with such a prior is that of the
likelihood with a few more rows, so the M-step stays the family's own. Fraley and
Raftery (2007), *Bayesian regularization for normal mixture estimation and model-based
clustering*, J. Classification 24:155-181.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_number
from bayesgmm.covariances import CovarianceFamily
from bayesgmm.errors import InputError
from bayesgmm.parameters import MixtureParameters

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


def has_matrices(family: CovarianceFamily) -> bool:
    """Tell whether a family has covariances, not variances only."""
    return family.mclust_name[1:] not in _WORTH


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
        check_at_least_zero("shrinkage", self.shrinkage)
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


def check_at_least_zero(name: str, value: float) -> None:
    """Refuse a number below zero."""
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
