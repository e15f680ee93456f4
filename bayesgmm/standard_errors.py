"""Standard errors of a fit, from what its rows say about every parameter at once."""

import warnings
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_choice
from bayesgmm.charts import Chart, chart_at, unflatten
from bayesgmm.chunks import Chunks, add_labels, is_chunked, open_chunks, row_names
from bayesgmm.dims import COMPONENT, DIMS, FEATURE, FEATURE_BIS, OBSERVATION
from bayesgmm.errors import InputError, UncertaintyWarning
from bayesgmm.information import add_totals, gradients, inform, sum_scores
from bayesgmm.known_labels import check_labels, join_labels, split_labels
from bayesgmm.parameters import MixtureParameters, as_parameters
from bayesgmm.validation import (
    Table,
    are_named,
    check_features,
    check_sample_weight,
    check_table,
)
from bayesgmm.variation import KINDS, Variation, variation_of
from bayesgmm.weight_kinds import weight_kind as find_weight_kind

# Distance from the maximum, in standard errors, that makes the fit no maximum.
FAR = 0.1


def standard_errors(
    em: Any,
    X: Any,
    kind: str = "information",
    *,
    sample_weight: Any = None,
    labels: Any = None,
    weight_kind: str | None = None,
) -> xr.Dataset:
    """Return the standard errors of a maximum-likelihood fit.

    Parameters
    ----------
    em : GaussianMixture or MixtureParameters
    X : array-like of shape (n_observations, n_features) or data frame
        The observations of the fit. Lazy ones (Dask) are read once; ``probability``
        is then lazy.
    kind : {"information", "sandwich", "score"}
        The variance of all free parameters is the inverse of the observed information
        (minus the second derivatives of the log-likelihood); the sandwich, which holds
        even where the model is only an approximation; or the inverse of the outer
        products of the rows' scores, the least steady of the three.
    sample_weight : array-like of shape (n_observations,), optional
        The weights of the fit.
    labels : array-like, optional
        The known labels of the fit.
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
        far as it follows from them. Zero for what the family fixes and what the fit
        held, NaN for what the rows do not identify.

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
    check_choice("kind", kind, KINDS)
    mixture = as_parameters(em)
    meaning = find_weight_kind(weight_kind or getattr(em, "weight_kind", "frequency"))
    read = _open if is_chunked(X) else _read
    rows = read(X, sample_weight, labels, mixture, meaning)
    chart = _chart(mixture)
    totals = rows.sum(_gather_rows, add_totals, mixture, chart, meaning.name)
    variation = variation_of(inform(mixture, chart, totals), chart, kind)
    errors = {
        "weights": _of_weights(mixture, variation),
        "means": _of_means(chart, variation),
        "covariances": _of_covariances(chart, variation),
        "probability": rows.each(_of_memberships, mixture, chart, variation),
    }
    _warn(errors, variation.distance)
    attrs = {
        "kind": kind,
        "weight_kind": meaning.name,
        "n_effective": float(totals.n),
        "n_parameters": mixture.n_parameters,
    }
    return _dataset(errors, mixture, rows.obs_ids, attrs)


class _Rows(NamedTuple):
    """Rows in memory, with what is known of each."""

    obs_ids: Any
    values: Floats
    known: Any

    def sum(self, summarise, add, *arguments):
        return add([summarise(self.values, self.known, *arguments)])

    def each(self, function, *arguments):
        return function(self.values, self.known, *arguments)


class _LazyRows(NamedTuple):
    """Rows that are read chunk by chunk."""

    obs_ids: Any
    chunks: Chunks
    n_components: int

    def sum(self, summarise, add, *arguments):
        return self.chunks.sum(summarise, add, *arguments)

    def each(self, function, *arguments):
        import dask
        import dask.array as da

        known = self.chunks.sample_weight
        given = [self.chunks.array, *([] if known is None else [known])]
        return da.apply_gufunc(
            _each_of_chunk,
            "(d)->(k)" if known is None else "(d),()->(k)",
            *given,
            output_dtypes=float,
            output_sizes={"k": self.n_components},
            told=dask.delayed((function, arguments), traverse=False),  # pyright: ignore[reportPrivateImportUsage]
        )


def _each_of_chunk(rows, known=None, *, told):
    function, arguments = told
    return function(rows, known, *arguments)


def _read(X, sample_weight, labels, mixture, meaning) -> _Rows:
    table = check_table(X, "fiml")
    check_features(table, mixture.feature_names, are_named(mixture.feature_names))
    _refuse_gaps(table)
    n = table.n_observations
    allowed = check_labels(labels, n, mixture.n_components)
    weight = check_sample_weight(sample_weight, n)
    weight = meaning.rescale(np.ones(n) if weight is None else weight)
    known = weight if allowed is None else join_labels(weight, allowed)
    return _Rows(table.obs_ids, table.values, known)


def _open(X, sample_weight, labels, mixture, meaning) -> _LazyRows:
    chunks = open_chunks(X, None, sample_weight, meaning)
    check_features(chunks, mixture.feature_names, are_named(mixture.feature_names))
    if labels is not None:
        chunks = add_labels(chunks, labels, mixture.n_components)
    return _LazyRows(row_names(X, len(chunks)), chunks, mixture.n_components)


def _gather_rows(rows, known, mixture, chart, kind):
    rows, (weight, allowed) = check_table(rows).values, split_labels(known)
    weight = np.ones(len(rows)) if weight is None else weight
    score_weight = find_weight_kind(kind).score_weight(weight)
    return sum_scores(mixture, chart, rows, weight, score_weight, allowed)


def _refuse_gaps(table: Table):
    gaps = np.isnan(table.values).any(axis=1)
    if gaps.any():
        raise InputError(
            "X",
            "have no missing values",
            f"{gaps.sum()} rows with some, the first at row {gaps.argmax()}",
            "Use `bootstrap(em, X)`, which can do with them.",
        )


def _chart(mixture: MixtureParameters) -> Chart:
    """Return coordinates of what the fit did not hold."""
    chart = chart_at(mixture)
    return chart.hold(weights=mixture.weights_held, components=mixture.frozen)


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


def _of_memberships(X, known, mixture, chart: Chart, variation: Variation):
    """A probability r_k grows by r_k (change of log-joint k - their mean under r)."""
    parts, (_, allowed) = [], split_labels(known)
    for _, r, c in gradients(mixture, chart, X, allowed):

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
            "rows, weights and labels of the fit, and fit with `tol=None`; if a prior "
            "or `reg_covar` keeps it from the maximum, use `bootstrap(em, X)`.",
            UncertaintyWarning,
            stacklevel=3,
        )


def _dataset(errors, mixture: MixtureParameters, obs_ids, attrs) -> xr.Dataset:
    names = list(mixture.feature_names)
    dims = DIMS | {"probability": (OBSERVATION, COMPONENT)}
    return xr.Dataset(
        {name: (dims[name], values) for name, values in errors.items()},
        coords={
            COMPONENT: list(mixture.components),
            FEATURE: names,
            FEATURE_BIS: names,
            OBSERVATION: obs_ids,
        },
        attrs=attrs,
    )
