"""Priors on the covariances of components."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_number
from bayesgmm.covariances import CovarianceFamily
from bayesgmm.errors import InputError
from bayesgmm.priors.hyper import check_positive
from bayesgmm.priors.means import per_feature

# Of two last letters, what of a covariance is free: one variance, or one a feature.
_VARIANCES = {"II": "one", "EI": "each", "VI": "each"}


@dataclass(frozen=True, slots=True, eq=False)
class LogNormalLKJ:
    """Standard deviations ~ LogNormal, correlations ~ LKJ(correlations_eta).

    The log-normal vanishes at zero faster than any power, so the posterior is proper
    even if observations are tied.

    Attributes
    ----------
    sds_log_location : array of shape (n_features,)
        Log of the prior median of a component's standard deviation.
    sds_log_scale : float
    correlations_eta : float
    """

    sds_log_location: Floats
    sds_log_scale: float = 0.75
    correlations_eta: float = 2.0

    def __post_init__(self):
        location = per_feature("sds_log_location", self.sds_log_location)
        object.__setattr__(self, "sds_log_location", location)
        check_positive("sds_log_scale", self.sds_log_scale)
        check_positive("correlations_eta", self.correlations_eta)

    @property
    def n_features(self) -> int:
        return self.sds_log_location.shape[-1]

    @property
    def is_exchangeable(self) -> bool:
        return self.sds_log_location.ndim == 1

    def lines(self, names) -> list[str]:
        medians = np.exp(np.atleast_2d(self.sds_log_location))
        places = [
            (name if len(medians) == 1 else f"{k}, {name}", median)
            for k, row in enumerate(medians)
            for name, median in zip(names, row, strict=True)
        ]
        lines = [
            f"standard_deviations[{place}] ~ LogNormal(log {median:.4g}, "
            f"{self.sds_log_scale:g})"
            for place, median in places
        ]
        return [*lines, f"correlations ~ LKJ({self.correlations_eta:g})"]


@dataclass(frozen=True, slots=True, eq=False)
class InverseWishart:
    """covariances_k ~ InverseWishart(degrees_of_freedom, scale).

    The density is proportional to ``|covariance| ** -(degrees_of_freedom + d + 1) / 2``
    times ``exp(-trace(scale @ precision) / 2)``. Families with the features as axes
    have ``variance_j ~ InverseGamma(degrees_of_freedom / 2, scale_jj / 2)`` for every
    feature, balls one such variance with the mean of ``scale_jj``. What components
    share is drawn once.

    Attributes
    ----------
    degrees_of_freedom : float
        Above ``n_features - 1``.
    scale : array of shape (n_features, n_features), or one such for every component
        Positive definite, in squared units of the data.
    """

    degrees_of_freedom: float
    scale: Floats

    def __post_init__(self):
        scale = check_positive_definite("scale", self.scale, (2, 3))
        object.__setattr__(self, "scale", scale)
        _check_degrees("degrees_of_freedom", self.degrees_of_freedom, scale.shape[-1])

    @property
    def n_features(self) -> int:
        return self.scale.shape[-1]

    @property
    def is_exchangeable(self) -> bool:
        return self.scale.ndim == 2 or bool((self.scale == self.scale[0]).all())

    def lines(self, names) -> list[str]:
        rows = [f"{name}: {_numbers(row)}" for name, row in _rows(names, self.scale)]
        head = f"covariances ~ InverseWishart({self.degrees_of_freedom:g}, scale)"
        return [head, *(f"scale, {row}" for row in rows)]

    def draw(self, rng, n_draws: int, n_components: int, family: CovarianceFamily):
        scale = np.broadcast_to(
            self.scale, (n_components, self.n_features, self.n_features)
        )
        scales = np.broadcast_to(
            as_blocks(scale, family),
            (n_draws, *as_blocks(scale, family).shape),
        )
        drawn = np.linalg.inv(
            draw_wishart(rng, self.degrees_of_freedom, np.linalg.inv(scales))
        )
        k, d = n_components, self.n_features
        return {"covariances": from_blocks(drawn, k, d)}

    def log_density(
        self, values: dict[str, Floats], family: CovarianceFamily
    ) -> Floats:
        k = values["covariances"].shape[-3]
        scale = np.broadcast_to(self.scale, (k, self.n_features, self.n_features))
        return log_inverse_wishart(
            as_blocks(values["covariances"], family),
            self.degrees_of_freedom,
            as_blocks(scale, family),
        )


@dataclass(frozen=True, slots=True, eq=False)
class HierarchicalInverseWishart:
    """covariances_k ~ InverseWishart(degrees_of_freedom, S), S ~ Wishart.

    The components tell each other their size: S, ``covariances_scale`` in the
    posterior, has mean ``scale_degrees_of_freedom * scale_matrix``. With one feature
    the prior of Richardson and Green [1]_, with more that of Stephens [2]_. Families of
    variances have an S as theirs: independent gamma variables on its diagonal, or one.

    Attributes
    ----------
    degrees_of_freedom : float
        Above ``n_features - 1``.
    scale_degrees_of_freedom : float
        Above ``n_features - 1``.
    scale_matrix : array of shape (n_features, n_features)

    References
    ----------
    .. [1] S. Richardson, P. J. Green (1997), *On Bayesian analysis of mixtures with an
       unknown number of components*, JRSS-B 59:731-792.
    .. [2] M. Stephens (1997), *Bayesian methods for mixtures of normal distributions*,
       DPhil thesis, Oxford.
    """

    degrees_of_freedom: float
    scale_degrees_of_freedom: float
    scale_matrix: Floats

    def __post_init__(self):
        matrix = check_positive_definite("scale_matrix", self.scale_matrix, (2,))
        object.__setattr__(self, "scale_matrix", matrix)
        for name in ("degrees_of_freedom", "scale_degrees_of_freedom"):
            _check_degrees(name, getattr(self, name), len(matrix))

    @property
    def n_features(self) -> int:
        return len(self.scale_matrix)

    @property
    def is_exchangeable(self) -> bool:
        return True

    def lines(self, names) -> list[str]:
        rows = _rows(names, self.scale_matrix)
        return [
            f"covariances ~ InverseWishart({self.degrees_of_freedom:g}, S)",
            f"S ~ Wishart({self.scale_degrees_of_freedom:g}, V)",
            *(f"V, {name}: {_numbers(row)}" for name, row in rows),
        ]

    def draw(self, rng, n_draws: int, n_components: int, family: CovarianceFamily):
        k, d = n_components, self.n_features
        matrix = as_blocks(self.scale_matrix[None], family)[0]
        matrices = np.broadcast_to(matrix, (n_draws, *matrix.shape))
        scales = draw_wishart(rng, self.scale_degrees_of_freedom, matrices)
        copies = 1 if is_shared(family) else k
        inverse = np.repeat(np.linalg.inv(scales)[:, None], copies, axis=1)
        drawn = np.linalg.inv(draw_wishart(rng, self.degrees_of_freedom, inverse))
        return {
            "covariances": from_blocks(drawn, k, d),
            "covariances_scale": from_blocks(scales[:, None], 1, d)[:, 0],
        }

    def log_density(
        self, values: dict[str, Floats], family: CovarianceFamily
    ) -> Floats:
        scales = as_blocks(values["covariances_scale"][..., None, :, :], family)
        covariances = as_blocks(values["covariances"], family)
        given = log_inverse_wishart(covariances, self.degrees_of_freedom, scales)
        matrix = as_blocks(self.scale_matrix[None], family)
        return given + log_wishart(scales, self.scale_degrees_of_freedom, matrix)


CovariancesPrior = LogNormalLKJ | InverseWishart | HierarchicalInverseWishart


# -- what of covariances is free, as blocks of matrices ----------------------------


def is_conjugate_family(family: CovarianceFamily) -> bool:
    """Tell whether a family's free parts are whole matrices or whole variances."""
    first, shape, axes = family.mclust_name
    whole = axes == "I" and shape in ("I", first)
    return whole or first == shape == axes


