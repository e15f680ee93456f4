"""Partitions of the rows, the mixture each suggests, and starts the user gives."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.metrics import pairwise_distances_argmin

from bayesgmm._typing import Floats, Ints
from bayesgmm.covariances import CovarianceFamily
from bayesgmm.errors import InputError
from bayesgmm.extent import Extent
from bayesgmm.fittable import rank_of
from bayesgmm.parameters import MixtureParameters


def kmeans_plusplus_labels(Z, n_components, rng, sample_weight):
    """Spread centres by D^2 sampling; every row goes to the nearest.

    One trial a centre: the greedy variant makes starts alike.
    """
    centres, _ = kmeans_plusplus(
        Z,
        n_components,
        random_state=rng,
        sample_weight=sample_weight,
        n_local_trials=1,
    )
    return pairwise_distances_argmin(Z, centres)


def kmeans_labels(Z, n_components, rng, sample_weight):
    """Take the clusters of k-means."""
    kmeans = KMeans(n_components, n_init=1, random_state=rng)  # pyright: ignore
    return np.asarray(kmeans.fit(Z, sample_weight=sample_weight).labels_, np.intp)


def random_from_data_labels(Z, n_components, rng, sample_weight):
    """Take distinct rows as centres; every row goes to the nearest."""
    share = None if sample_weight is None else sample_weight / sample_weight.sum()
    order = rng.choice(len(Z), size=len(Z), replace=False, p=share)
    _, first = np.unique(Z[order], axis=0, return_index=True)
    centres = Z[order[np.sort(first)[:n_components]]]
    return pairwise_distances_argmin(Z, centres)


def random_labels(Z, n_components, rng, sample_weight):  # noqa: ARG001
    """Deal the rows to components of equal size."""
    return rng.permutation(np.arange(len(Z)) % n_components)


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """Starting values of the user; None where he gave none."""

    weights: Floats | None = None
    means: Floats | None = None
    covariances: Floats | None = None

    def present(self) -> dict[str, Floats]:
        """Return what was given, by name."""
        every = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in every.items() if value is not None}


def standardise(X, sample_weight=None) -> tuple[Floats, Floats, Floats]:
    """Return X with mean 0 and standard deviation 1 by column; the two it had."""
    centre, covariance = weighted_covariance(X, sample_weight)
    scale = np.sqrt(np.diag(covariance))
    scale[scale == 0] = 1.0
    return (X - centre) / scale, centre, scale


class Overall(NamedTuple):
    """Moments of all rows: how many they are, and where and how wide they lie."""

    mean: Floats
    covariance: Floats
    n_observations: float

    @classmethod
    def of(cls, X, sample_weight=None) -> Self:
        """Return the moments of rows without gaps."""
        n = len(X) if sample_weight is None else sample_weight.sum()
        return cls(*weighted_covariance(X, sample_weight), float(n))

    @classmethod
    def of_extent(cls, extent: Extent) -> Self:
        """Return the moments of lazy rows without gaps."""
        return cls(extent.mean, extent.covariance, extent.n_observations)


def weighted_covariance(X, sample_weight=None) -> tuple[Floats, Floats]:
    """Return mean and maximum-likelihood covariance of all rows, in float64."""
    centre = np.average(X, axis=0, weights=sample_weight).astype(np.float64)
    centred = X - centre
    weighted = centred if sample_weight is None else centred * sample_weight[:, None]
    total = len(X) if sample_weight is None else sample_weight.sum()
    shift = weighted.sum(0) / total  # what rounding of the mean left
    return centre + shift, weighted.T @ centred / total - np.outer(shift, shift)


def spread_in_all_directions(covariance: Floats) -> Floats:
    """Return a covariance, or its diagonal where columns are collinear."""
    d = len(covariance)
    return covariance if rank_of(covariance) == d else np.diag(np.diag(covariance))


def start_from_labels(
    X,
    labels: Ints,
    n_components: int,
    family: CovarianceFamily,
    sample_weight: Floats | None = None,
) -> MixtureParameters:
    """Return the means of a partition, with equal weights and equal covariances.

    Covariances and weights of its parts would tie EM to small or narrow ones: from
    equal ones it finds better optima and collapses less. The covariance is that within
    the parts, to which every part adds one row's worth of ``S / n_components^(2/d)``,
    S the covariance of all rows (its diagonal if columns are collinear), the scale of
    Fraley and Raftery's prior [1]_; so it is positive definite even if every row is a
    part.

    References
    ----------
    .. [1] C. Fraley, A. E. Raftery (2007), Bayesian regularization for normal mixture
       estimation and model-based clustering, J. Classification 24:155-181.
    """
    n_features = X.shape[1]
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    mean, covariance = weighted_covariance(X, weight)
    covariance = spread_in_all_directions(covariance)
    means = np.tile(mean, (n_components, 1))
    added = n_components * weight.mean()
    scatter = added * covariance / n_components ** (2 / n_features)
    for k in np.unique(labels):
        members = labels == k
        means[k], inside = weighted_covariance(X[members], weight[members])
        scatter += weight[members].sum() * inside
    pooled = scatter / (weight.sum() + added)
    return MixtureParameters(
        weights=np.full(n_components, 1 / n_components),
        means=means,
        covariances=family.estimate(
            np.tile(pooled, (n_components, 1, 1)), np.ones(n_components)
        ),
        covariance_type=family.name,
        feature_names=tuple(f"x{j}" for j in range(n_features)),
    )


def check_responsibilities(
    responsibilities_init: Any, n_observations: int, n_components: int
) -> Floats | None:
    """Check with which components the user wants EM to begin, row by row.

    Parameters
    ----------
    responsibilities_init : array-like or None
        Shape (n_observations, n_components), rows of sum one; or labels 0, 1, ... of
        shape (n_observations,).
    n_observations, n_components : int

    Returns
    -------
    array of shape (n_observations, n_components) or None

    Raises
    ------
    InputError
        If the shape is wrong, a row is no distribution, or a label is none of the
        components.
    """
    if responsibilities_init is None:
        return None
    if np.ndim(responsibilities_init) == 1:
        return _one_hot(np.asarray(responsibilities_init), n_observations, n_components)
    shape = (n_observations, n_components)
    table = check_numbers("responsibilities_init", responsibilities_init, shape)
    sums = table.sum(axis=1)
    bad = (table < 0).any(axis=1) | (np.abs(sums - 1) > 1e-6)
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(
            "responsibilities_init",
            "have non-negative rows of sum 1",
            f"smallest {table[row].min():g} and sum {sums[row]:g} in row {row}",
            "Divide every row by its sum.",
        )
    return table / sums[:, None]


def _one_hot(labels, n_observations, n_components):
    right = labels.dtype.kind in "iu" and labels.shape == (n_observations,)
    if not right or not np.isin(labels, np.arange(n_components)).all():
        got = f"{labels.dtype} of shape {labels.shape}"
        if right:
            got = f"labels from {labels.min()} to {labels.max()}"
        raise InputError(
            "responsibilities_init",
            f"be whole numbers 0 to {n_components - 1}, one a row, if they are labels",
            got,
            "Number the groups from 0; give shares of components as a table.",
        )
    return np.eye(n_components)[labels]


def check_given(
    weights_init: Any,
    means_init: Any,
    precisions_init: Any,
    shape: tuple[int, int],
    family: CovarianceFamily,
) -> Given:
    """Check starting values, in scikit-learn's shapes.

    Parameters
    ----------
    weights_init, means_init, precisions_init : array-like or None
    shape : tuple of int
        Components and features.
    family : CovarianceFamily

    Raises
    ------
    InputError
        If a shape is wrong, a number is not finite, weights do not sum to one, or
        precisions are not symmetric positive definite.
    """
    compact = family.compact(np.zeros((*shape, shape[1]))).shape
    of_family = f"{family.name} precision"
    weights = _check_any("weights_init", weights_init, shape[:1], "weights")
    means = _check_any("means_init", means_init, shape, "means")
    precisions = _check_any("precisions_init", precisions_init, compact, of_family)
    if weights is not None:
        weights = _check_weights(weights)
    if precisions is None:
        return Given(weights, means)
    matrices = family.expand(precisions, *shape)
    return Given(weights, means, _invert_precisions(matrices, family))


def _check_any(name, value, shape, known_as):
    return None if value is None else check_numbers(name, value, shape, known_as)


def check_numbers(
    name: str, value: Any, shape: tuple[int, ...], known_as: str | None = None
) -> Floats:
    """Return finite numbers of one entry a component, or say what is wrong.

    `known_as` is what scikit-learn's message calls the argument.
    """
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            name, f"be numbers of shape {shape}", type(value).__name__, "Give an array."
        ) from None
    if array.shape != shape or not np.isfinite(array).all():
        misshapen = array.shape != shape
        remedy = "Give one entry for every component, in the shape of the attribute."
        if misshapen and known_as is not None:
            remedy += (
                f" (The parameter '{known_as}' should have the shape of {shape}, but "
                f"got {array.shape}.)"
            )
        raise InputError(
            name,
            f"be finite numbers of shape {shape}",
            f"shape {array.shape}" if misshapen else "NaN or inf",
            remedy,
        )
    return array


def _check_weights(weights):
    if weights.min() < 0 or abs(weights.sum() - 1) > 1e-6:
        raise InputError(
            "weights_init",
            "be non-negative and sum to 1",
            f"a smallest weight of {weights.min():g} and a sum of {weights.sum():g}",
            "Divide them by their sum.",
        )
    return weights / weights.sum()


def _invert_precisions(precisions, family):
    alone = family.mclust_name.endswith("I")
    for k, matrix in enumerate(precisions):
        symmetric = np.allclose(matrix, matrix.T)
        if not symmetric or np.linalg.eigvalsh(matrix)[0] <= 0:
            raise InputError(
                "precisions_init",
                "be symmetric and positive definite",
                f"a precision that is not, for component {k}",
                "Invert covariances of the data to get precisions. (The parameter "
                f"'{family.name} precision' should be "
                f"{'positive' if alone else 'symmetric, positive-definite'}.)",
            )
    return np.linalg.inv(precisions)
