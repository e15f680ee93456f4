"""Standard errors of a fit, from what its rows say about every parameter at once."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_choice
from bayesgmm.charts import Chart, chart_at, unflatten
from bayesgmm.dims import COMPONENT, DIMS, FEATURE, FEATURE_BIS, OBSERVATION
from bayesgmm.errors import UncertaintyWarning
from bayesgmm.information import Information, gather, gradients
from bayesgmm.parameters import MixtureParameters, as_parameters
from bayesgmm.validation import (
    Table,
    are_named,
    check_features,
    check_sample_weight,
    check_table,
)
from bayesgmm.weight_kinds import weight_kind as find_weight_kind

# Share of a direction's information that is left once components are not known. EM
# gains this share a step, so a fit that converged has more.
IDENTIFIED_ABOVE = 1e-9
# A quantity whose gradient has a larger share along such a direction has no error.
TOUCHED_ABOVE = 1e-6
# Distance from the maximum, in standard errors, that makes the fit no maximum.
FAR = 0.1


def standard_errors(
    em: Any,
    X: Any,
    kind: str = "information",
    *,
    sample_weight: Any = None,
    weight_kind: str | None = None,
) -> xr.Dataset:
    """Return the standard errors of a maximum-likelihood fit.

    Parameters
    ----------
    em : GaussianMixture or MixtureParameters
    X : array-like of shape (n_observations, n_features) or data frame
        The observations of the fit.
    kind : {"information", "sandwich", "score"}
        The variance of all free parameters is the inverse of the observed information
        (minus the second derivatives of the log-likelihood); the sandwich, which holds
        even where the model is only an approximation; or the inverse of the outer
        products of the rows' scores, the least steady of the three.
    sample_weight : array-like of shape (n_observations,), optional
        The weights of the fit.
    weight_kind : {"frequency", "reliability"}, optional
        What weights mean, by default what they meant in the fit. A row of frequency 2
        is the row twice. Reliabilities are importance or sampling weights of single
        observations: only their ratios count, and the information that of
        ``sum(w)^2 / sum(w^2)`` observations.

    Returns
    -------
    xarray.Dataset
        Standard errors of ``weights`` (component), ``means`` (component, feature) and
        ``covariances`` (component, feature, feature_bis), in units of the parameters,
        and of ``probability`` (obs_id, component), a row's membership probability as
        far as it follows from them. Zero for what the family fixes, NaN for what the
        rows do not identify.

    Raises
    ------
    InputError
        If `kind` is unknown or `X` has other features than the fit.

    Warns
    -----
    UncertaintyWarning
        If something is not identified, or the fit is no maximum for these rows.

    Notes
    -----
    Errors of covariances and probabilities are by the delta method. They are right
    for many rows and groups that stand apart; `bootstrap` needs less of both.
    Time O(n_observations (n_components n_features^2)^2); memory does not grow with
    rows x parameters.

    References
    ----------
    .. [1] O. Boldea and J. R. Magnus (2009), *Maximum likelihood estimation of the
       multivariate normal mixture model*, J. Am. Stat. Assoc. 104:1539-1549.

    Examples
    --------
    The error of the mean of one normal sample is its standard deviation over sqrt(n):

    >>> import numpy as np
    >>> import bayesgmm as bg
    >>> X = np.array([[1.0], [2.0], [3.0], [6.0]])
    >>> em = bg.GaussianMixture(1).fit(X)
    >>> bg.standard_errors(em, X)["means"].values.round(6)
    array([[0.935414]])
    """
    invert = KINDS[check_choice("kind", kind, KINDS)]
    mixture, table = as_parameters(em), check_table(X)
    check_features(table, mixture.feature_names, are_named(mixture.feature_names))
    weight = check_sample_weight(sample_weight, table.n_observations)
    weight = np.ones(table.n_observations) if weight is None else weight
    meaning = find_weight_kind(weight_kind or getattr(em, "weight_kind", "frequency"))
    weight = meaning.rescale(weight)
    chart = chart_at(mixture)
    information = gather(
        mixture, chart, table.values, weight, meaning.score_weight(weight)
    )
    variation = _variation(information, chart, invert)
    errors = {
        "weights": _of_weights(mixture, variation),
        "means": _of_means(chart, variation),
        "covariances": _of_covariances(chart, variation),
        "probability": _of_memberships(mixture, chart, variation, table.values),
    }
    _warn(errors, variation.distance)
    attrs = {
        "kind": kind,
        "weight_kind": meaning.name,
        "n_effective": float(weight.sum()),
        "n_parameters": mixture.n_parameters,
    }
    return _dataset(errors, mixture, table, attrs)


# -- the variance of the free parameters, as a square root ---------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Variation:
    """How the coordinates of all components vary together.

    Attributes
    ----------
    half : array of shape (n_components, n_coordinates, n)
        A square root: the variance is ``half @ half.T``.
    blind : array of shape (n_components, n_coordinates, m)
        Directions that the rows do not identify.
    unit : array of shape (n_components, n_coordinates, n_parameters)
        Steps that are one standard error if components are known.
    distance : float
        From the maximum, in standard errors.
    """

    half: Floats
    blind: Floats
    unit: Floats
    distance: float

    def error(self, move: Callable[[Floats], Floats]) -> Floats:
        """Return standard errors of what `move` makes of coordinates, linearly.

        Parameters
        ----------
        move : callable
            (n_components, n_coordinates, n) -> (..., n), for any n.
        """
        error = np.linalg.norm(move(self.half), axis=-1)
        if not self.blind.size:
            return error
        lost = np.linalg.norm(move(self.blind), axis=-1)
        whole = np.linalg.norm(move(self.unit), axis=-1)
        return np.where(lost > TOUCHED_ABOVE * whole, np.nan, error)


def _variation(information: Information, chart: Chart, invert) -> Variation:
    known = information.complete > 0
    step = 1.0 / np.sqrt(np.where(known, information.complete, 1.0))
    scaled = Information(
        information.gradient * step,
        information.observed * np.outer(step, step),
        information.scores * np.outer(step, step),
        information.complete,
    )
    half, blind = invert(scaled)
    root, _ = _invert(scaled.observed)
    unit = chart.jacobian * step
    distance = float(np.linalg.norm(scaled.gradient @ root))
    return Variation(unit @ half, unit @ blind, unit, distance)


def _invert(matrix):
    """Return a square root of the inverse, and the directions that have none."""
    values, vectors = np.linalg.eigh(matrix)
    good = values > IDENTIFIED_ABOVE
    return vectors[:, good] / np.sqrt(values[good]), vectors[:, ~good]


def _sandwich(information: Information):
    bread, blind = _invert(information.observed)
    values, vectors = np.linalg.eigh(bread.T @ information.scores @ bread)
    return bread @ (vectors * np.sqrt(np.maximum(values, 0.0))), blind


KINDS: dict[str, Callable[[Information], tuple[Floats, Floats]]] = {
    "information": lambda information: _invert(information.observed),
    "sandwich": _sandwich,
    "score": lambda information: _invert(information.scores),
}


# -- from coordinates to parameters --------------------------------------------------


def _of_weights(mixture: MixtureParameters, variation: Variation):
    weights = mixture.weights
    gradient = np.diag(weights) - np.outer(weights, weights)
    error = variation.error(lambda part: gradient @ part[:, 0])
    return np.where(weights > 0, error, np.nan)  # at the edge, where no slope is zero


def _of_means(chart: Chart, variation: Variation):
    d = chart.roots.shape[-1]
    return variation.error(lambda part: chart.roots @ part[:, 1 : 1 + d])


def _of_covariances(chart: Chart, variation: Variation):
    roots, d = chart.roots, chart.roots.shape[-1]

    def move(part):
        excesses = unflatten(np.swapaxes(part[:, 1 + d :], 1, 2), d)
        moved = roots[:, None] @ excesses @ np.swapaxes(roots, 1, 2)[:, None]
        return np.moveaxis(moved, 1, -1)

    return variation.error(move)


def _of_memberships(mixture, chart: Chart, variation: Variation, X):
    """A probability r_k grows by r_k (change of log-joint k - their mean under r)."""
    parts = []
    for _, r, c in gradients(mixture, chart, X):

        def move(part, r=r, c=c):
            changes = (c.transpose(1, 0, 2) @ part).transpose(1, 0, 2)
            return r[..., None] * (
                changes - np.einsum("nk,nkp->np", r, changes)[:, None]
            )

        parts.append(variation.error(move))
    return np.concatenate(parts)


# -- what the user sees --------------------------------------------------------------


def _warn(errors, distance):
    axes = {name: tuple(range(1, errors[name].ndim)) for name in DIMS}
    lost = np.any([np.isnan(errors[name]).any(axes[name]) for name in DIMS], axis=0)
    if lost.any():
        which = ", ".join(map(str, np.flatnonzero(lost)))
        warnings.warn(
            f"The rows do not identify all parameters of component {which}: the "
            "information is not positive definite, and their standard errors are NaN. "
            "Use `bootstrap(em, X)`, a simpler `covariance_type`, or fewer components.",
            UncertaintyWarning,
            stacklevel=3,
        )
    if distance > FAR:
        warnings.warn(
            f"The fit is {distance:.2g} standard errors from the maximum of the "
            "likelihood of these rows, where standard errors mean little. Pass the "
            "rows and weights of the fit, and fit with `tol=None`; if a prior or "
            "`reg_covar` keeps it from the maximum, use `bootstrap(em, X)`.",
            UncertaintyWarning,
            stacklevel=3,
        )


def _dataset(errors, mixture: MixtureParameters, table: Table, attrs) -> xr.Dataset:
    names = list(mixture.feature_names)
    dims = DIMS | {"probability": (OBSERVATION, COMPONENT)}
    return xr.Dataset(
        {name: (dims[name], values) for name, values in errors.items()},
        coords={
            COMPONENT: np.arange(mixture.n_components),
            FEATURE: names,
            FEATURE_BIS: names,
            OBSERVATION: table.obs_ids,
        },
        attrs=attrs,
    )