def is_shared(family: CovarianceFamily) -> bool:
    """Tell whether all components have the same covariance."""
    return "V" not in family.mclust_name


def as_blocks(matrices: Floats, family: CovarianceFamily) -> Floats:
    """Return what is free of matrices (..., k, d, d), as (..., copies, blocks, p, p).

    One matrix of d features, d variances, or one variance (the mean of d); of every
    component, or of the first where components share it.
    """
    if is_shared(family):
        matrices = matrices[..., :1, :, :]
    kind = _VARIANCES.get(family.mclust_name[1:])
    if kind is None:
        return matrices[..., None, :, :]
    variances = np.diagonal(matrices, axis1=-2, axis2=-1)
    if kind == "one":
        variances = variances.mean(axis=-1, keepdims=True)
    return variances[..., None, None]


def from_blocks(blocks: Floats, n_components: int, n_features: int) -> Floats:
    """Undo `as_blocks`: matrices of shape (..., n_components, d, d)."""
    if blocks.shape[-3] == 1 and blocks.shape[-1] == n_features:
        matrices = blocks[..., 0, :, :]
    else:
        matrices = blocks[..., 0] * np.eye(n_features)
    shape = (*matrices.shape[:-3], n_components, n_features, n_features)
    return np.broadcast_to(matrices, shape).copy()


# -- Wishart distributions, over leading axes --------------------------------------


def draw_wishart(rng, degrees: float | Floats, matrices: Floats) -> Floats:
    """Draw Wishart matrices of mean ``degrees * matrices`` by Bartlett's factors.

    Degrees that differ have shape (..., 1).
    """
    p = matrices.shape[-1]
    factors = np.tril(rng.standard_normal(matrices.shape), -1)
    chi2 = rng.chisquare(degrees - np.arange(p), matrices.shape[:-1])
    factors += np.sqrt(chi2)[..., None] * np.eye(p)
    lower = np.linalg.cholesky(matrices) @ factors
    return lower @ np.swapaxes(lower, -1, -2)


def log_wishart(matrices: Floats, degrees: float, scale: Floats) -> Floats:
    """Return log densities, summed over copies and blocks, (..., copies, blocks)."""
    p = matrices.shape[-1]
    traces = np.trace(np.linalg.solve(scale, matrices), axis1=-2, axis2=-1)
    logs = _log_det(matrices) * (degrees - p - 1) - _log_det(scale) * degrees
    constant = degrees * p * np.log(2.0) / 2 + log_multigamma(degrees / 2, p)
    return (0.5 * (logs - traces) - constant).sum((-2, -1))


def log_inverse_wishart(
    matrices: Floats, degrees: float | Floats, scale: Floats
) -> Floats:
    """Return log densities, summed over copies and blocks, (..., copies, blocks)."""
    p = matrices.shape[-1]
    traces = np.trace(np.linalg.solve(matrices, scale), axis1=-2, axis2=-1)
    logs = _log_det(scale) * degrees - _log_det(matrices) * (degrees + p + 1)
    constant = degrees * p * np.log(2.0) / 2 + log_multigamma(degrees / 2, p)
    return (0.5 * (logs - traces) - constant).sum((-2, -1))


def log_multigamma(a: float | Floats, p: int) -> Floats:
    """Return the logarithm of the multivariate gamma function of p dimensions."""
    each = gammaln(np.asarray(a)[..., None] - np.arange(p) / 2)
    return p * (p - 1) / 4 * np.log(np.pi) + each.sum(-1)


def _log_det(matrices):
    return np.linalg.slogdet(matrices)[1]


# -- the door ----------------------------------------------------------------------


def check_positive_definite(name: str, value, n_axes: tuple[int, ...]) -> Floats:
    """Return matrices, refused unless symmetric and positive definite."""
    array = np.array(value, dtype=np.float64)
    good = array.ndim in n_axes and array.shape[-1] == array.shape[-2]
    good = good and array.size > 0 and np.isfinite(array).all()
    if good:
        roots = np.sqrt(np.maximum(np.diagonal(array, axis1=-2, axis2=-1), 1e-300))
        unit = array / (roots[..., :, None] * roots[..., None, :])
        good = np.allclose(unit, np.swapaxes(unit, -1, -2))
        good = good and bool((np.linalg.eigvalsh(unit) > 1e-10).all())
    if not good:
        raise InputError(
            name,
            "be symmetric and positive definite, of shape (n_features, n_features)",
            f"shape {array.shape}" if array.ndim not in n_axes else "another matrix",
            "Give for example a covariance of the data.",
        )
    return array


def _check_degrees(name, value, n_features):
    check_number(
        name,
        value,
        f"be a number above n_features - 1 = {n_features - 1}",
        lambda number: number > n_features - 1,
    )


def _rows(names, matrices):
    if matrices.ndim == 2:
        return list(zip(names, matrices, strict=True))
    return [
        (f"{k}, {name}", row)
        for k, matrix in enumerate(matrices)
        for name, row in zip(names, matrix, strict=True)
    ]


def _numbers(row):
    return " ".join(f"{value:.4g}" for value in row)
